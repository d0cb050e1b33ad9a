import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { instrument } from 'openrtc-otel';
import { identity, withEnvironment } from './support.js';

/**
 * The body of a worker's second report, as sent: the first tells sums of zero.
 * @param {Record<string, string>} settings @param {number} tenants
 */
export async function oneReport(settings, tenants = 0) {
  /** @type {Buffer[]} */
  const bodies = [];
  const server = createServer(async (request, response) => {
    bodies.push(await buffer(request));
    response.end();
    server.emit('report');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}`,
    OTEL_TRACES_EXPORTER: 'none',
    ...settings,
  };
  await withEnvironment(environment, async () => {
    const sessionsByTenant = Object.fromEntries(
      Array.from({ length: tenants }, (_, n) => [`tenant-${n}`, n]),
    );
    const pool = { runtimeSnapshot: () => ({ activeSessions: 45, draining: false, sessionsByTenant }) };
    const telemetry = instrument(pool, {
      poolName: identity.poolName,
      workerId: identity.workerId,
      deploymentVersion: identity.version,
      drainTimeoutSeconds: 600,
      ...(tenants > 0 && { tenantLimit: tenants }),
    });
    for (let n = 0; n < 1000; n++) telemetry.startSession().end('success');
    while (bodies.length < 2) await once(server, 'report');
    await telemetry.shutdown({ now: true });
  });
  server.close();
  server.closeAllConnections();
  return bodies[1] ?? Buffer.alloc(0);
}

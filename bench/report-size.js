import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { instrument } from 'openrtc-otel';
import { identity, judged, withEnvironment } from './support.js';

const GOAL_BYTES = 1000;

/** @param {number} value */
const bytes = (value) => `${value} B`;

/**
 * The size of a worker's second report on the wire: the first tells sums of zero.
 * @param {Record<string, string>} settings @param {number} tenants
 */
async function measure(settings, tenants = 0) {
  /** @type {number[]} */
  const sizes = [];
  const server = createServer(async (request, response) => {
    sizes.push((await buffer(request)).length);
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
    while (sizes.length < 2) await once(server, 'report');
    await telemetry.shutdown({ now: true });
  });
  server.close();
  server.closeAllConnections();
  return sizes[1] ?? Number.NaN;
}

const JSON_ENCODING = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
const PROTOBUF = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
const GZIP = { ...PROTOBUF, OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };

/** @type {import('./support.js').Topic} */
export const reportSize = {
  title: 'The body of one whole report, as sent',
  run: async () => [
    { label: 'JSON', value: bytes(await measure(JSON_ENCODING)) },
    { label: 'protobuf', value: bytes(await measure(PROTOBUF)) },
    judged('protobuf, gzipped', await measure(GZIP), GOAL_BYTES, bytes),
    { label: 'protobuf, gzipped, with 10 tenants', value: bytes(await measure(GZIP, 10)) },
  ],
};

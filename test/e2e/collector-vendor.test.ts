import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { Stage } from '../../examples/scenarios/stage.js';
import { METRICS, SESSION_SPAN } from '../../src/attributes.js';
import { command } from '../cli/command.js';
import { recipeOf } from '../support/recipes.js';
import { StrictBackend } from '../support/strict-backend.js';
import { DYNATRACE } from '../support/vendors.js';
import { Collector } from './support/collector.js';

const TEMPORALITY = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
const POOL = 'vendor';
const SETTLED = 5;

/** A port that nobody listens on yet. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}

it('who has only a vendor gets the verdict from a gate that the Collector sends to', async () => {
  await using vendor = await StrictBackend.start(DYNATRACE);
  const port = await freePort();
  const recipe = recipeOf(DYNATRACE.name, vendor.url);
  await using collector = await Collector.start(['vendor'], {
    VENDOR_OTLP_URL: recipe.OTEL_EXPORTER_OTLP_ENDPOINT ?? '',
    VENDOR_AUTHORIZATION: 'Api-Token secret',
    GATE_OTLP_URL: `http://127.0.0.1:${port}`,
  });
  const stage = await Stage.open({
    pool: POOL,
    sources: [],
    alsoTo: [collector.url],
    env: { OTEL_TRACES_EXPORTER: 'otlp', [TEMPORALITY]: recipe[TEMPORALITY] ?? '' },
    intervalSeconds: 1,
  });
  try {
    const blue = await stage.start('v1', 2);
    const calls = await stage.call(blue, 2);
    const args = ['--json', '--target', 'v2', '--expect', '2', '--pool', POOL, '--timeout', '3m'];
    const gate = command(['watch', ...args, '--listen', `127.0.0.1:${port}`]);
    const hears = (phase: string) =>
      vi.waitFor(() => expect(gate.stdout).toContain(`"phase":"${phase}"`), { timeout: 60_000 });
    await hears('waiting');
    await stage.start('v2', 2);
    await hears('rolling');
    await stage.pass(SETTLED);
    stage.signal('SIGTERM', blue);
    await hears('draining');
    await stage.hangUp(calls);
    await stage.gone(blue);
    expect(await gate.exitCode, gate.stdout + gate.stderr).toBe(0);

    expect(vendor.refusals).toEqual([]);
    const goodbyes = vendor.points.filter(({ name, value }) => name === METRICS.running.name && value === 0);
    expect(goodbyes).toHaveLength(2);
    expect(vendor.spans.filter(({ name }) => name === SESSION_SPAN)).toHaveLength(2);
    const bytes = vendor.sizes.reduce((sum, size) => sum + size.bytes, 0);
    const points = vendor.sizes.reduce((sum, size) => sum + size.points, 0);
    console.log(`${vendor.sizes.length} requests, ${(bytes / points).toFixed(0)} bytes a datapoint`);
  } finally {
    await stage.close();
  }
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { WorkerWatch } from '../../src/bridge/worker-watch.js';
import { setEnvironment } from '../support/environment.js';
import { Backend } from '../wire/support/backend.js';
import { reportingTo } from '../wire/support/environment.js';
import { eventually } from '../wire/support/eventually.js';

afterEach(() => vi.unstubAllEnvs());

/** Answers with an uptime, so many seconds after it began. */
async function watchOf(uptimeAt: (seconds: number) => number) {
  const began = performance.now();
  const server = createServer((_, response) => {
    const uptime_seconds = uptimeAt((performance.now() - began) / 1000);
    response.end(JSON.stringify({ active_sessions: 1, draining: false, uptime_seconds }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const [onBirth, onDeath] = [vi.fn(), vi.fn((life) => void life.sayGoodbye())];
  const watch = new WorkerWatch({
    sources: { url },
    deploymentVersion: 'v1',
    drainingSince: () => undefined,
    onBirth,
    onDrain: () => {},
    onDeath,
  });
  const timer = setInterval(() => watch.update(), 50);
  return {
    onBirth,
    onDeath,
    seconds: () => (performance.now() - began) / 1000,
    [Symbol.dispose]() {
      clearInterval(timer);
      watch.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

it('an endpoint of another worker is known by an uptime that is too short, even where it is longer than the last', async () => {
  await using backend = await Backend.start();
  setEnvironment(reportingTo(backend));
  // From second 2 on, one that came up 0.6 s later.
  using watch = await watchOf((seconds) => seconds + (seconds < 2 ? 1 : 0.4));
  await eventually(() => expect(watch.onDeath).toHaveBeenCalledTimes(1));
  expect(watch.onBirth.mock.calls.length).toBeGreaterThanOrEqual(1);
  using same = await watchOf((seconds) => seconds + 1);
  await eventually(() => expect(same.seconds()).toBeGreaterThan(4));
  expect(same.onDeath).not.toHaveBeenCalled();
});

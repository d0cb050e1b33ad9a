import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { pause } from '../../src/cli/pause.js';

/** As if the process were stopped. */
const stop = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const { signal } = new AbortController();

it('lasts as long as it should', async () => {
  const begun = performance.now();
  await pause(50, signal);
  expect(performance.now() - begun).toBeGreaterThan(45);
});

it('lasts on after the process was stopped, so that what waited for it is taken in', async () => {
  let taken = 0;
  const server = createServer((_, response) => {
    taken += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const asked = fetch(`http://127.0.0.1:${port}`);
  const paused = pause(100, signal);
  stop(700);
  await paused;
  expect(taken).toBe(1);
  await asked;
  server.close();
});

it('ends at once when it is aborted', async () => {
  const begun = performance.now();
  await pause(60_000, AbortSignal.abort());
  expect(performance.now() - begun).toBeLessThan(1_000);
});

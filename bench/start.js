import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { judged, median, medianRatio, milliseconds, times } from './support.js';

const GOAL = 1.15;
const ROUNDS = 15;

/** Starts a worker, and gives the time and the CPU time until its first report arrives, in ms. @param {string} script */
async function start(script) {
  const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const began = performance.now();
  const child = fork(new URL(script, import.meta.url), { env, execArgv: [] });
  try {
    await once(server, 'request');
    const time = performance.now() - began;
    child.send('cpu');
    const [{ user, system }] = await once(child, 'message');
    return { time, cpu: (user + system) / 1e3 };
  } finally {
    child.kill('SIGKILL');
    server.close();
    server.closeAllConnections();
  }
}

/** @type {import('./support.js').Topic} */
export const starts = {
  title: `From the start of a process to its first report on the wire, the median of ${ROUNDS}`,
  run: async () => {
    const scripts = ['./start-worker.js', './start-by-hand.js'];
    const taken = scripts.map(() => /** @type {{ time: number, cpu: number }[]} */ ([]));
    for (let round = -1; round < ROUNDS; round++) {
      for (let turn = 0; turn < scripts.length; turn++) {
        const index = (turn + round + 1) % scripts.length;
        const result = await start(scripts[index] ?? '');
        if (round >= 0) taken[index]?.push(result);
      }
    }
    return /** @type {const} */ (['time', 'cpu']).flatMap((what) => {
      const [ours = [], byHand = []] = taken.map((results) => results.map((result) => result[what]));
      const both = `${milliseconds(median(ours))}, ${milliseconds(median(byHand))}`;
      return [
        { label: `${what}: ours, by hand`, value: both },
        judged(`${what}: ratio`, medianRatio(ours, byHand), GOAL, times),
      ];
    });
  },
};

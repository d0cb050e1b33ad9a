import { fork } from 'node:child_process';
import { once } from 'node:events';
import { judged } from './support.js';

const GOAL_PERCENT = 5;

/** @typedef {{ sessions: number, heap: number, code: number }} Checkpoint */

/** @param {number} value */
const percent = (value) => `${value.toFixed(1)} %`;
/** @param {number} value */
const mebibytes = (value) => `${(value / 2 ** 20).toFixed(2)} MiB`;

async function runWorker() {
  const child = fork(new URL('./memory-worker.js', import.meta.url), { execArgv: ['--expose-gc'] });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the memory worker ended with code ${code} before it told its heap`);
  });
  exited.catch(() => {});
  const [checkpoints] = await Promise.race([once(child, 'message'), exited]);
  return /** @type {Checkpoint[]} */ (checkpoints);
}

/** @type {import('./support.js').Topic} */
export const memory = {
  title: 'The heap over a million sessions in a fresh process, every span arrived at a receiver',
  run: async () => {
    const checkpoints = await runWorker();
    const growth = (checkpoints.at(-1)?.heap ?? Number.NaN) / (checkpoints[0]?.heap ?? Number.NaN) - 1;
    return [
      ...checkpoints.map(({ sessions, heap, code }) => ({
        label: `after ${sessions.toLocaleString('en')}: heap, of it compiled code`,
        value: `${mebibytes(heap)}, ${mebibytes(code)}`,
      })),
      judged('growth of the heap', growth * 100, GOAL_PERCENT, percent),
    ];
  },
};

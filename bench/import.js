import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { judged, median, medianRatio, milliseconds, times } from './support.js';

const GOAL = 1.15;
const ROUNDS = 41;
const SCRIPT = fileURLToPath(new URL('./import-once.js', import.meta.url));
const run = promisify(execFile);

/** @param {string} name */
async function importOnce(name) {
  const { stdout } = await run(process.execPath, [SCRIPT, name]);
  return Number(stdout);
}

/** @type {import('./support.js').Topic} */
export const imports = {
  title: `Import in a fresh process, the median of ${ROUNDS}`,
  run: async () => {
    const names = ['openrtc-otel', '@opentelemetry/api', 'prom-client'];
    const taken = names.map(() => /** @type {number[]} */ ([]));
    for (let round = -1; round < ROUNDS; round++) {
      for (let turn = 0; turn < names.length; turn++) {
        const index = (turn + round + 1) % names.length;
        const time = await importOnce(names[index] ?? '');
        if (round >= 0) taken[index]?.push(time);
      }
    }
    const [ours = [], api = [], promClient = []] = taken;
    return [
      ...names.map((label, index) => ({ label, value: milliseconds(median(taken[index] ?? [])) })),
      judged('openrtc-otel : @opentelemetry/api', medianRatio(ours, api), GOAL, times),
      { label: 'prom-client : @opentelemetry/api', value: times(medianRatio(promClient, api)) },
    ];
  },
};

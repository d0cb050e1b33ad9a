// npm run chaos -- --seed N --deploys M [--concurrency C] [--source receiver|prometheus]
import { parseArgs } from 'node:util';
import { prometheusBackend, receiverBackend, startPrometheus } from './backends.js';
import { describeFailure, describeResult, playAll } from './play-all.js';

// So that the processes of a play end with it.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    deploys: { type: 'string', default: '10' },
    concurrency: { type: 'string', default: '2' },
    source: { type: 'string', default: 'receiver' },
  },
});
const { source } = values;

/** @param {'seed' | 'deploys' | 'concurrency'} name @param {number} least */
function count(name, least) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least) return value;
  throw new TypeError(`--${name}: expected a whole number from ${least}, got ${values[name]}`);
}

/** @param {import('./play.js').Backend} backend */
function play(backend) {
  return playAll({
    seed: count('seed', 0),
    deploys: count('deploys', 1),
    concurrency: count('concurrency', 1),
    backend,
    onResult: (result) => {
      console.log(describeResult(result));
      if (result.problems.length > 0) console.log(describeFailure(result, source));
    },
  });
}

async function playOnPrometheus() {
  const prometheus = await startPrometheus();
  try {
    return await play(prometheusBackend(prometheus.url));
  } finally {
    await prometheus[Symbol.asyncDispose]();
  }
}

if (source !== 'receiver' && source !== 'prometheus') {
  throw new TypeError(`--source: expected receiver or prometheus, got ${source}`);
}
const results = await (source === 'receiver' ? play(receiverBackend) : playOnPrometheus());
const failed = results.filter(({ problems }) => problems.length > 0).map(({ seed }) => seed);
/** @param {(result: import('./play-all.js').Result) => number} read */
const sum = (read) => results.reduce((total, result) => total + read(result), 0);
console.log(
  `${sum(({ deploys }) => deploys)} deploys, ${sum(({ workers }) => workers)} workers, ` +
    `${sum(({ calls }) => calls)} calls, ${sum(({ dropped }) => dropped)} dropped; ` +
    (failed.length === 0 ? 'all told as they were' : `failing seeds: ${failed.join(' ')}`),
);
process.exitCode = failed.length === 0 ? 0 : 1;

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { measure } from 'mitata';
import { POOL_NAME, WORKER_ID, WORKER_VERSION } from '../dist/attributes.js';

/**
 * A line of the report.
 * @typedef {{ label: string, value: string, goal?: string, met?: boolean }} Row
 */

/**
 * One question and how it is answered.
 * @typedef {{ title: string, run: () => Promise<Row[]> }} Topic
 */

const names = {
  poolName: 'voice-prod',
  workerId: 'voice-prod-7d9c5b6f4-x2x7k-1a2b3c4d',
  version: '1.5.0',
};

/** The worker that is measured. */
export const identity = {
  ...names,
  startedAt: Date.now(),
  attributes: {
    [POOL_NAME]: names.poolName,
    [WORKER_ID]: names.workerId,
    [WORKER_VERSION]: names.version,
  },
};

/** @param {readonly number[]} values @param {number} share from 0 to 1 */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5);

/**
 * A row that is held against a goal.
 * @param {string} label @param {number} value @param {number} atMost @param {(value: number) => string} format
 * @returns {Row}
 */
export const judged = (label, value, atMost, format) => ({
  label,
  value: format(value),
  goal: format(atMost),
  met: value <= atMost,
});

/** @param {number} value */
export const times = (value) => `${value.toFixed(2)}x`;
/** @param {number} value */
export const milliseconds = (value) => `${value.toFixed(1)} ms`;
/** @param {number} nanoseconds */
export const microseconds = (nanoseconds) => `${(nanoseconds / 1000).toFixed(2)} us`;

const PATIENCE_MS = 30_000;
const ROUND = {
  min_cpu_time: 60_000_000,
  batch_samples: 256,
  // Always in batches, so that both sides pay for their garbage.
  batch_threshold: Number.POSITIVE_INFINITY,
  warmup_threshold: Number.POSITIVE_INFINITY,
};

/**
 * Measures functions in turns, each round from another first one. Gives a list of nanoseconds for each, a value
 * a round.
 * @param {ReadonlyArray<() => unknown>} functions
 */
export async function measureInTurns(functions, rounds = 11) {
  const times = functions.map(() => /** @type {number[]} */ ([]));
  const WARM_UP = 2;
  for (let round = -WARM_UP; round < rounds; round++) {
    for (let turn = 0; turn < functions.length; turn++) {
      const index = (turn + round + WARM_UP) % functions.length;
      const { p50 } = await measure(/** @type {() => unknown} */ (functions[index]), { ...ROUND });
      if (round >= 0) times[index]?.push(p50);
    }
  }
  return times;
}

/**
 * The median of the ratios of each round: what slows a machine down for a while slows both sides.
 * @param {readonly number[]} ours @param {readonly number[]} others
 */
export const medianRatio = (ours, others) =>
  median(ours.map((value, round) => value / (others[round] ?? Number.NaN)));

/**
 * Gives `fn` an environment in which these are the only `OTEL_*` variables.
 * @template T
 * @param {Record<string, string>} variables @param {() => T | Promise<T>} fn
 */
export async function withEnvironment(variables, fn) {
  const before = Object.entries(process.env).filter(([name]) => name.startsWith('OTEL_'));
  const clear = () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
  };
  clear();
  Object.assign(process.env, variables);
  try {
    return await fn();
  } finally {
    clear();
    Object.assign(process.env, Object.fromEntries(before));
  }
}

/** Starts an OTLP receiver in a process of its own. `spans` is how many arrived so far. */
export async function startReceiver() {
  const child = fork(new URL('./receiver.js', import.meta.url), { execArgv: [] });
  const [{ url }] = await once(child, 'message');
  const receiver = {
    spans: 0,
    url: /** @type {string} */ (url),
    close: () => child.disconnect(),
  };
  child.on('message', (/** @type {{ spans: number }} */ { spans }) => {
    receiver.spans += spans;
  });
  return receiver;
}

/** @typedef {Awaited<ReturnType<typeof startReceiver>>} Receiver */

/** Waits until so many spans arrived. @param {Receiver} receiver @param {number} spans */
export async function arrival(receiver, spans) {
  const deadline = performance.now() + PATIENCE_MS;
  while (receiver.spans < spans) {
    if (performance.now() > deadline) throw new Error(`${spans - receiver.spans} spans did not arrive`);
    await sleep(2);
  }
}

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { instrument } from 'openrtc-otel';
import { judged, measureInTurns, median, medianRatio, microseconds, milliseconds, times } from './support.js';

/** @typedef {import('openrtc-otel').SessionObserver} SessionObserver */
/** @typedef {ReturnType<typeof createWorker>} Worker */
/** @typedef {import('./support.js').Row} Row */
/** @typedef {Awaited<ReturnType<typeof runAtRate>>} Round */

const EVENT_GOAL_NS = 10_000;
const STALL_GOAL_MS = 5;
const EVENTS_A_SECOND = 20_000;
const LIVE_SESSIONS = 1_000;
const ROUNDS = 5;
const ROUND_MS = 2_000;
const MOST_BYTES = 1024 * 1024;

let serial = 0;
const createInfo = () => ({
  id: `session-${serial++}`,
  tenant: 'acme',
  agentName: 'support',
  startedAt: new Date(),
});

/** An instrumented pool whose spans and metrics go nowhere. @param {string} [journal] */
function createWorker(journal) {
  /** @type {SessionObserver | undefined} */
  let observer;
  let activeSessions = 0;
  const pool = {
    runtimeSnapshot: () => ({ activeSessions, draining: false, deploymentVersion: '1.5.0' }),
    observe: (/** @type {SessionObserver} */ given) => {
      observer = given;
    },
  };
  const telemetry = instrument(pool, {
    ...(journal && { journal }),
    meterProvider: new MeterProvider(),
    tracerProvider: new BasicTracerProvider(),
  });
  const start = () => {
    const info = createInfo();
    activeSessions++;
    observer?.onSessionStart?.(info);
    return info;
  };
  const end = (/** @type {ReturnType<typeof createInfo>} */ info) => {
    activeSessions--;
    observer?.onSessionEnd?.(info, 'success');
  };
  return { start, end, session: () => end(start()), shutdown: () => telemetry.shutdown({ now: true }) };
}

/** @param {string} folder */
const sizeOf = (folder) => {
  const file = readdirSync(folder).find((name) => name.endsWith('.journal'));
  return file === undefined ? 0 : statSync(join(folder, file)).size;
};

/**
 * Starts and ends sessions at the rate, with so many live, for a round. Gives the longest event and the latest tick of
 * the event loop, in ms, and the largest size of the journal, in bytes.
 * @param {Worker} worker @param {string} [folder]
 */
async function runAtRate(worker, folder) {
  const live = Array.from({ length: LIVE_SESSIONS }, () => worker.start());
  globalThis.gc?.();
  const since = performance.now();
  let [longest, latest, largest, done, last] = [0, 0, 0, 0, since];
  while (performance.now() - since < ROUND_MS) {
    await sleep(1);
    const now = performance.now();
    latest = Math.max(latest, now - last - 1);
    for (const due = ((now - since) * EVENTS_A_SECOND) / 1_000; done < due; done += 2) {
      const before = performance.now();
      live.push(worker.start());
      const between = performance.now();
      const oldest = live.shift();
      if (oldest) worker.end(oldest);
      longest = Math.max(longest, between - before, performance.now() - between);
    }
    if (folder) largest = Math.max(largest, sizeOf(folder));
    last = performance.now();
  }
  for (const info of live) worker.end(info);
  return { longest, latest, largest, rate: (done / (performance.now() - since)) * 1_000 };
}

/** What a session costs. @param {Worker} plain @param {Worker} journaled @returns {Promise<Row[]>} */
async function costs(plain, journaled) {
  const [without = [], withIt = []] = await measureInTurns([plain.session, journaled.session]);
  const added = withIt.map((time, round) => (time - (without[round] ?? Number.NaN)) / 2);
  return [
    {
      label: 'a session without, with',
      value: [without, withIt].map((ns) => microseconds(median(ns))).join(', '),
    },
    { label: 'with : without', value: times(medianRatio(withIt, without)) },
    judged('what it adds to a session event', median(added), EVENT_GOAL_NS, microseconds),
  ];
}

/** What it does to others. @param {Worker} plain @param {Worker} journaled @param {string} folder @returns {Promise<Row[]>} */
async function stalls(plain, journaled, folder) {
  /** @type {{ without: Round, withIt: Round }[]} */
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ without: await runAtRate(plain), withIt: await runAtRate(journaled, folder) });
  }
  const middle = (/** @type {(round: typeof rounds[number]) => number} */ pick) => median(rounds.map(pick));
  const longest = middle(({ withIt }) => withIt.longest);
  const latest = middle(({ withIt }) => withIt.latest);
  const largest = Math.max(...rounds.map(({ withIt }) => withIt.largest));
  return [
    { label: 'session events a second, reached', value: middle(({ withIt }) => withIt.rate).toFixed(0) },
    judged('the longest session event', longest, STALL_GOAL_MS, milliseconds),
    { label: '  without a journal', value: milliseconds(middle(({ without }) => without.longest)) },
    judged('the latest tick of the event loop', latest, STALL_GOAL_MS, milliseconds),
    { label: '  without a journal', value: milliseconds(middle(({ without }) => without.latest)) },
    judged('the largest the file was', largest, MOST_BYTES, (bytes) => `${(bytes / 1024).toFixed(0)} KiB`),
  ];
}

/** @type {import('./support.js').Topic} */
export const journal = {
  title: `The journal, and ${EVENTS_A_SECOND} session events a second with ${LIVE_SESSIONS} live sessions`,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'journal-'));
    const [plain, journaled] = [createWorker(), createWorker(folder)];
    try {
      while (sizeOf(folder) === 0) await sleep(10);
      return [...(await costs(plain, journaled)), ...(await stalls(plain, journaled, folder))];
    } finally {
      await Promise.all([plain.shutdown(), journaled.shutdown()]);
      rmSync(folder, { recursive: true });
    }
  },
};

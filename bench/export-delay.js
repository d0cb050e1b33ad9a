import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createOurs, createStock } from './pipelines.js';
import {
  arrival,
  median,
  medianRatio,
  milliseconds,
  quantile,
  startReceiver,
  times,
  withEnvironment,
} from './support.js';

/** @typedef {import('./support.js').Receiver} Receiver */
/** @typedef {import('./pipelines.js').Pipeline} Pipeline */

const SESSIONS = 1000;
/** So few in a turn of the event loop that making their spans delays nothing. */
const SESSIONS_A_TURN = 10;
const ROUNDS = 9;

/** How late a tick of 1 ms comes while `work` runs. @param {() => Promise<void>} work */
async function delaysDuring(work) {
  /** @type {number[]} */
  const delays = [];
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    delays.push(Math.max(0, now - last - 1));
    last = now;
  };
  const timer = setInterval(tick, 1);
  await work();
  await sleep(5);
  clearInterval(timer);
  return delays;
}

/** @param {Pipeline['sessions']} sessions */
async function runSessions(sessions) {
  for (let n = 0; n < SESSIONS; n++) {
    const info = { id: `session-${n}`, tenant: 'acme', agentName: 'support', startedAt: new Date() };
    sessions.onSessionStart(info);
    sessions.onSessionEnd(info, 'success');
    if (n % SESSIONS_A_TURN === 0) await nextTurn();
  }
}

/** @param {Pipeline} pipeline @param {Receiver} receiver @param {boolean} isFlushed */
function measure({ sessions, flush }, receiver, isFlushed) {
  const expected = receiver.spans + 2 * SESSIONS;
  globalThis.gc?.();
  return delaysDuring(async () => {
    await runSessions(sessions);
    if (isFlushed) await flush();
    await arrival(receiver, expected);
  });
}

/** @param {Pipeline[]} pipelines @param {Receiver} receiver @param {boolean} isFlushed */
async function compare(pipelines, receiver, isFlushed) {
  /** @type {number[][][]} */
  const results = pipelines.map(() => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, pipeline] of pipelines.entries()) {
      const delays = await measure(pipeline, receiver, isFlushed);
      if (round >= 0) results[index]?.push(delays);
    }
  }
  const [ours = [], stock = []] = results;
  const longest = (/** @type {number[][]} */ rounds) => rounds.map((delays) => Math.max(...delays));
  const show = (/** @type {number[][]} */ rounds) =>
    `${milliseconds(median(longest(rounds)))}, ${milliseconds(quantile(rounds.flat(), 0.99))}`;
  const when = isFlushed ? 'in one flush' : 'as they end';
  return [
    { label: `${when}, our pipeline: max, p99`, value: show(ours) },
    { label: `${when}, the SDK's processor and exporter`, value: show(stock) },
    { label: `${when}, max, ours : the SDK's`, value: times(medianRatio(longest(ours), longest(stock))) },
  ];
}

/** @type {import('./support.js').Topic} */
export const exportDelay = {
  title: `How late the event loop is while ${SESSIONS} finished sessions (${2 * SESSIONS} spans) are exported`,
  run: async () => {
    const receiver = await startReceiver();
    const pipelines = await withEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, () => [
      createOurs(),
      createStock(),
    ]);
    const rows = [
      ...(await compare(pipelines, receiver, false)),
      ...(await compare(pipelines, receiver, true)),
    ];
    for (const pipeline of pipelines) pipeline.close();
    receiver.close();
    return rows;
  },
};

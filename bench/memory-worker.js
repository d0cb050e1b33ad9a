// Runs a million sessions in a process of its own, like a worker, and tells its parent the heap at each checkpoint.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { getHeapCodeStatistics } from 'node:v8';
import { instrument } from 'openrtc-otel';
import { arrival, startReceiver, withEnvironment } from './support.js';

/** @typedef {import('openrtc-otel').SessionObserver} SessionObserver */
/** @typedef {import('openrtc-otel').SessionInfo} SessionInfo */

const CHECKPOINTS = [100_000, 1_000_000];
const LIVE = 100;
const TENANTS = 5_000;
const SESSIONS_A_TURN = 200;
/** Under the 16,384 spans that the pipeline lets wait. */
const SPANS_IN_FLIGHT = 8_000;

/** A pool with `LIVE` sessions at a time. */
function createPool() {
  /** @type {SessionObserver | undefined} */
  let observer;
  /** @type {SessionInfo[]} */
  const live = [];
  let started = 0;
  const endOldest = () => {
    const oldest = live.shift();
    if (oldest) observer?.onSessionEnd?.(oldest, started % 50 === 0 ? 'failed' : 'success');
  };
  return {
    runtimeSnapshot: () => ({ activeSessions: live.length, draining: false }),
    observe: (/** @type {SessionObserver} */ given) => {
      observer = given;
    },
    startSession: () => {
      const info = {
        id: `session-${started}`,
        tenant: `tenant-${started++ % TENANTS}`,
        agentName: 'support',
        startedAt: new Date(),
      };
      live.push(info);
      observer?.onSessionStart?.(info);
      if (live.length > LIVE) endOldest();
    },
    endAll: () => {
      while (live.length > 0) endOldest();
    },
  };
}

/** The heap after collection, and how much of it is code that V8 compiled, in bytes. */
async function heapAfterCollection() {
  await sleep(500);
  globalThis.gc?.();
  await sleep(100);
  globalThis.gc?.();
  return { heap: process.memoryUsage().heapUsed, code: getHeapCodeStatistics().code_and_metadata_size };
}

const receiver = await startReceiver();
const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRIC_EXPORT_INTERVAL: '1000' };
await withEnvironment(environment, async () => {
  const pool = createPool();
  const telemetry = instrument(pool, { deploymentVersion: '1.5.0', tenantLimit: 20 });
  const checkpoints = [];
  let sessions = 0;
  for (const checkpoint of CHECKPOINTS) {
    while (sessions < checkpoint) {
      pool.startSession();
      if (++sessions % SESSIONS_A_TURN !== 0) continue;
      await nextTurn();
      await arrival(receiver, 2 * sessions - SPANS_IN_FLIGHT);
    }
    pool.endAll();
    await arrival(receiver, 2 * sessions);
    checkpoints.push({ sessions, ...(await heapAfterCollection()) });
  }
  await telemetry.shutdown({ now: true });
  process.send?.(checkpoints);
});
receiver.close();

import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { instrument } from 'openrtc-otel';
import { livekitPool } from 'openrtc-otel/livekit';
import { judged, startReceiver, withEnvironment } from './support.js';

const JOBS = 50;
const SECONDS = 30;
const GOAL_PERCENT = 0.5;

/** A server as LiveKit's, which makes a new list at each look. */
function createServer() {
  const processes = Array.from({ length: JOBS }, (_, n) => ({
    runningJob: {
      job: {
        id: `AJ_${n}`,
        metadata: JSON.stringify({ tenant: `tenant-${n % 10}` }),
        agentName: 'support',
        state: { startedAt: BigInt(Date.now()) * 1_000_000n },
      },
    },
  }));
  return {
    event: new EventEmitter(),
    get activeJobs() {
      return processes.filter(({ runningJob }) => runningJob).map(({ runningJob }) => runningJob);
    },
    async run() {},
    async drain() {},
    async close() {},
  };
}

/** @param {number} value */
const percent = (value) => `${value.toFixed(2)} %`;

/** @type {import('./support.js').Topic} */
export const polling = {
  title: `The CPU of an idle LiveKit worker with ${JOBS} active jobs over ${SECONDS} s, its reports included`,
  run: async () => {
    const receiver = await startReceiver();
    const cpu = await withEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, async () => {
      const telemetry = instrument(livekitPool(createServer()), { deploymentVersion: 'v1', tenantLimit: 20 });
      await sleep(2_000); // the SDK is loaded
      const before = process.cpuUsage();
      await sleep(SECONDS * 1000);
      const { user, system } = process.cpuUsage(before);
      await telemetry.shutdown({ now: true });
      return user + system;
    });
    receiver.close();
    return [judged('of one core', (cpu / (SECONDS * 1e6)) * 100, GOAL_PERCENT, percent)];
  },
};

import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runBridge } from '../dist/bridge/run.js';
import { judged, startReceiver, withEnvironment } from './support.js';

const SESSIONS = 50;
const SECONDS = 30;
const GOAL_PERCENT = 0.5;
const WORKER = new URL('../test/bridge/fixtures/openrtc-worker.js', import.meta.url);

/** @param {number} value */
const percent = (value) => `${value.toFixed(2)} %`;

/** @type {import('./support.js').Topic} */
export const bridge = {
  title: `The CPU of a bridge that reads stream and socket of a worker with ${SESSIONS} sessions, over ${SECONDS} s`,
  run: async () => {
    const dir = mkdtempSync(join(tmpdir(), 'openrtc-bench-'));
    const sources = { jsonl: join(dir, 'worker.jsonl'), socket: join(dir, 'worker.sock') };
    const worker = fork(WORKER, {
      execArgv: [],
      env: { ...process.env, JSONL: sources.jsonl, SOCKET: sources.socket },
    });
    const tenants = Array.from({ length: SESSIONS }, (_, n) => `tenant-${n % 10}`);
    worker.send({ id: 0, command: 'start', args: tenants });
    const receiver = await startReceiver();
    const cpu = await withEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, async () => {
      const ending = new AbortController();
      const ended = runBridge({
        ...{ sources, poolName: 'voice', tenantLimit: 20, signal: ending.signal, print: () => {} },
        ...{ deploymentVersion: undefined, drainTimeoutSeconds: undefined, drainFile: undefined },
      });
      await sleep(3_000); // the SDK is loaded
      const before = process.cpuUsage();
      await sleep(SECONDS * 1000);
      const { user, system } = process.cpuUsage(before);
      worker.kill();
      ending.abort();
      await ended;
      return user + system;
    });
    receiver.close();
    rmSync(dir, { recursive: true });
    return [judged('of one core', (cpu / (SECONDS * 1e6)) * 100, GOAL_PERCENT, percent)];
  },
};

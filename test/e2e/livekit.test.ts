import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type MetricPoint,
  type SpanRecord,
  startReceiver,
  type WorkerFacts,
} from '../../src/deploy/index.js';
import { API_KEY, API_SECRET, createLiveKitProject, LiveKit, ROOM } from './support/livekit.js';
import { Scene } from './support/livekit-scene.js';
import { Process } from './support/process.js';
import { type Project, ROOT } from './support/project.js';
import { until } from './support/until.js';

let livekit: LiveKit;
let project: Project;

beforeAll(async () => {
  livekit = await LiveKit.start();
  project = await createLiveKitProject(
    'examples/livekit/worker.js',
    'examples/livekit/own-server.js',
    'test/e2e/fixtures/livekit-faults.js',
    'test/e2e/fixtures/livekit-caller.js',
  );
});

afterAll(async () => {
  await livekit?.[Symbol.asyncDispose]();
  await project?.[Symbol.asyncDispose]();
});

/** In the metadata of a call, beside its tenant. */
const PLANTED = 'planted-metadata';

type Row = Partial<{ [Fact in keyof WorkerFacts]: unknown }>;

interface Scenario {
  readonly what: string;
  run(scene: Scene): Promise<void>;
  /** What is known of each worker in the end, by its version. */
  readonly workers: Readonly<Record<string, Row>>;
}

const EXITED: Row = { exited: true, active: 0, tenants: {} };
const RUNNING: Row = { exited: false, draining: false };

const SCENARIOS: readonly Scenario[] = [
  {
    what: 'a clean deploy from v1 to v2, with calls of two tenants',
    async run(scene) {
      const v1 = await scene.worker('v1');
      const calls = [await scene.call('acme', { note: PLANTED }), await scene.call('globex')];
      await scene.worker('v2');
      await scene.terminate(v1, 2);
      await scene.seen('v1', { draining: true, active: 2 });
      await scene.call('acme');
      for (const [index, call] of calls.entries()) {
        await call.end();
        await scene.seen('v1', { active: 1 - index });
      }
      expect(await v1.exit).toEqual({ code: 143, signal: null });
      await scene.seen('v2', { active: 1 });
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 0, started: 2, ended: ended({ success: 2 }) },
      v2: { ...RUNNING, active: 1, dropped: 0, started: 1, tenants: { acme: 1 }, ended: ended({}) },
    },
  },
  {
    what: 'cli.runApp() that gets SIGTERM without a call',
    async run(scene) {
      const worker = await scene.worker('v1');
      await scene.terminate(worker, 0);
      expect(await worker.exit).toEqual({ code: 143, signal: null });
    },
    workers: { v1: { ...EXITED, draining: true, dropped: 0, started: 0 } },
  },
  {
    what: 'a rejected job',
    async run(scene) {
      await scene.worker('v1');
      await scene.offer({ customer: 'nobody' });
      await until('the rejection is reported', () => scene.facts('v1').rejected.other);
    },
    workers: {
      v1: {
        ...RUNNING,
        started: 0,
        dropped: 0,
        rejected: expect.objectContaining({ draining: 0, other: 1 }),
      },
    },
  },
  {
    what: 'a drain that is stuck until its timeout',
    async run(scene) {
      const worker = await scene.worker('v1', 'worker.js', { DRAIN_TIMEOUT_SECONDS: '6' });
      const [call] = [await scene.call('acme'), await scene.call('globex')];
      await scene.terminate(worker, 2);
      await scene.seen('v1', { draining: true, active: 2, drainTimeoutSeconds: 6 });
      await call.end();
      await scene.seen('v1', { draining: true, active: 1, exited: false });
      expect(await worker.exit).toEqual({ code: 143, signal: null });
    },
    workers: { v1: { ...EXITED, draining: true, dropped: 1, ended: ended({ success: 1, dropped: 1 }) } },
  },
  {
    what: 'an AgentServer of one’s own that is drained and closed',
    async run(scene) {
      const worker = await scene.worker('v1', 'own-server.js', { DRAIN_TIMEOUT_SECONDS: '6' });
      const [call] = [await scene.call('acme'), await scene.call('globex')];
      await scene.terminate(worker, 2);
      await scene.seen('v1', { draining: true, active: 2 });
      await call.end();
      expect(await worker.exit).toEqual({ code: 0, signal: null });
    },
    workers: { v1: { ...EXITED, draining: true, dropped: 1, ended: ended({ success: 1, dropped: 1 }) } },
  },
  {
    what: 'SIGKILL of the worker: no goodbye, and its last report stays',
    async run(scene) {
      const worker = await scene.worker('v1');
      await scene.call('acme');
      await scene.seen('v1', { active: 1 });
      worker.kill('SIGKILL');
      expect(await worker.exit).toEqual({ code: null, signal: 'SIGKILL' });
    },
    workers: { v1: { ...RUNNING, active: 1, dropped: 0, tenants: { acme: 1 } } },
  },
  {
    what: 'SIGKILL of a job’s process: one dropped session, within 2 s, of a worker that goes on',
    async run(scene) {
      const worker = await scene.worker('v1', 'worker.js', { OTEL_METRIC_EXPORT_INTERVAL: '30000' });
      await scene.call('acme');
      const killedAt = Date.now();
      process.kill(await scene.jobProcess(worker), 'SIGKILL');
      const { lastReportAt } = await scene.seen('v1', { dropped: 1, exited: false });
      expect(lastReportAt - killedAt).toBeLessThan(2_000);
      await scene.terminate(worker, 0);
      await worker.exit;
    },
    workers: { v1: { ...EXITED, dropped: 1, started: 1, ended: ended({ dropped: 1 }) } },
  },
];

function ended(outcomes: Readonly<Record<string, number>>): Record<string, number> {
  return { success: 0, failed: 0, cancelled: 0, dropped: 0, unknown: 0, ...outcomes };
}

/** Runs a scenario and gives all that was reported. */
async function play({ run, workers }: Scenario) {
  const points: MetricPoint[] = [];
  const spans: SpanRecord[] = [];
  await using receiver = await startReceiver({
    onMetrics: (batch) => void points.push(...batch),
    onSpans: (batch) => void spans.push(...batch),
  });
  await using scene = new Scene(livekit, project, receiver);
  await run(scene);
  await vi.waitFor(
    () => {
      const rows = receiver.workers().map((worker) => [worker.version, worker]);
      expect(Object.fromEntries(rows)).toMatchObject(workers);
      expect(rows).toHaveLength(Object.keys(workers).length);
    },
    { timeout: 15_000, interval: 100 },
  );
  return { points, spans, said: scene.output.match(/^.*openrtc-otel: .*$/gm) ?? [] };
}

test.each(SCENARIOS)('$what', async (scenario) => {
  const { points, spans, said } = await play(scenario);
  expect(said).toEqual([]);
  const sent = JSON.stringify([points, spans]);
  for (const secret of [API_KEY, API_SECRET, ROOM, PLANTED]) expect(sent).not.toContain(secret);
});

const FAULTS = 'livekit-faults.js';

describe('how a session ended is told by its process:', () => {
  test.each<[string, object, Readonly<Record<string, number>>]>([
    ['an entry that throws', { fault: 'throw' }, { failed: 1 }],
    ['a process that exits with a code', { fault: 'exit' }, { dropped: 1 }],
    ['a process that runs out of memory', { fault: 'outOfMemory' }, { dropped: 1 }],
    ['an entry that throws and is not tracked', { fault: 'throw', untracked: true }, { unknown: 1 }],
    ['a process that exits and is not tracked', { fault: 'exit', untracked: true }, { unknown: 1 }],
  ])('%s', async (what, metadata, outcomes) => {
    await play({
      what,
      async run(scene) {
        const env = { OTEL_METRIC_EXPORT_INTERVAL: '1000', NODE_OPTIONS: '--max-old-space-size=200' };
        await scene.worker('v1', FAULTS, env);
        await scene.offer({ tenant: 'acme', ...metadata });
      },
      workers: {
        v1: { ...RUNNING, active: 0, started: 1, dropped: outcomes.dropped ?? 0, ended: ended(outcomes) },
      },
    });
  });

  test('a caller who hangs up', async () => {
    await play({
      what: 'a caller who hangs up',
      async run(scene) {
        await scene.worker('v1');
        const { room } = await scene.call('acme');
        const args = ['livekit-caller.js', livekit.url, await livekit.token(room)];
        await using caller = new Process(process.execPath, args, { cwd: project.dir });
        await until('the caller is in the room', () => caller.output.includes('in the room'));
        caller.kill('SIGTERM');
        await caller.exit;
      },
      workers: { v1: { ...RUNNING, active: 0, dropped: 0, ended: ended({ success: 1 }) } },
    });
  });
});

test('the examples fit the types of @livekit/agents', async () => {
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', '--noEmit'];
  const files = ['worker.js', 'own-server.js', FAULTS];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await project.node([
    tsc,
    '--allowJs',
    '--checkJs',
    ...options,
    '--types',
    'node',
    ...files,
  ]);
  expect(stdout).toBe('');
});

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { MetricPoint } from '../../src/deploy/index.js';
import { until } from '../support/until.js';
import { GatedReceiver } from './support/gated-receiver.js';
import { API_KEY, API_SECRET, createLiveKitProject, LiveKit, ROOM } from './support/livekit.js';
import {
  DEPLOYS,
  ended,
  FAULTS,
  KILLED_JOB,
  LOSSES,
  PLANTED,
  RUNNING,
  type Scenario,
} from './support/livekit-scenarios.js';
import { Scene } from './support/livekit-scene.js';
import { Process } from './support/process.js';
import { type Project, ROOT } from './support/project.js';
import { Prometheus } from './support/prometheus.js';

vi.setConfig({ maxConcurrency: 2 });

const LATE_ANSWER = /the goodbye did not arrive at \S+: timed out$/;

let project: Project;

beforeAll(async () => {
  project = await createLiveKitProject(
    'examples/livekit/worker.js',
    'examples/livekit/own-server.js',
    'test/e2e/fixtures/livekit-faults.js',
    'test/e2e/fixtures/livekit-caller.js',
  );
});

afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
});

/** Plays a scenario, on a LiveKit server of its own: a server gives a job to any worker. Gives all that was reported. */
async function play({ run, workers, verdict }: Scenario, isOnPrometheus = false) {
  const points: MetricPoint[] = [];
  await using livekit = await LiveKit.start();
  await using backend = isOnPrometheus ? await Prometheus.start() : undefined;
  const onMetrics = (batch: readonly MetricPoint[]) => void points.push(...batch);
  await using watched = await GatedReceiver.start({ onMetrics }, backend?.url);
  const { spans } = watched.receiver;
  await using scene = new Scene(livekit, project, watched);
  await run(scene, (...args) => watched.watch(...args));
  await vi.waitFor(
    () => {
      const rows = watched.workers().map((worker) => [worker.version, worker]);
      expect(Object.fromEntries(rows)).toMatchObject(workers);
      expect(rows).toHaveLength(Object.keys(workers).length);
    },
    { timeout: 45_000, interval: 100 },
  );
  for (const gate of [watched.gate, watched.other]) {
    if (!verdict || !gate) continue;
    const exitCode = await gate.ended;
    expect(gate.verdict, JSON.stringify(gate.verdict?.checks)).toMatchObject(verdict);
    expect(exitCode).toBe(verdict.exitCode);
  }
  const said = scene.output.match(/^.*openrtc-otel: .*$/gm) ?? [];
  // A busy machine may answer later than a worker can wait: that the goodbye arrived is known from the rows.
  return { points, spans, said: said.filter((line) => !LATE_ANSWER.test(line)) };
}

async function playDeploy(scenario: Scenario, isOnPrometheus = false) {
  const { points, spans, said } = await play(scenario, isOnPrometheus);
  expect(said).toEqual(scenario.said ?? []);
  const sent = JSON.stringify([points, spans]);
  for (const secret of [API_KEY, API_SECRET, ROOM, PLANTED]) expect(sent).not.toContain(secret);
}

describe.concurrent('a deploy, and what the gate says:', () => {
  for (const deploy of DEPLOYS) test(deploy.what, () => playDeploy(deploy));
});

describe.concurrent('a deploy in which callers are lost, on the receiver and on Prometheus:', () => {
  for (const loss of LOSSES) test(loss.what, () => playDeploy(loss, true));
});

describe.concurrent('how a session ended is told by its process:', () => {
  test.each<[string, object, Readonly<Record<string, number>>]>([
    ['a process that exits with a code', { fault: 'exit' }, { dropped: 1 }],
    ['a process that runs out of memory', { fault: 'outOfMemory' }, { dropped: 1 }],
    ['an agent that is done', { fault: 'shutdown' }, { success: 1 }],
    ['an agent that leaves its room', { fault: 'leave' }, { success: 1 }],
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

  test('an agent that is put out of its room', async () => {
    await play({
      what: 'an agent that is put out of its room',
      async run(scene) {
        await scene.worker('v1');
        await (await scene.call('acme')).removeAgent();
      },
      workers: { v1: { ...RUNNING, active: 0, dropped: 0, ended: ended({ success: 1 }) } },
    });
  });

  test('a caller who hangs up', async () => {
    await play({
      what: 'a caller who hangs up',
      async run(scene) {
        await scene.worker('v1');
        const { room } = await scene.call('acme');
        const { url } = scene.livekit;
        const args = ['livekit-caller.js', url, await scene.livekit.token(room)];
        await using caller = new Process(process.execPath, args, { cwd: project.dir });
        await until('the caller is in the room', () => caller.output.includes('in the room'));
        caller.kill('SIGTERM');
        await caller.exit;
      },
      workers: { v1: { ...RUNNING, active: 0, dropped: 0, ended: ended({ success: 1 }) } },
    });
  });
});

// Alone: a time is measured.
test(KILLED_JOB.what, () => playDeploy(KILLED_JOB));

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

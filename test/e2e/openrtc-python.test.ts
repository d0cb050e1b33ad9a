import { describe, expect, test, vi } from 'vitest';
import type { WorkerFacts } from '../../src/deploy/index.js';
import { until } from '../support/until.js';
import { GatedReceiver } from './support/gated-receiver.js';
import { LiveKit } from './support/livekit.js';
import { AGENT, OpenRtcWorkers } from './support/openrtc-python.js';

interface Scene {
  readonly livekit: LiveKit;
  readonly workers: OpenRtcWorkers;
  readonly watched: GatedReceiver;
  /** Places a call that a worker answers. */
  call(tenant: string): Promise<{ hangUp(): Promise<unknown> }>;
  /** Waits for the one worker of a version to be as expected. */
  row(version: string, expected?: Partial<WorkerFacts>): Promise<WorkerFacts>;
  /** Waits until it is told how each session ended, by tenant: spans have a request of their own. */
  told(...outcomes: string[]): Promise<void>;
}

/** Plays a scenario on a LiveKit server of its own: a server gives a call to any worker. */
async function play(scenario: (scene: Scene) => Promise<void>): Promise<void> {
  await using livekit = await LiveKit.start(AGENT);
  await using watched = await GatedReceiver.start();
  const { spans } = watched.receiver;
  await using workers = await OpenRtcWorkers.create(livekit, watched.url);
  await scenario({
    livekit,
    workers,
    watched,
    async call(tenant) {
      const call = await livekit.call({ tenant });
      await call.answered();
      return { hangUp: () => call.end() };
    },
    row: (version, expected = {}) =>
      vi.waitFor(
        () => {
          const rows = watched.workers().filter((worker) => worker.version === version);
          expect(rows).toHaveLength(1);
          expect(rows[0]).toMatchObject(expected);
          return rows[0] as WorkerFacts;
        },
        { timeout: 60_000, interval: 50 },
      ),
    told: (...outcomes) =>
      vi.waitFor(
        () => {
          const sessions = spans.filter(({ name }) => name === 'openrtc.session');
          const ends = sessions.map(
            ({ attributes }) => `${attributes['openrtc.tenant.id']} ${attributes['openrtc.session.outcome']}`,
          );
          expect(ends.toSorted()).toEqual(outcomes);
        },
        { timeout: 20_000, interval: 50 },
      ),
  });
}

/** Waits for the gate's last word. */
async function lastWord({ watched: { gate } }: Scene) {
  const code = await gate?.ended;
  expect(gate?.verdict?.exitCode).toBe(code);
  return gate?.verdict;
}

/** Whose sessions are processes. */
const ISOLATED = { ISOLATION: 'process' };

/** A worker of v1, told to leave with calls and some seconds for them, beside its replacement. */
async function replacedWithCalls(
  scene: Scene,
  tenants: readonly string[],
  { seconds = 4, env = {} }: { readonly seconds?: number; readonly env?: NodeJS.ProcessEnv } = {},
) {
  const { workers, watched, call, row } = scene;
  const old = await workers.start('old', 'v1', seconds, env);
  workers.bridge(old, '--drain-timeout', String(seconds));
  await row('v1');
  const calls = [];
  for (const tenant of tenants) calls.push(await call(tenant));
  await row('v1', { active: tenants.length });
  const gate = await watched.watch('v2');
  workers.bridge(await workers.start('new', 'v2'));
  await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
  await workers.terminate(old);
  return { old, calls };
}

describe.concurrent('a deploy, and what the gate says:', () => {
  test('blue-green from v1 to v2 drops no call', () =>
    play(async (scene) => {
      const { workers, watched, call, row, told } = scene;
      const blue = await workers.start('blue', 'v1');
      const blueBridge = workers.bridge(blue, '--pool', 'voice', '--tenant-limit', '5');
      await row('v1', { pool: 'voice', active: 0 });
      const calls = [await call('acme'), await call('acme'), await call('globex')];
      await row('v1', { active: 3, draining: false, tenants: { acme: 2, globex: 1 } });

      const gate = await watched.watch('v2');
      const green = await workers.start('green', 'v2');
      workers.bridge(green, '--pool', 'voice');
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      await workers.terminate(blue);
      await row('v1', { active: 3, draining: true });
      await gate.see({ phase: 'draining', sessionsLeft: 3, tenantsLeft: { acme: 2, globex: 1 } });
      const late = await call('globex');
      await row('v2', { active: 1, draining: false });

      for (const [index, { hangUp }] of calls.entries()) {
        await hangUp();
        await row('v1', { active: 2 - index });
      }
      await blue.process.exit;
      await row('v1', {
        exited: true,
        active: 0,
        dropped: 0,
        started: 3,
        ended: expect.objectContaining({ success: 3 }),
      });
      await row('v2', { exited: false, active: 1, dropped: 0 });
      await told('acme success', 'acme success', 'globex success');
      expect(await lastWord(scene)).toMatchObject({
        exitCode: 0,
        phase: 'complete',
        sessionsLeft: 0,
        dropped: { confirmed: 0, presumed: 0 },
      });

      blueBridge.kill('SIGTERM');
      expect(await blueBridge.exit, 'there is nothing left to report').toEqual({ code: 0, signal: null });
      await late.hangUp();
      await workers.terminate(green);
      await row('v2', { exited: true, dropped: 0 });
    }));

  test('a drain that is stuck behind a call that nobody ends', () =>
    play(async (scene) => {
      const { row, told } = scene;
      const { calls } = await replacedWithCalls(scene, ['acme', 'globex']);
      await row('v1', { active: 2, draining: true, drainTimeoutSeconds: 4, dropped: 0 });
      // OpenRTC cuts off one of them at its timeout and waits for the other without end.
      const stuck = await row('v1', { exited: false, active: 1, draining: true, dropped: 1 });
      expect(Number(stuck.lastReportAt) - Number(stuck.drainingSince)).toBeGreaterThan(4_000);
      expect(await lastWord(scene)).toMatchObject({
        exitCode: 10,
        phase: 'stuck',
        sessionsLeft: 1,
        dropped: { confirmed: 1, presumed: 0 },
        waitingFor: [{ version: 'v1', state: 'draining', sessions: 1, drainTimeoutSeconds: 4 }],
      });
      for (const { hangUp } of calls) await hangUp();
      await row('v1', {
        exited: true,
        active: 0,
        dropped: 1,
        ended: expect.objectContaining({ success: 1, dropped: 1 }),
      });
      await told('acme dropped', 'globex success');
    }));

  test('a call that is cut off by the drain timeout, which OpenRTC reports as a success', () =>
    play(async (scene) => {
      const { row, told } = scene;
      const { old } = await replacedWithCalls(scene, ['acme']);
      await old.process.exit;
      await row('v1', {
        exited: true,
        dropped: 1,
        started: 1,
        ended: expect.objectContaining({ success: 0, dropped: 1 }),
      });
      await told('acme dropped');
      expect(await lastWord(scene)).toMatchObject({
        exitCode: 10,
        phase: 'dropped',
        sessionsLeft: 0,
        dropped: { confirmed: 1, presumed: 0 },
      });
    }));
});

describe('with isolation="process"', () => {
  test('a call of a killed worker is dropped, though snapshots and stream count none', () =>
    play(async (scene) => {
      const { workers, watched, call, row } = scene;
      const old = await workers.start('old', 'v1', 600, ISOLATED);
      const bridge = workers.bridge(old);
      await row('v1');
      await call('acme');
      await row('v1', { active: 1, started: 1 });
      const gate = await watched.watch('v2');
      workers.bridge(await workers.start('new', 'v2', 600, ISOLATED));
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      old.process.kill('SIGKILL');
      await row('v1', { exited: true, dropped: 1 });
      expect(await lastWord(scene)).toMatchObject({ exitCode: 10, dropped: { confirmed: 1, presumed: 0 } });
      expect(bridge.output.match(/the socket is believed/g)).toHaveLength(1);
    }));

  test('all calls are cut off by the drain timeout', () =>
    play(async (scene) => {
      const { row, told } = scene;
      // Long enough to be looked at on a busy machine.
      const { old } = await replacedWithCalls(scene, ['acme', 'globex'], { seconds: 15, env: ISOLATED });
      await row('v1', { active: 2, draining: true, dropped: 0 });
      await old.process.exit;
      await row('v1', { exited: true, dropped: 2, ended: expect.objectContaining({ dropped: 2 }) });
      await told('acme dropped', 'globex dropped');
      expect(await lastWord(scene)).toMatchObject({ exitCode: 10, dropped: { confirmed: 2, presumed: 0 } });
    }));

  test('who hangs up in the drain ends in a way that nobody knows, and is not dropped', () =>
    play(async (scene) => {
      const { workers, watched, call, row } = scene;
      const old = await workers.start('old', 'v1', 600, ISOLATED);
      workers.bridge(old, '--drain-timeout', '600');
      await row('v1');
      const { hangUp } = await call('acme');
      await row('v1', { active: 1 });
      const gate = await watched.watch('v2');
      workers.bridge(await workers.start('new', 'v2', 600, ISOLATED));
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      await workers.terminate(old);
      await row('v1', { active: 1, draining: true });
      await hangUp();
      await old.process.exit;
      await row('v1', { exited: true, dropped: 0, ended: expect.objectContaining({ unknown: 1 }) });
      expect(await lastWord(scene)).toMatchObject({ exitCode: 0, dropped: { confirmed: 0, presumed: 0 } });
    }));
});

test('a call that was accepted and is not yet answered at SIGTERM is answered: the drain is only reported', () =>
  play(async ({ livekit, workers, row }) => {
    const worker = await workers.start('late', 'v1', 60, { ACCEPTS_AFTER: '2' });
    workers.bridge(worker, '--drain-timeout', '60');
    await row('v1');
    const call = await livekit.call({ tenant: 'acme' });
    await until('the worker is asked', () => worker.process.output.includes('received job request'));
    await workers.terminate(worker);
    await call.answered();
    await row('v1', { active: 1, draining: true });
    await call.end();
    await row('v1', { exited: true, dropped: 0, ended: expect.objectContaining({ success: 1 }) });
  }));

test('a full disk is said, and the worker is read by its socket', () =>
  play(async ({ workers, row, call }) => {
    const worker = await workers.start('full', 'v1', 60, { MOST_BYTES: '16384' });
    const bridge = workers.bridge(worker, '--drain-timeout', '60');
    await row('v1');
    const first = await call('acme');
    const second = await call('globex');
    await until('it is said', () => bridge.output.includes('is no longer written to'));
    await first.hangUp();
    await row('v1', { active: 1, ended: expect.objectContaining({ success: 1 }) });
    await workers.terminate(worker);
    await row('v1', { active: 1, draining: true });
    await second.hangUp();
    await row('v1', { exited: true, dropped: 0 });
  }));

// Each of them is named in docs/openrtc.md.
describe.concurrent('what nobody can know by the outputs of a worker, and a gate is green:', () => {
  test('calls that are cut because the media server dies end as successes', () =>
    play(async (scene) => {
      const { livekit, workers, watched, call, row } = scene;
      const old = await workers.start('old', 'v1');
      workers.bridge(old, '--drain-timeout', '600');
      await row('v1');
      for (const tenant of ['acme', 'globex']) await call(tenant);
      await row('v1', { active: 2 });
      const gate = await watched.watch('v2');
      workers.bridge(await workers.start('new', 'v2'));
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      await workers.terminate(old);
      livekit.process.kill('SIGKILL');
      await row('v1', { exited: true, dropped: 0, ended: expect.objectContaining({ success: 2 }) });
      expect(await lastWord(scene)).toMatchObject({ exitCode: 0, dropped: { confirmed: 0, presumed: 0 } });
    }));

  test('calls that are cut because OpenRTC closes after calls that fail end in an unknown way', () =>
    play(async ({ livekit, workers, call, row }) => {
      const worker = await workers.start('old', 'v1', 600, { MOST_FAILURES: '1' });
      workers.bridge(worker, '--drain-timeout', '600');
      await row('v1');
      for (const tenant of ['acme', 'globex']) await call(tenant);
      await row('v1', { active: 2 });
      await livekit.call({ tenant: 'no tenant has such a name!' });
      await worker.process.exit;
      await row('v1', {
        exited: true,
        dropped: 0,
        ended: expect.objectContaining({ success: 0, unknown: 2 }),
      });
    }));

  test('a call that the drain timeout cuts off ends as a success where nobody reports the drain', () =>
    play(async (scene) => {
      const { row } = scene;
      const { old } = await replacedWithCalls(scene, ['acme'], { env: { IS_PLAIN: 'yes' } });
      await old.process.exit;
      await row('v1', { exited: true, draining: false, dropped: 0 });
      expect(await lastWord(scene)).toMatchObject({ exitCode: 0, dropped: { confirmed: 0, presumed: 0 } });
    }));
});

// Alone: a time is measured.
test('SIGKILL: the goodbye within 5 s, and the worker after it in its place is another one', () =>
  play(async (scene) => {
    const { workers, watched, call, row, told } = scene;
    const killed = await workers.start('place', 'v1');
    workers.bridge(killed);
    await row('v1');
    const calls = [await call('acme'), await call('globex')];
    await row('v1', { active: 2 });
    const gate = await watched.watch('v2');
    killed.process.kill('SIGKILL');
    await killed.process.exit;
    const killedAt = performance.now();
    await row('v1', { exited: true, active: 0, dropped: 2, ended: expect.objectContaining({ dropped: 2 }) });
    expect(performance.now() - killedAt).toBeLessThan(5_000);
    await told('acme dropped', 'globex dropped');
    await gate.see({ dropped: { confirmed: 2, presumed: 0 } });
    for (const { hangUp } of calls) await hangUp();

    const next = await workers.start('place', 'v2');
    await row('v2', { exited: false, active: 0, dropped: 0, started: 0 });
    expect(await lastWord(scene)).toMatchObject({
      exitCode: 10,
      phase: 'dropped',
      sessionsLeft: 0,
      dropped: { confirmed: 2, presumed: 0 },
    });
    await workers.terminate(next);
    await row('v2', { exited: true, dropped: 0 });
  }));

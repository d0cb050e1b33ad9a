import { describe, expect, test, vi } from 'vitest';
import type { SpanRecord, WorkerFacts } from '../../src/deploy/index.js';
import { GatedReceiver } from './support/gated-receiver.js';
import { LiveKit } from './support/livekit.js';
import { AGENT, OpenRtcWorkers } from './support/openrtc-python.js';

interface Scene {
  readonly workers: OpenRtcWorkers;
  readonly watched: GatedReceiver;
  /** Places a call that a worker answers. */
  call(tenant: string): Promise<{ hangUp(): Promise<unknown> }>;
  /** Waits for the one worker of a version to be as expected. */
  row(version: string, expected?: Partial<WorkerFacts>): Promise<WorkerFacts>;
  /** By tenant, how each session ended. */
  outcomes(): string[];
}

/** Plays a scenario on a LiveKit server of its own: a server gives a call to any worker. */
async function play(scenario: (scene: Scene) => Promise<void>): Promise<void> {
  const spans: SpanRecord[] = [];
  await using livekit = await LiveKit.start(AGENT);
  await using watched = await GatedReceiver.start({ onSpans: (batch) => void spans.push(...batch) });
  await using workers = await OpenRtcWorkers.create(livekit, watched.url);
  await scenario({
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
    outcomes: () =>
      spans
        .filter(({ name }) => name === 'openrtc.session')
        .map(
          ({ attributes }) => `${attributes['openrtc.tenant.id']} ${attributes['openrtc.session.outcome']}`,
        )
        .toSorted(),
  });
}

/** Waits for the gate's last word. */
async function lastWord({ watched: { gate } }: Scene) {
  const code = await gate?.ended;
  expect(gate?.verdict?.exitCode).toBe(code);
  return gate?.verdict;
}

/** A worker of v1, told to leave with calls and 4 s for them, beside its replacement. */
async function replacedWithCalls(scene: Scene, ...tenants: string[]) {
  const { workers, watched, call, row } = scene;
  const old = await workers.start('old', 'v1', 4);
  workers.bridge(old, '--drain-timeout', '4');
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
      const { workers, watched, call, row, outcomes } = scene;
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
      expect(outcomes()).toEqual(['acme success', 'acme success', 'globex success']);
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
      const { row, outcomes } = scene;
      const { calls } = await replacedWithCalls(scene, 'acme', 'globex');
      await row('v1', { active: 2, draining: true, drainTimeoutSeconds: 4, dropped: 0 });
      // OpenRTC cuts off one of them at its timeout and waits for the other without end.
      const stuck = await row('v1', { exited: false, active: 1, draining: true, dropped: 2 });
      expect(Number(stuck.lastReportAt) - Number(stuck.drainingSince)).toBeGreaterThan(4_000);
      expect(await lastWord(scene)).toMatchObject({
        exitCode: 10,
        phase: 'stuck',
        sessionsLeft: 1,
        dropped: { confirmed: 2, presumed: 0 },
        waitingFor: [{ version: 'v1', state: 'draining', sessions: 1, drainTimeoutSeconds: 4 }],
      });
      for (const { hangUp } of calls) await hangUp();
      await row('v1', {
        exited: true,
        active: 0,
        dropped: 2,
        ended: expect.objectContaining({ success: 0, dropped: 2 }),
      });
      expect(outcomes()).toEqual(['acme dropped', 'globex dropped']);
    }));

  test('a call that is cut off by the drain timeout, which OpenRTC reports as a success', () =>
    play(async (scene) => {
      const { row, outcomes } = scene;
      const { old } = await replacedWithCalls(scene, 'acme');
      await old.process.exit;
      await row('v1', {
        exited: true,
        dropped: 1,
        started: 1,
        ended: expect.objectContaining({ success: 0, dropped: 1 }),
      });
      expect(outcomes()).toEqual(['acme dropped']);
      expect(await lastWord(scene)).toMatchObject({
        exitCode: 10,
        phase: 'dropped',
        sessionsLeft: 0,
        dropped: { confirmed: 1, presumed: 0 },
      });
    }));
});

// Alone: a time is measured.
test('SIGKILL: the goodbye within 5 s, and the worker after it in its place is another one', () =>
  play(async (scene) => {
    const { workers, watched, call, row, outcomes } = scene;
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
    expect(outcomes()).toEqual(['acme dropped', 'globex dropped']);
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

import { expect } from 'vitest';
import type { Gate } from '../../../examples/scenarios/gate.js';
import type { WorkerFacts } from '../../../src/deploy/index.js';
import { until } from '../../support/until.js';
import type { Scene } from './livekit-scene.js';

/** In the metadata of a call, beside its tenant. */
export const PLANTED = 'planted-metadata';
/** The worker whose jobs end as their metadata says. */
export const FAULTS = 'livekit-faults.js';

type Row = Partial<{ [Fact in keyof WorkerFacts]: unknown }>;

/** Starts the gate of a deploy. */
type Watch = (target: string, ...more: readonly string[]) => Promise<Gate>;

export interface Scenario {
  readonly what: string;
  run(scene: Scene, watch: Watch): Promise<void>;
  /** What is known of each worker in the end, by its version. */
  readonly workers: Readonly<Record<string, Row>>;
  /** What the gate says last; absent where none is asked. */
  readonly verdict?: Readonly<Record<string, unknown>>;
  /** What the workers warn of. @default nothing */
  readonly said?: readonly unknown[];
}

const EXITED: Row = { exited: true, active: 0, tenants: {} };
export const RUNNING: Row = { exited: false, draining: false };
const REPLACEMENT: Row = { ...RUNNING, active: 0, dropped: 0, started: 0 };

const COMPLETE = {
  exitCode: 0,
  phase: 'complete',
  sessionsLeft: 0,
  dropped: { confirmed: 0, presumed: 0 },
};
const DROPPED = {
  exitCode: 10,
  phase: 'dropped',
  sessionsLeft: 0,
  dropped: { confirmed: 1, presumed: 0 },
};

export function ended(outcomes: Readonly<Record<string, number>>): Record<string, number> {
  return { success: 0, failed: 0, cancelled: 0, dropped: 0, unknown: 0, ...outcomes };
}

/** A worker of v1, told to leave with two calls and 6 s for them, beside its replacement; and one of the calls. */
async function replacedWithTwoCalls(scene: Scene, watch: Watch, file: string) {
  const v1 = await scene.worker('v1', file, { DRAIN_TIMEOUT_SECONDS: '6' });
  const [call] = [await scene.call('acme'), await scene.call('globex')];
  await watch('v2');
  await scene.worker('v2', file);
  await scene.terminate(v1, 2);
  return { v1, call };
}

/** Both calls of a worker are lost. */
const BOTH_DROPPED = { ...DROPPED, dropped: { confirmed: 2, presumed: 0 } };

/** Deploys from v1 to v2. Jobs that v1 is meant to get are made while there is no v2 yet. */
export const DEPLOYS: readonly Scenario[] = [
  {
    what: 'a clean deploy from v1 to v2, with calls of two tenants',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      const calls = [await scene.call('acme', { note: PLANTED }), await scene.call('globex')];
      const gate = await watch('v2');
      await scene.worker('v2');
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      await scene.terminate(v1, 2);
      await scene.seen('v1', { draining: true, active: 2 });
      await gate.see({ phase: 'draining', sessionsLeft: 2 });
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
    verdict: COMPLETE,
  },
  {
    what: 'cli.runApp() that gets SIGTERM without a call',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      await watch('v2');
      await scene.worker('v2');
      await scene.terminate(v1, 0);
      expect(await v1.exit).toEqual({ code: 143, signal: null });
    },
    workers: { v1: { ...EXITED, draining: true, dropped: 0, started: 0 }, v2: REPLACEMENT },
    verdict: COMPLETE,
  },
  {
    what: 'a rejected job',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      await watch('v2');
      await scene.offer({ customer: 'nobody' });
      await until('the rejection is reported', () => scene.facts('v1').rejected.other);
      await scene.worker('v2');
      await scene.terminate(v1, 0);
      await v1.exit;
    },
    workers: {
      v1: {
        ...EXITED,
        started: 0,
        dropped: 0,
        rejected: expect.objectContaining({ draining: 0, other: 1 }),
      },
      v2: REPLACEMENT,
    },
    verdict: COMPLETE,
  },
  {
    what: 'an entry that throws: the session failed, and is not dropped',
    async run(scene, watch) {
      const v1 = await scene.worker('v1', FAULTS);
      await watch('v2');
      await scene.offer({ tenant: 'acme', fault: 'throw' });
      await until('the failure is reported', () => scene.facts('v1').ended.failed);
      await scene.worker('v2', FAULTS);
      await scene.terminate(v1, 0);
      await v1.exit;
    },
    workers: { v1: { ...EXITED, started: 1, dropped: 0, ended: ended({ failed: 1 }) }, v2: REPLACEMENT },
    verdict: COMPLETE,
  },
  {
    what: 'a drain that is stuck for longer than the gate has time',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      await scene.call('acme');
      await scene.worker('v2');
      await scene.terminate(v1, 1);
      await scene.seen('v1', { draining: true, active: 1 });
      const gate = await watch('v2', '--timeout', '20s');
      await gate.see({ phase: 'draining', sessionsLeft: 1 });
    },
    workers: { v1: { exited: false, draining: true, active: 1, dropped: 0 }, v2: REPLACEMENT },
    verdict: {
      ...COMPLETE,
      exitCode: 11,
      phase: 'draining',
      sessionsLeft: 1,
      waitingFor: [{ version: 'v1', state: 'draining', sessions: 1, drainTimeoutSeconds: 600 }],
      tenantsLeft: { acme: 1 },
    },
  },
  {
    what: 'a drain that is stuck until its timeout, whatever a second SIGTERM says',
    async run(scene, watch) {
      const { v1, call } = await replacedWithTwoCalls(scene, watch, 'worker.js');
      await scene.seen('v1', { draining: true, active: 2, drainTimeoutSeconds: 6 });
      v1.kill('SIGTERM');
      await call.end();
      await scene.seen('v1', { draining: true, active: 1, exited: false });
      expect(await v1.exit).toEqual({ code: 143, signal: null });
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 1, ended: ended({ success: 1, dropped: 1 }) },
      v2: REPLACEMENT,
    },
    verdict: DROPPED,
  },
  {
    what: 'an AgentServer of one’s own that is drained and closed, also at a second signal',
    async run(scene, watch) {
      const { v1, call } = await replacedWithTwoCalls(scene, watch, 'own-server.js');
      await scene.seen('v1', { draining: true, active: 2 });
      // Neither cuts a call off.
      for (const again of ['SIGTERM', 'SIGINT'] as const) v1.kill(again);
      await call.end();
      expect(await v1.exit).toEqual({ code: 0, signal: null });
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 1, ended: ended({ success: 1, dropped: 1 }) },
      v2: REPLACEMENT,
    },
    verdict: DROPPED,
  },
  {
    what: 'SIGKILL of the worker: no goodbye, and its last report stays',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      await scene.call('acme');
      await scene.seen('v1', { active: 1 });
      const gate = await watch('v2', '--presume-after', '15s');
      await scene.worker('v2');
      await gate.see({ phase: 'rolling', workers: { accepting: 1 } });
      v1.kill('SIGKILL');
      expect(await v1.exit).toEqual({ code: null, signal: 'SIGKILL' });
      await gate.see({ phase: 'draining', dropped: { confirmed: 0, presumed: 1 } });
    },
    workers: { v1: { ...RUNNING, active: 1, dropped: 0, tenants: { acme: 1 } }, v2: REPLACEMENT },
    verdict: { ...DROPPED, dropped: { confirmed: 0, presumed: 1 } },
  },
];

/** Deploys in which callers are lost and LiveKit says nothing of it. */
export const LOSSES: readonly Scenario[] = [
  {
    what: 'SIGTERM while two accepted jobs wait for a process: both are dropped, and why the drain failed is said',
    async run(scene, watch) {
      const v1 = await scene.worker('v1', FAULTS, { PREWARM_MS: '25000' });
      for (const tenant of ['acme', 'globex']) await scene.offer({ tenant });
      await scene.seen('v1', { active: 2, started: 0 });
      await watch('v2');
      await scene.worker('v2', FAULTS);
      v1.kill('SIGTERM');
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 2, ended: ended({ dropped: 2 }) },
      v2: REPLACEMENT,
    },
    verdict: BOTH_DROPPED,
    said: [expect.stringContaining("drain() of the AgentServer failed ('runner not started')")],
  },
  {
    what: 'a worker that is stopped for longer than its job processes wait for it: both calls are dropped',
    async run(scene, watch) {
      const v1 = await scene.worker('v1');
      const calls = [await scene.call('acme'), await scene.call('globex')];
      await scene.seen('v1', { active: 2 });
      await watch('v2', '--presume-after', '2m');
      await scene.worker('v2');
      v1.kill('SIGSTOP');
      for (const call of calls) await call.abandoned();
      v1.kill('SIGCONT');
      await scene.seen('v1', { active: 0 });
      // Its idle processes ended too, and LiveKit starts no others.
      v1.kill('SIGTERM');
      await v1.exit;
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 2, ended: ended({ dropped: 2 }) },
      v2: REPLACEMENT,
    },
    verdict: BOTH_DROPPED,
  },
  {
    what: 'a media server that dies: both calls are dropped',
    async run(scene, watch) {
      // These do not give up to connect for as long as it takes.
      const v1 = await scene.worker('v1', FAULTS);
      for (const tenant of ['acme', 'globex']) await scene.call(tenant);
      await scene.seen('v1', { active: 2 });
      await watch('v2');
      await scene.worker('v2', FAULTS);
      scene.livekit.process.kill('SIGKILL');
      await scene.seen('v1', { active: 0 });
      await scene.terminate(v1, 0);
      await v1.exit;
    },
    workers: {
      v1: { ...EXITED, draining: true, dropped: 2, ended: ended({ dropped: 2 }) },
      v2: REPLACEMENT,
    },
    verdict: BOTH_DROPPED,
  },
];

/** Its dropped session must be known in time, also of a worker that reports rarely. */
export const KILLED_JOB: Scenario = {
  what: 'SIGKILL of a job’s process: one dropped session, within 2 s, of a worker that goes on',
  async run(scene, watch) {
    // First: what a gate hears first of a worker that is older than itself can be an old loss.
    const gate = await watch('v2');
    const v1 = await scene.worker('v1', 'worker.js', { OTEL_METRIC_EXPORT_INTERVAL: '30000' });
    await scene.call('acme');
    await scene.worker('v2');
    const killedAt = Date.now();
    process.kill(await scene.jobProcess(v1), 'SIGKILL');
    const { lastReportAt } = await scene.seen('v1', { dropped: 1, exited: false });
    expect(lastReportAt - killedAt).toBeLessThan(2_000);
    await gate.see({ dropped: DROPPED.dropped });
    await scene.terminate(v1, 0);
    await v1.exit;
  },
  workers: { v1: { ...EXITED, dropped: 1, started: 1, ended: ended({ dropped: 1 }) }, v2: REPLACEMENT },
  verdict: DROPPED,
};

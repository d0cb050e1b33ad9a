import type { DeployFacts, WorkerFacts } from './facts.js';
import { stateOf } from './facts.js';
import { describeDrained, describeDropped, describeVersion } from './sentences.js';
import type { Check, Phase, Verdict, Waiting } from './verdict.js';
import { type AssessOptions, look, sum, type View } from './view.js';

/**
 * Says where a deploy stands. Pure: no clock, no network; the same facts in any order give the same verdict.
 *
 * What is missing is held against the deploy: without a worker that reported through the whole silence window nothing
 * is known about silence, and the phase is `unknown`.
 */
export function assessDeploy(facts: DeployFacts, options: AssessOptions): Verdict {
  const view = look(facts, options);
  const { target, now, since, running, others, accepting, expected, old, confirmed, presumed } = view;
  const timeLeftSeconds = timeLeft(view);
  const states = { version: isOnTarget(view), drained: isDrained(view), dropped: isNoneDropped(view) };
  return {
    target,
    now,
    since,
    phase: phaseOf(view, states),
    checks: {
      version: { state: states.version, sentence: describeVersion(view) },
      drained: { state: states.drained, sentence: describeDrained(view, timeLeftSeconds) },
      dropped: { state: states.dropped, sentence: describeDropped(view) },
    },
    workers: {
      running: running.length,
      onTarget: running.length - others.length,
      accepting: accepting.length,
      expected,
    },
    sessionsLeft: sum(old, ({ active }) => active),
    dropped: { confirmed, presumed },
    waitingFor: [...old, ...view.missing].map((worker) => waiting(worker, now)),
    leftovers: view.leftovers.map(({ id, version, started, active }) => ({ id, version, started, active })),
    tenantsLeft: tenantsOf(old),
    timeLeftSeconds,
    silenceWindowSeconds: view.silence / 1000,
  };
}

type State = Check['state'];
type States = Readonly<Record<keyof Verdict['checks'], State>>;

/** Check 1: every running worker reports the target, as many as expected accept on it, and none of it is lost. */
function isOnTarget({ hasWitness, successor, others, settled, expected, gone }: View): State {
  if (!hasWitness) return 'unknown';
  if (successor !== undefined) return 'failed';
  return others.length === 0 && settled.length >= expected && gone.length === 0 ? 'met' : 'open';
}

/** Check 2: no session on a running worker, except on those of the target that accept. */
function isDrained({ hasWitness, old }: View): State {
  if (!hasWitness) return 'unknown';
  return old.every(({ active }) => active === 0) ? 'met' : 'open';
}

/** Check 3: no session dropped since the start, none presumed, and the source saw it all. */
function isNoneDropped({ hasWitness, confirmed, presumed, missing, undated, ...view }: View): State {
  if (confirmed > 0) return 'failed';
  const isBlind = view.since === undefined || view.coveredSince > view.since || undated.length > 0;
  if (!hasWitness || isBlind) return 'unknown';
  if (presumed === 0) return 'met';
  return missing.length > 0 ? 'open' : 'failed';
}

function phaseOf(view: View, checks: States): Phase {
  if (!view.hasWitness) return 'unknown';
  if (view.successor !== undefined) return 'superseded';
  if (view.accepting.length === 0) return 'waiting';
  if (view.old.some((worker) => isStuck(worker, view.now))) return 'stuck';
  const isRolling = view.others.some(({ draining }) => !draining) || view.accepting.length < view.expected;
  if (isRolling) return 'rolling';
  if (checks.version !== 'met' || checks.drained !== 'met' || view.missing.length > 0) return 'draining';
  if (checks.dropped === 'met') return 'complete';
  return checks.dropped === 'failed' ? 'dropped' : 'unknown';
}

/** Past its drain timeout with sessions, for longer than the end of the drain needs to be heard of. */
function isStuck({ active, drainingSince, drainTimeoutSeconds, intervalSeconds }: WorkerFacts, now: number) {
  if (active === 0 || drainingSince === undefined || drainTimeoutSeconds === undefined) return false;
  return now - drainingSince > (drainTimeoutSeconds + intervalSeconds) * 1000;
}

/** From how fast sessions leave the workers that drain. Undefined while others accept, or when it is too early. */
function timeLeft({ old, now }: View): Verdict['timeLeftSeconds'] {
  const left = sum(old, ({ active }) => active);
  const isEarly = old.every(({ earlier, intervalSeconds }) => now - earlier.at < intervalSeconds * 1000);
  if (left === 0 || isEarly || old.some(({ draining }) => !draining)) return undefined;
  const perSecond = sum(old, ({ earlier, active }) =>
    now > earlier.at ? (earlier.active - active) / ((now - earlier.at) / 1000) : 0,
  );
  return perSecond > 0 ? left / perSecond : 'not falling';
}

function waiting(worker: WorkerFacts, now: number): Waiting {
  const { id, version, active, drainingSince, drainTimeoutSeconds } = worker;
  return {
    id,
    version,
    state: stateOf(worker, now),
    sessions: active,
    ...(drainingSince !== undefined && { drainingForSeconds: (now - drainingSince) / 1000 }),
    ...(drainTimeoutSeconds !== undefined && { drainTimeoutSeconds }),
    lastReportSeconds: (now - worker.lastReportAt) / 1000,
  };
}

function tenantsOf(workers: readonly WorkerFacts[]): Record<string, number> {
  const totals = new Map<string, number>();
  for (const { tenants } of workers) {
    for (const [tenant, active] of Object.entries(tenants)) {
      if (active > 0) totals.set(tenant, (totals.get(tenant) ?? 0) + active);
    }
  }
  return Object.fromEntries(totals);
}

import { checkOptions, isSeconds, isWhole, type Rule, type Rules } from '../../lib/validate.js';
import { type DeployFacts, stateOf, type WorkerFacts } from '../facts.js';
import { type AssessOptions, sortFacts, sum } from './assessment.js';
import { checkDrained, timeLeft } from './drained.js';
import { checkNoneDropped } from './none-dropped.js';
import { notesOf } from './notes.js';
import { checkOnTarget } from './on-target.js';
import { phaseOf } from './phase.js';
import type { Verdict, Waiting } from './verdict.js';

const YES_OR_NO: Rule = ['true or false', (value) => typeof value === 'boolean'];
const RULES: Rules<keyof AssessOptions> = {
  target: ['a text that is not empty', (value) => typeof value === 'string' && value !== ''],
  expected: ['a whole number from 1', isWhole(1)],
  restart: YES_OR_NO,
  presumeAfterSeconds: ['seconds, 0 or more', isSeconds],
  strict: YES_OR_NO,
};

/**
 * Where a deploy stands. Pure: no clock, no network; the same facts in any order give the same verdict.
 *
 * Every worker that ran is accounted for: by a goodbye, or by reports that go on; or it is named, and the verdict holds.
 * What is absent (a gauge, a witness, a part of the window) is never taken for 0 or for gone: the phase is `unknown`.
 *
 * @throws TypeError for an unknown or a wrong option, and without a target.
 */
export function assessDeploy(facts: DeployFacts, options: AssessOptions): Verdict {
  checkOptions(options, RULES);
  if (options.target === undefined)
    throw new TypeError(`option target: expected ${RULES.target[0]}, got none`);
  const assessment = sortFacts(facts, options);
  const { target, now, since, running, others, accepting, expected, old, confirmed, presumed } = assessment;
  const checks = {
    version: checkOnTarget(assessment),
    drained: checkDrained(assessment),
    dropped: checkNoneDropped(assessment),
  };
  return {
    target,
    now,
    since,
    phase: phaseOf(assessment, checks),
    checks,
    workers: {
      running: running.length,
      onTarget: running.length - others.length,
      accepting: accepting.length,
      expected,
    },
    sessionsLeft: sum(old, ({ active }) => active),
    dropped: { confirmed, presumed },
    waitingFor: [...old, ...assessment.awaited].map((worker) => waitingFor(worker, now)),
    unaccounted: assessment.unaccounted.map((worker) => waitingFor(worker, now)),
    notes: notesOf(assessment),
    leftovers: assessment.leftovers.map(({ id, version, started, active }) => ({
      id,
      version,
      started,
      active,
    })),
    tenantsLeft: sessionsByTenant(old),
    ...timeLeft(assessment),
    silenceWindowSeconds: assessment.silence / 1000,
  };
}

function waitingFor(worker: WorkerFacts, now: number): Waiting {
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

function sessionsByTenant(workers: readonly WorkerFacts[]): Record<string, number> {
  const totals = new Map<string, number>();
  for (const { tenants } of workers) {
    for (const [tenant, active] of Object.entries(tenants)) {
      if (active > 0) totals.set(tenant, (totals.get(tenant) ?? 0) + active);
    }
  }
  return Object.fromEntries(totals);
}

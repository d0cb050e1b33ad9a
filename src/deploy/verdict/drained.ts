import { METRICS } from '../../attributes.js';
import { count, duration } from '../../lib/format.js';
import type { WorkerFacts } from '../facts.js';
import { type Assessment, sum } from './assessment.js';
import type { Check, Verdict } from './verdict.js';
import { blindness, gaps, named, sentences, verb } from './words.js';

/** Check 2: no session on a running worker, except on those of the target that accept. */
export function checkDrained(assessment: Assessment): Check {
  const blind = blindness(assessment);
  if (blind) return { state: 'unknown', sentence: `${blind}.` };
  const unknown = gaps(assessment, METRICS.active);
  const holding = assessment.old.filter(({ active }) => active > 0);
  if (holding.length === 0) {
    if (unknown) return { state: 'unknown', sentence: `${unknown}.` };
    return { state: 'met', sentence: 'No session is left on workers that are to go.' };
  }
  const sessions = sum(holding, ({ active }) => active);
  const left = timeLeft(assessment);
  const late = holding.filter((worker) => isPastTimeout(worker, assessment.now));
  return {
    state: unknown ? 'unknown' : 'open',
    sentence: sentences(
      `${count(sessions, 'session')} left on ${named(holding)}`,
      left !== undefined && (left === 'not falling' ? 'Not falling' : `About ${duration(left)} to go`),
      unknown ?? false,
      late.length > 0 && `${named(late)} ${verb(late.length, 'is', 'are')} past the drain timeout`,
    ),
  };
}

/** From how fast sessions leave the workers that drain. Undefined while others accept, or when it is too early. */
export function timeLeft({ old, now }: Assessment): Verdict['timeLeftSeconds'] {
  const left = sum(old, ({ active }) => active);
  const isEarly = old.every(({ earlier, intervalSeconds }) => now - earlier.at < intervalSeconds * 1000);
  if (left === 0 || isEarly || old.some(({ draining }) => !draining)) return undefined;
  const perSecond = sum(old, ({ earlier, active }) =>
    now > earlier.at ? (earlier.active - active) / ((now - earlier.at) / 1000) : 0,
  );
  return perSecond > 0 ? left / perSecond : 'not falling';
}

/** Past its drain timeout with sessions, for longer than the end of the drain takes to be reported. */
export const isStuck = (worker: WorkerFacts, now: number): boolean =>
  worker.active > 0 && isPastTimeout(worker, now - worker.intervalSeconds * 1000);

function isPastTimeout({ drainingSince, drainTimeoutSeconds }: WorkerFacts, at: number): boolean {
  if (drainingSince === undefined || drainTimeoutSeconds === undefined) return false;
  return at - drainingSince > drainTimeoutSeconds * 1000;
}

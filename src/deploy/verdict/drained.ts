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
  const late = holding.filter((worker) => isPastTimeout(worker, assessment.now));
  return {
    state: unknown ? 'unknown' : 'open',
    sentence: sentences(
      `${count(sessions, 'session')} left on ${named(holding)}`,
      inWords(timeLeft(assessment)) ?? false,
      unknown ?? false,
      late.length > 0 && `${named(late)} ${verb(late.length, 'is', 'are')} past the drain timeout`,
    ),
  };
}

type TimeLeft = Pick<Verdict, 'timeLeftSeconds' | 'timeLeftAtMostSeconds'>;

/** The time left, and that it is a guess. */
function inWords({ timeLeftSeconds: left, timeLeftAtMostSeconds: most }: TimeLeft): string | undefined {
  if (left === undefined) return undefined;
  const latest = `the latest ${duration(Math.ceil(most ?? 0))} to go, by the drain timeout`;
  if (left === 'not falling') return most === undefined ? 'Not falling' : `Not falling; at ${latest}`;
  return left === most ? `At ${latest}` : `A guess: about ${duration(Math.ceil(left))} to go`;
}

/** So much more than ln(n) mean lengths does the last of n take: the constant of Euler. */
const LAST_OF_MANY = 0.58;

/** From how fast sessions leave the workers that drain. Unknown while others accept, or when it is too early. */
export function timeLeft({ old, workers, now }: Assessment): TimeLeft {
  const left = sum(old, ({ active }) => active);
  const isEarly = old.every(({ earlier, intervalSeconds }) => now - earlier.at < intervalSeconds * 1000);
  if (left === 0 || isEarly || old.some(({ draining }) => !draining)) return { timeLeftSeconds: undefined };
  const limits = old.filter(({ active }) => active > 0).map((worker) => timeoutAt(worker) - now);
  // Who is past its timeout was not ended by it.
  const isLimited = limits.every((ms) => ms > 0 && Number.isFinite(ms));
  const limit = isLimited ? { timeLeftAtMostSeconds: Math.max(...limits) / 1000 } : {};
  const seenSince = Math.min(...old.map(({ earlier }) => earlier.at));
  // Of workers with a call each nobody would see one end, but for those that have left meanwhile.
  const gone = workers.filter(({ exited, lastReportAt }) => exited && lastReportAt >= seenSince);
  const rate = endRate([...old, ...gone], now);
  if (!(rate > 0)) return { timeLeftSeconds: 'not falling', ...limit };
  const guess = (Math.log(left) + LAST_OF_MANY) / rate;
  return { timeLeftSeconds: Math.min(guess, ...Object.values(limit)), ...limit };
}

/**
 * How often one session ends, a second. The lengths of calls are about exponential, so that the logarithm of how many
 * are left falls evenly, and not their number. What was seen for longer, and with more sessions, counts more.
 */
function endRate(workers: readonly WorkerFacts[], now: number): number {
  const earlier = sum(workers, (worker) => worker.earlier.active);
  const sessionSeconds = sum(workers, (worker) => (worker.earlier.active * (now - worker.earlier.at)) / 1000);
  const left = sum(workers, ({ active }) => active);
  return Math.log(earlier / left) / (sessionSeconds / earlier);
}

/** Past its drain timeout with sessions, for longer than the end of the drain takes to be reported. */
export const isStuck = (worker: WorkerFacts, now: number): boolean =>
  worker.active > 0 && isPastTimeout(worker, now - worker.intervalSeconds * 1000);

const isPastTimeout = (worker: WorkerFacts, at: number): boolean => at > timeoutAt(worker);

/** When its drain timeout is over, in Unix ms; never where it has none. */
function timeoutAt({ drainingSince, drainTimeoutSeconds }: WorkerFacts): number {
  if (drainingSince === undefined || drainTimeoutSeconds === undefined) return Number.POSITIVE_INFINITY;
  return drainingSince + drainTimeoutSeconds * 1000;
}

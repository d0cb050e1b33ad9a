import type { WorkerFacts } from './facts.js';
import type { Verdict } from './verdict.js';
import { sum, type View } from './view.js';

/** Names beyond this many are counted. */
const MOST_NAMES = 3;

/** Check 1 in plain words. */
export function describeVersion(view: View): string {
  const { target, running, others, accepting, settled, expected, gone, successor, silence } = view;
  if (!view.hasWitness) return noWitness(view);
  const onTarget = running.length - others.length;
  const reason = view.isExpectedGiven ? 'as given' : 'from those that accepted at the start, at least 1';
  const takers = others.filter(({ draining }) => !draining);
  const young = accepting.length - settled.length;
  return sentences(
    `${onTarget} of ${count(running.length, 'running worker')} ${verb(onTarget, 'reports', 'report')} ${target}, ${accepting.length} of them ${verb(accepting.length, 'accepts', 'accept')}; expected ${expected} (${reason})`,
    successor !== undefined && `${successor} took over`,
    takers.length > 0 && `${named(takers)} ${verb(takers.length, 'accepts', 'accept')} too`,
    young > 0 && `${young} ${verb(young, 'has', 'have')} not reported for ${duration(silence / 1000)} yet`,
    gone.length > 0 && `${named(gone)} went silent`,
    view.leftovers.length > 0 &&
      `${named(view.leftovers)} came up after ${target} had everywhere and started ${count(
        sum(view.leftovers, ({ started }) => started),
        'session',
      )}`,
  );
}

/** Check 2 in plain words. */
export function describeDrained(view: View, timeLeft: Verdict['timeLeftSeconds']): string {
  const { old, now } = view;
  if (!view.hasWitness) return noWitness(view);
  const holding = old.filter(({ active }) => active > 0);
  if (holding.length === 0) return 'No session is left on workers that are to go.';
  const late = holding.filter(
    ({ drainingSince, drainTimeoutSeconds }) =>
      drainingSince !== undefined &&
      drainTimeoutSeconds !== undefined &&
      now - drainingSince > drainTimeoutSeconds * 1000,
  );
  return sentences(
    `${count(
      sum(holding, ({ active }) => active),
      'session',
    )} left on ${named(holding)}`,
    timeLeft !== undefined &&
      (timeLeft === 'not falling' ? 'Not falling' : `About ${duration(timeLeft)} to go`),
    late.length > 0 && `${named(late)} ${verb(late.length, 'is', 'are')} past the drain timeout`,
  );
}

/** Check 3 in plain words. */
export function describeDropped(view: View): string {
  const { since, coveredSince, confirmed, presumed, silent, now, presumeAfterSeconds } = view;
  if (since === undefined) return `Nothing is counted yet: ${view.target} was never seen.`;
  const lost = silent.filter(({ active }) => active > 0);
  const longest = Math.max(0, ...lost.map(({ lastReportAt }) => (now - lastReportAt) / 1000));
  const isBlind = coveredSince > since;
  const total = confirmed + presumed;
  return sentences(
    total === 0
      ? `No dropped session ${view.hasWitness && !isBlind && view.undated.length === 0 ? '' : 'was told '}since ${time(since)}`
      : `${count(total, 'session')} dropped since ${time(since)}: ${confirmed} confirmed, ${presumed} presumed`,
    lost.length > 0 &&
      `${named(lost)} silent for ${duration(longest)}${view.missing.length > 0 ? `, waited for until ${duration(presumeAfterSeconds)}` : ''}`,
    !view.hasWitness && noWitness(view).slice(0, -1),
    view.undated.length > 0 &&
      `Unknown when ${named(view.undated)} lost ${count(
        sum(view.undated, ({ droppedBefore }) => droppedBefore),
        'session',
      )}: it was first heard of with them`,
    isBlind && `Unknown before ${time(coveredSince)}: the source has not seen it`,
  );
}

const noWitness = ({ silence }: View) =>
  `Unknown: no worker of the pool has reported through the last ${duration(silence / 1000)}.`;

function sentences(...parts: (string | false)[]): string {
  return parts
    .filter((part) => part !== false)
    .map((part) => `${part}.`)
    .join(' ');
}

const verb = (number: number, one: string, many: string) => (number === 1 ? one : many);
const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
const time = (unixMs: number) => new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');

function named(workers: readonly WorkerFacts[]): string {
  const names = workers.slice(0, MOST_NAMES).map(({ id, version }) => `${id} (${version})`);
  const more = workers.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Seconds as people say them: 4.5 s, 40 s, 3 min, 2 h 5 min. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest > 0 ? ` ${rest} min` : ''}`;
}

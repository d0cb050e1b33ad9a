import { HARMLESS, type Ill, type Question } from '../world/world.js';
import { type DropBounds, dropBounds } from './drops.js';
import { objections } from './may.js';
import {
  firstSighting,
  longestSilence,
  poolTimes,
  type Seen,
  SLACK,
  surelyExited,
  type View,
} from './view.js';
import { isOld, PRESUMED_MS, type Window } from './window.js';

/** With these alone a deploy comes to an end that can be foretold. */
const FORETOLD: readonly Ill[] = [...HARMLESS, 'forced', 'killed', 'recovered', 'lost alone', 'leftover'];
const LOSSES: readonly string[] = ['a report tells of losses', 'sessions of a silent worker are lost'];
const MARGIN = 10_000;

/** What a settled deploy must be called: everything arrived, everybody is accounted for, and for long enough. */
export function mustBe(
  view: View,
  question: Question,
  window: Window | undefined,
): 'complete' | 'dropped' | undefined {
  const { world, now } = view;
  // Whether one version alone is a deploy is left open.
  if (world.plan.kind === 'one version') return undefined;
  if (!window || world.ills.some((ill) => !FORETOLD.includes(ill))) return undefined;
  const silence = longestSilence(view);
  const settledSince = now - 2 * silence - MARGIN;
  if (window.since > settledSince || !isCovered(view, window)) return undefined;
  const judged = view.workers.map((worker) => accountFor(worker, view, question, window));
  if (judged.some((one) => one === undefined) || hasUnseen(view)) return undefined;
  const accepting = judged.filter((one) => one === 'accepts').length;
  if (accepting < (question.expected ?? acceptedAtStart(view, window))) return undefined;
  if (!isNewest(view, question, window)) return undefined;
  // What is objected to, beside losses that are told or presumed, is left to the other tests.
  if (objections(view, question, window).some((one) => !LOSSES.includes(one))) return undefined;
  return phaseOf(dropBounds(view, window));
}

function phaseOf({ confirmed, presumed }: DropBounds): 'complete' | 'dropped' | undefined {
  if (confirmed.least !== confirmed.most || presumed.least !== presumed.most) return undefined;
  return confirmed.most + presumed.most > 0 ? 'dropped' : 'complete';
}

/** How a worker is accounted for; undefined when a verdict may wait for it, or doubt it. */
function accountFor(
  worker: Seen,
  { now }: View,
  question: Question,
  window: Window,
): 'accepts' | 'gone' | undefined {
  const { readings, sightings, silence, firstAt } = worker;
  const old = isOld(worker, question, window);
  if (old === 'perhaps') return undefined;
  const margin = 2 * silence.most + MARGIN;
  const last = Math.max(...sightings.map(({ at }) => at));
  if (surelyExited(worker)) {
    const isLongGone = last < now - margin - PRESUMED_MS;
    return (old && last < now - MARGIN) || isLongGone ? 'gone' : undefined;
  }
  if (readings.some(({ isExited }) => isExited)) return undefined;
  const isLost = readings.every(({ active, lastAt }) => active > 0 && lastAt < now - margin - PRESUMED_MS);
  if (isLost) return readings.every(({ lastAt }) => lastAt > window.since + SLACK) ? 'gone' : undefined;
  const accepts = readings.every(({ isDraining, lastAt }) => !isDraining && now - lastAt < silence.least / 2);
  return !old && accepts && firstAt < now - margin && isSteady(worker, now) ? 'accepts' : undefined;
}

/** No gap of two intervals or more since it came. */
function isSteady({ sightings, lives: [life] }: Seen, now: number): boolean {
  const times = [...sightings.map(({ at }) => at), now].sort((a, b) => a - b);
  const most = 2 * (life?.intervalMs ?? 0) - SLACK;
  return times.every((at, index) => at - (times[index - 1] ?? at) < most);
}

function isCovered(view: View, { since, isGiven }: Window): boolean {
  if (view.world.sourceStartsAt > 0) return false;
  const times = poolTimes(view);
  const least = Math.min(...view.workers.map(({ silence }) => silence.least));
  const isNear = times.some((at) => at < since - SLACK && at > since - least / 2);
  const isUnbroken = times.every((at, index) => at - (times[index - 1] ?? at) < least);
  return (isNear || !isGiven) && isUnbroken;
}

/** Some worker of the pool was born and has not been seen. */
function hasUnseen({ world, now, workers }: View): boolean {
  return world.lives.some(({ bornAt, id }) => bornAt < now && !workers.some((worker) => worker.id === id));
}

/** At most so many accepted when the window began, as far as a source can say. */
function acceptedAtStart({ workers }: View, { since }: Window): number {
  const accepted = workers.filter(({ firstAt, lives: [life], silence }) => {
    const leftAt = Math.min(
      life?.drainAt ?? Number.POSITIVE_INFINITY,
      life?.end?.at ?? Number.POSITIVE_INFINITY,
    );
    return firstAt < since + silence.most && leftAt > since - silence.most;
  });
  return Math.max(1, accepted.length);
}

/** No other version came after the target, or it had come before a start that is given. */
function isNewest(view: View, { target }: Question, { since, isGiven }: Window): boolean {
  const first = firstSighting(view, target) ?? 0;
  return view.workers.every(({ version }) => {
    const seen = firstSighting(view, version) ?? 0;
    return version === target || seen < first - SLACK || (isGiven && seen < since - SLACK);
  });
}

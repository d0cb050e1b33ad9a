import type { Question } from '../world/world.js';
import { tellsLosses } from './drops.js';
import type { Reading } from './reading.js';
import { firstSighting, longestSilence, poolTimes, type Seen, SLACK, type View } from './view.js';
import { isDarkAtStart, isOld, PRESUMED_MS, type Window } from './window.js';

/**
 * Why a deploy may not be called complete; empty where it may. Each is a rule of the design, and holds by every way in
 * which the data can be read.
 */
export function objections(view: View, question: Question, window: Window | undefined): string[] {
  if (!window) return ['the target was never seen'];
  if (window.since > view.now + SLACK) return ['the window has not begun'];
  return [
    ...view.workers.flatMap((worker) => ofWorker(view, question, window, worker) ?? []),
    ...ofPool(view, question, window),
    ...ofSource(view, window),
  ];
}

/** A worker that is not accounted for, by all readings of it. */
function ofWorker(view: View, question: Question, window: Window, worker: Seen): string | undefined {
  const objection = worker.readings.map((reading) => ofReading(view, question, window, worker, reading));
  if (worker.isContradictory && isOfWindow(worker, window)) return 'an id is used twice';
  if (tellsLosses(worker, window)) return 'a report tells of losses';
  return objection.every((one) => one !== undefined) && !worker.isReused ? objection[0] : undefined;
}

function ofReading(
  view: View,
  question: Question,
  window: Window,
  worker: Seen,
  reading: Reading,
): string | undefined {
  const { silence } = worker;
  const { lastAt, active } = reading;
  const isLate = lastAt > window.since + SLACK;
  if (worker.missing.length > 0 && isLate) return `a gauge never came: ${worker.missing.join(', ')}`;
  if (reading.isExited)
    return reading.isWhole || !isLate ? undefined : 'half a goodbye, without what was dropped';
  const old = isOld(worker, question, window);
  const quiet = view.now - lastAt;
  if (quiet < silence.least - SLACK) {
    if (old === true) return 'an old worker runs';
    return reading.isDraining && active > 0 ? 'a worker drains with sessions' : undefined;
  }
  // At the border it may be both.
  if (quiet <= silence.most + SLACK) return undefined;
  if (reading.lacks.length > 0 && isLate) return `its last report lacks ${reading.lacks.join(', ')}`;
  if (active > 0) {
    if (quiet < PRESUMED_MS - SLACK) return 'sessions are presumed, and may come back';
    if (lastAt > window.vanishedSince(worker) + SLACK) return 'sessions of a silent worker are lost';
    if (isDarkAtStart(view, window, worker, lastAt)) return 'nobody knows when a silent worker was lost';
  }
  const isYoungGone =
    quiet < silence.least + PRESUMED_MS - SLACK && lastAt + silence.least > window.since + SLACK;
  return old === false && isYoungGone ? 'a worker of the target went silent of late' : undefined;
}

/** Too few that accept on the target, or nobody whose reports prove silence. */
function ofPool(view: View, question: Question, window: Window): string[] {
  const settled = view.workers.filter(
    (worker) => isOld(worker, question, window) !== true && worker.readings.some(isSettled(view, worker)),
  );
  const found: string[] = [];
  if (settled.length < Math.max(1, question.expected ?? 1)) found.push('too few accept and are settled');
  if (!view.workers.some((worker) => isWitness(view, worker))) found.push('no witness');
  return found;
}

const isSettled =
  ({ now }: View, { version: _, firstAt, silence, isReused }: Seen) =>
  ({ lastAt, isDraining, isExited }: Reading) =>
    (!isExited || isReused) &&
    !isDraining &&
    now - lastAt < silence.most + SLACK &&
    // Half an interval is granted: reports are not that punctual.
    now - firstAt > (7 / 8) * silence.least - SLACK;

/** It reported in the window of silence, and not only at its very end. */
function isWitness({ now }: View, { readings, silence }: Seen): boolean {
  const from = now - silence.most * (1 + 1 / 2) - SLACK;
  const until = now - silence.least / 4 + SLACK;
  return readings.some(({ sightings }) => sightings.some(({ at }) => at >= from && at <= until));
}

/** The source has not seen the beginning. */
function ofSource(view: View, { since, isGiven }: Window): string[] {
  if (!isGiven) return [];
  const { world, source } = view;
  if (source === 'receiver' && since < world.sourceStartsAt - SLACK) return ['the source began later'];
  const [first = Number.POSITIVE_INFINITY] = poolTimes(view);
  const someLived = world.lives.some(({ bornAt, end }) => bornAt < since && (end?.at ?? since + 1) > since);
  return first > since + 1.5 * longestSilence(view) + SLACK && someLived ? ['the source began later'] : [];
}

const isOfWindow = ({ sightings }: Seen, { since }: Window) =>
  sightings.some(({ at, delivery }) => delivery.report.life.isSecond && at > since + SLACK);

/** Old workers that vanished without a goodbye and without a session: a complete verdict names them. */
export function unaccounted(view: View, question: Question, window: Window): string[] {
  const { now } = view;
  return view.workers
    .filter((worker) => isOld(worker, question, window) === true && !worker.isReused)
    .filter(({ readings, silence }) =>
      readings.every(
        ({ isExited, active, lastAt }) =>
          !isExited && active === 0 && now - lastAt > silence.most + SLACK && lastAt > window.since + SLACK,
      ),
    )
    .map(({ id }) => id);
}

/** Whether a version other than the target was first seen after it, or accepts while all of the target are gone. */
export function maySupersede(view: View, { target, restart }: Question): boolean {
  // The new ones of the same version may leave while the old ones accept.
  if (restart) return true;
  const first = firstSighting(view, target);
  const others = view.workers.filter(({ version }) => version !== target);
  const runs = ({ readings, silence }: Seen) =>
    readings.some(({ isExited, lastAt }) => !isExited && view.now - lastAt < silence.most + SLACK);
  const targetRuns = view.workers.some(
    ({ version, readings, silence }) =>
      version === target &&
      readings.every(
        ({ isExited, isDraining, lastAt }) =>
          !isExited && !isDraining && view.now - lastAt < silence.least - SLACK,
      ),
  );
  if (others.length === 0 || first === undefined) return false;
  const isNewer = others.some(
    ({ version, startsAt = first }) =>
      Math.max(firstSighting(view, version) ?? 0, startsAt) >
      Math.min(first, firstStart(view, target)) - SLACK,
  );
  return isNewer || (!targetRuns && others.some(runs));
}

/** The earliest start that workers of a version tell. */
const firstStart = ({ workers }: View, version: string) =>
  Math.min(
    ...workers.map((worker) => (worker.version === version ? (worker.startsAt ?? Infinity) : Infinity)),
  );

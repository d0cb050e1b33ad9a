import type { Sighting } from './track.js';
import { type Seen, SLACK, surelyRuns, surelySilent, type View } from './view.js';
import { isDarkAtStart, PRESUMED_MS, type Window } from './window.js';

/** The least and the most that may be told. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

export interface DropBounds {
  readonly confirmed: Bounds;
  readonly presumed: Bounds;
}

export function dropBounds(view: View, window: Window): DropBounds {
  const confirmed = view.workers.map((worker) => confirmedOf(worker, window));
  const presumed = view.workers.map((worker) => presumedOf(view, worker, window));
  return { confirmed: sum(confirmed), presumed: sum(presumed) };
}

/** Whether a report of the window tells of losses that none before it did. */
export function tellsLosses(worker: Seen, window: Window): boolean {
  if (mostDropped(worker.sightings) === 0) return false;
  const own = ownSightings(worker);
  const later = mostDropped(own);
  if (later === 0 || isOfBefore(worker, window)) return false;
  // What came late tells of before, and what is dated late came before: only what is after the start by both counts.
  return later > mostDropped(own.filter((one) => earliest(one) <= window.since + SLACK));
}

function confirmedOf(worker: Seen, window: Window): Bounds {
  const all = worker.readings.flatMap(({ sightings }) => sightings);
  if (mostDropped(all) === 0) return { least: 0, most: 0 };
  const horizon = window.isGiven ? window.since : window.vanishedSince(worker);
  const surelyBefore = worker.sightings.filter((one) => latest(one) < horizon - SLACK);
  const most = worker.isReused
    ? worker.lives.reduce((total, life) => total + mostDropped(all.filter((one) => lifeOf(one) === life)), 0)
    : mostDropped(all) - mostDropped(surelyBefore);
  if (worker.isReused || !tellsLosses(worker, window)) return { least: 0, most };
  const own = ownSightings(worker);
  const perhapsBefore = own.filter((one) => earliest(one) <= window.since + SLACK);
  const isYoung = worker.startsAt !== undefined && worker.startsAt > window.since + SLACK;
  // The losses that it had when it was first heard of can not be dated.
  const undated = perhapsBefore.length > 0 || isYoung ? 0 : firstDropped(own);
  return { least: mostDropped(own) - Math.max(undated, mostDropped(perhapsBefore)), most };
}

function presumedOf(view: View, worker: Seen, window: Window): Bounds {
  const { readings, silence } = worker;
  if (surelyRuns(worker, view.now) || readings.every(({ isExited }) => isExited && !worker.isReused)) {
    return { least: 0, most: 0 };
  }
  const isLongGone = readings.every(({ lastAt }) => {
    const isOver = view.now > lastAt + PRESUMED_MS + 2 * silence.most + SLACK;
    const isBefore = lastAt + silence.most < window.vanishedSince(worker) - SLACK;
    return isOver && isBefore && !isDarkAtStart(view, window, worker, lastAt);
  });
  if (isLongGone) return { least: 0, most: 0 };
  const most = Math.max(...readings.map(({ active }) => active));
  const isSure =
    surelySilent(worker, view.now) &&
    !worker.isReused &&
    readings.every(({ lastAt }) => lastAt > window.since + SLACK) &&
    readings.every(({ sightings }) => sightings.every(({ delivery }) => !delivery.report.isGoodbye));
  return { least: isSure ? Math.min(...readings.map(({ active }) => active)) : 0, most };
}

/** It was killed, and silent, before the window began; its goodbye may come within. */
function isOfBefore({ sightings, silence }: Seen, window: Window): boolean {
  if (!window.isGiven) return false;
  const ordinary = sightings.filter(({ delivery }) => !delivery.report.isGoodbye);
  if (ordinary.length === 0) return false;
  return ordinary.every((one) => latest(one) + silence.least < window.since + SLACK);
}

const lifeOf = ({ delivery }: Sighting) => delivery.report.life;
/** Those of the first life of an id: what a second one says may be taken for late, or not at all. */
const ownSightings = ({ sightings }: Seen) => sightings.filter((one) => !lifeOf(one).isSecond);

const times = ({ at, delivery: { report, arrivesAt } }: Sighting) => [
  at,
  report.stamp,
  report.sentAt,
  arrivesAt,
];
const earliest = (sighting: Sighting) => Math.min(...times(sighting));
const latest = (sighting: Sighting) => Math.max(...times(sighting));

const droppedOf = ({ delivery: { gauges, report } }: Sighting) =>
  gauges.includes('dropped') ? report.values.dropped : undefined;

const mostDropped = (sightings: readonly Sighting[]) =>
  sightings.reduce((most, one) => Math.max(most, droppedOf(one) ?? 0), 0);

/** What the earliest of the first reports tells: whichever a source takes for the first. */
function firstDropped(sightings: readonly Sighting[]): number {
  const told = sightings.filter((one) => droppedOf(one) !== undefined);
  const first = Math.min(...told.map(({ at }) => at));
  return mostDropped(told.filter(({ at }) => at <= first + SLACK));
}

function sum(bounds: readonly Bounds[]): Bounds {
  return {
    least: bounds.reduce((total, { least }) => total + least, 0),
    most: bounds.reduce((total, { most }) => total + most, 0),
  };
}

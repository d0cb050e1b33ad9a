import { DECIDING, type Gauge } from '../world/report.js';
import type { Sighting, SourceKind, Track } from './track.js';

/**
 * One way in which the sightings of a worker may be read. Where the design leaves open which report is the last, or
 * how copies are folded, there are several, and a verdict is wrong only when it is wrong by all of them.
 */
export interface Reading {
  readonly sightings: readonly Sighting[];
  readonly lastAt: number;
  readonly active: number;
  readonly isDraining: boolean;
  readonly isExited: boolean;
  /** Whether the goodbye, where there is one, tells what was dropped. */
  readonly isWhole: boolean;
  /** Of the gauges that decide and change, those that its last report lacks. */
  readonly lacks: readonly Gauge[];
}

type Order = (sighting: Sighting) => number;
const bySaying: Order = ({ delivery }) => delivery.report.sentAt;
const byArrival: Order = ({ delivery }) => delivery.arrivesAt;
const byStamp: Order = ({ delivery }) => delivery.report.stamp;

/** How a track can be read at a moment. Empty when nothing has come of it. */
export function readingsOf(track: Track, source: SourceKind, now: number): Reading[] {
  const known = track.sightings.filter(({ at }) => at <= now);
  if (source === 'prometheus') {
    const ahead = track.aheadMs > 0 ? track.sightings.filter(({ at }) => at <= now + track.aheadMs) : [];
    return [known, ahead].flatMap((sightings) =>
      withCopies(track, sightings, byStamp, Math.min(now, latest(sightings))),
    );
  }
  const readings = withCopies(track, known, bySaying, latest(known));
  const newest = last(known, bySaying);
  if (newest) {
    const said = newest.delivery.report.sentAt;
    const arrivals = known.filter(({ delivery }) => delivery.report.sentAt === said);
    readings.push(...withCopies(track, known, bySaying, Math.min(...arrivals.map(({ at }) => at))));
  }
  if (track.hasCopies || track.hasSteps) {
    readings.push(...withCopies(track, known, byArrival, latest(known)));
    if (isMixed(known)) readings.push(...withCopies(track, known, byStamp, latest(known)));
  }
  return readings;
}

/** Read as one, and by copy where there are copies: the highest last value of them. */
function withCopies(track: Track, sightings: readonly Sighting[], order: Order, lastAt: number): Reading[] {
  if (sightings.length === 0) return [];
  const one = readingOf(sightings, order, lastAt);
  if (!track.hasCopies) return [one];
  const names = new Set(sightings.map(({ delivery }) => delivery.copy));
  const each = Array.from(names, (name) =>
    readingOf(
      sightings.filter(({ delivery }) => delivery.copy === name),
      order,
      lastAt,
    ),
  );
  const folded: Reading = {
    ...one,
    active: Math.max(...each.map(({ active }) => active)),
    isDraining: each.some(({ isDraining }) => isDraining),
  };
  return [one, folded];
}

function readingOf(sightings: readonly Sighting[], order: Order, lastAt: number): Reading {
  const value = (gauge: Gauge) => last(sightings, order, gauge)?.delivery.report.values[gauge];
  const goodbyes = sightings.filter(({ delivery }) => delivery.report.isGoodbye);
  const isExited = goodbyes.some(({ delivery }) => delivery.gauges.includes('running'));
  const end = last(sightings, order);
  const ofEnd = sightings.filter(({ delivery }) => delivery.report === end?.delivery.report);
  const told = new Set(ofEnd.flatMap(({ delivery }) => delivery.gauges));
  return {
    sightings,
    lacks: DECIDING.filter((gauge) => gauge !== 'startTime' && !told.has(gauge)),
    lastAt,
    active: value('active') ?? 0,
    isDraining: value('draining') === 1,
    isExited,
    isWhole: !isExited || goodbyes.some(({ delivery }) => delivery.gauges.includes('dropped')),
  };
}

/** Whether they came in another order than they were said. */
function isMixed(sightings: readonly Sighting[]): boolean {
  return sightings.some((one, index) => one.at < (sightings[index - 1]?.at ?? 0));
}

/** The last one, of those that have the gauge if one is named. */
function last(sightings: readonly Sighting[], order: Order, gauge?: Gauge): Sighting | undefined {
  let found: Sighting | undefined;
  for (const sighting of sightings) {
    if (found && order(sighting) < order(found)) continue;
    if (!gauge || sighting.delivery.gauges.includes(gauge)) found = sighting;
  }
  return found;
}

function latest(sightings: readonly Sighting[]): number {
  return sightings.reduce((most, { at }) => Math.max(most, at), Number.NEGATIVE_INFINITY);
}

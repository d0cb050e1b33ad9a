import type { Life } from '../world/life.js';
import { DECIDING, type Gauge, startOf } from '../world/report.js';
import type { World } from '../world/world.js';
import { type Reading, readingsOf } from './reading.js';
import { type Sighting, type SourceKind, type Track, tracksOf } from './track.js';

/** How exact a border of time is held, in ms: arrivals are in whole seconds, samples at any moment. */
export const SLACK = 1000;
const DEFAULT_INTERVAL_MS = 15_000;

/** A worker as a source can know it at a moment. */
export interface Seen {
  readonly id: string;
  readonly version: string;
  readonly lives: readonly Life[];
  readonly sightings: readonly Sighting[];
  readonly readings: readonly Reading[];
  readonly firstAt: number;
  /** The start that it tells, in ms of the world; undefined when that has not come. */
  readonly startsAt: number | undefined;
  /** The shortest and the longest silence window that may be held against it. */
  readonly silence: { readonly least: number; readonly most: number };
  /** Of the gauges that decide, those that never came. */
  readonly missing: readonly Gauge[];
  /** Said goodbye, and runs again with a later start. */
  readonly isContradictory: boolean;
  /** Its id had two lives: nothing is demanded of what is told of it. */
  readonly isReused: boolean;
}

/** What a source can know at a moment. */
export interface View {
  readonly source: SourceKind;
  readonly world: World;
  readonly now: number;
  readonly workers: readonly Seen[];
}

const tracks = new WeakMap<World, Map<SourceKind, Track[]>>();

/** All views on a world of one source. */
export function viewsOf(world: World, source: SourceKind): (now: number) => View {
  const known = tracks.get(world) ?? new Map<SourceKind, Track[]>();
  tracks.set(world, known);
  const ofSource = known.get(source) ?? tracksOf(world, source);
  known.set(source, ofSource);
  return (now) => ({
    source,
    world,
    now,
    workers: ofSource.flatMap((track) => see(track, source, now) ?? []),
  });
}

function see(track: Track, source: SourceKind, now: number): Seen | undefined {
  const readings = readingsOf(track, source, now);
  const sightings = track.sightings.filter(({ at }) => at <= now);
  const [life] = track.lives;
  if (readings.length === 0 || sightings.length === 0 || !life) return undefined;
  const came = new Set<Gauge>();
  for (const { delivery } of sightings) for (const gauge of delivery.gauges) came.add(gauge);
  const interval = 4 * life.intervalMs;
  const default_ = came.has('interval') ? interval : 4 * DEFAULT_INTERVAL_MS;
  return {
    id: track.id,
    version: track.version,
    lives: track.lives,
    sightings,
    readings,
    firstAt: Math.min(...sightings.map(({ at }) => at)),
    startsAt: came.has('startTime') ? startOf(life) : undefined,
    silence: { least: Math.min(interval, default_), most: Math.max(interval, default_) },
    missing: DECIDING.filter((gauge) => !came.has(gauge)),
    isContradictory: track.lives.length > 1 && contradicts(sightings),
    isReused: track.lives.length > 1,
  };
}

/** A report that says running, with a start after a goodbye of the same worker, however it is dated. */
function contradicts(sightings: readonly Sighting[]): boolean {
  const goodbyes = sightings.filter(
    ({ delivery }) => delivery.report.isGoodbye && delivery.gauges.includes('running'),
  );
  return goodbyes.some(({ at, delivery }) => {
    const leftAt = Math.max(at, delivery.arrivesAt, delivery.report.stamp) + SLACK;
    const later = sightings.filter(({ delivery: { report } }) => report.life.isSecond && !report.isGoodbye);
    return (
      later.some((one) => one.delivery.gauges.includes('running')) &&
      later.some((one) => {
        const { gauges, report } = one.delivery;
        return gauges.includes('startTime') && startOf(report.life) > leftAt;
      })
    );
  });
}

/** When the target was first seen. */
export function firstSighting({ workers }: View, version: string): number | undefined {
  const times = workers.filter((worker) => worker.version === version).map(({ firstAt }) => firstAt);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** When anything of the pool came, sorted. */
export function poolTimes({ workers }: View): number[] {
  return workers.flatMap(({ sightings }) => sightings.map(({ at }) => at)).sort((a, b) => a - b);
}

export const longestSilence = ({ workers }: View): number =>
  Math.max(0, ...workers.map(({ silence }) => silence.most));

/** By all readings: it reports, and has not said goodbye. */
export const surelyRuns = ({ readings, silence }: Seen, now: number): boolean =>
  readings.every(({ isExited, lastAt }) => !isExited && now - lastAt < silence.least - SLACK);

export const surelyExited = ({ readings }: Seen): boolean => readings.every(({ isExited }) => isExited);

/** By all readings: no goodbye, and no report for longer than its silence window. */
export const surelySilent = ({ readings, silence }: Seen, now: number): boolean =>
  readings.every(({ isExited, lastAt }) => !isExited && now - lastAt > silence.most + SLACK);

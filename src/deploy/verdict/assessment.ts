import {
  bornAt,
  DEFAULT_INTERVAL_SECONDS,
  type DeployFacts,
  firstSightings,
  isStartWrong,
  leadOf,
  PRESUME_AFTER_SECONDS,
  silenceWindow,
  stateOf,
  type WorkerFacts,
  type WorkerState,
} from '../facts.js';
import { foldCopies } from './fold.js';

/** Options of `assessDeploy`. */
export interface AssessOptions {
  /** The version that is deployed. */
  readonly target: string;
  /**
   * How many workers are to accept on the target.
   *
   * @default as many as accepted when the window began, at least 1
   */
  readonly expected?: number;
  /**
   * The target is the version that ran before: its workers from before the window are old ones.
   *
   * @default false
   */
  readonly restart?: boolean;
  /**
   * How long a worker that went silent is held against the deploy, in s: until then it may return, or be recovered.
   *
   * @default 300
   */
  readonly presumeAfterSeconds?: number;
  /**
   * Accepts no worker that vanished without a goodbye, not even one without sessions in its last report, and no session
   * that ended in a way that nobody could tell.
   *
   * @default false
   */
  readonly strict?: boolean;
}

/** What the checks are made of. Times in Unix ms. */
export type Assessment = ReturnType<typeof sortFacts>;

/** The facts, sorted by what the checks ask of them. Pure. */
export function sortFacts(facts: DeployFacts, options: AssessOptions) {
  const { now, since, coveredSince, isSinceGiven = false, isSeenAtStart = false } = facts;
  const { target, restart = false, strict = false, presumeAfterSeconds = PRESUME_AFTER_SECONDS } = options;
  const known = foldCopies(facts.workers);
  const begin = since ?? Number.NEGATIVE_INFINITY;
  const lead = (worker: WorkerFacts) =>
    isSinceGiven ? silenceWindow(worker) : leadOf(worker, presumeAfterSeconds);
  const isInWindow = (worker: WorkerFacts) => worker.lastReportAt >= begin - lead(worker);
  // Who was gone before the window has no part in it.
  const workers = known.filter(isInWindow).sort(byIdentity);

  const isFromBefore = (worker: WorkerFacts) => bornAt(worker) < begin || isStartWrong(worker);
  /** Of this deploy: of the target, and after a restart not from before it. */
  const isOwn = (worker: WorkerFacts) => worker.version === target && !(restart && isFromBefore(worker));
  const isOther = (worker: WorkerFacts) => !isOwn(worker);
  const isPending = (worker: WorkerFacts) =>
    stateOf(worker, now) === 'silent' && now - worker.lastReportAt <= leadOf(worker, presumeAfterSeconds);

  /** The longest silence window of the pool, in ms. */
  const silence = longestSilence(workers);
  /** Whether a worker reported through the whole silence window: else an outage would be taken for mass death. */
  const hasWitness = workers.some(
    ({ reportsSince, lastReportAt }) => reportsSince <= now - silence && lastReportAt >= now - silence / 2,
  );
  const states = byState(workers, now);
  const silent = hasWitness ? states.silent : [];
  const vanished = hasWitness
    ? known.filter((worker) => worker.active > 0 && stateOf(worker, now) === 'silent').sort(byIdentity)
    : [];
  const own = workers.filter(isOwn);
  /** Running, of this deploy, and taking sessions. */
  const accepting = states.accepting.filter(isOwn);
  /** Running, and must be gone at the end: all but the accepting ones. */
  const old = [
    ...states.accepting.filter(isOther),
    ...states.draining,
    ...states.drained,
    ...states.contradictory,
  ].sort(byIdentity);
  /** When each version was first seen. */
  const sightings = firstSightings(known);
  const expected = options.expected ?? Math.max(1, countAccepted(known, target, since));
  return {
    target,
    now,
    since,
    coveredSince,
    strict,
    presumeAfterSeconds,
    elsewhere: facts.elsewhere ?? [],
    silence,
    hasWitness,
    hasBegun: since === undefined || since <= now,
    workers,
    running: [...accepting, ...old],
    /** Running or not. */
    own,
    /** Running, and not of this deploy. */
    others: old.filter(isOther),
    accepting,
    /** Of these, the ones that have reported for a whole silence window: a crash loop does not count. */
    settled: accepting.filter((worker) => reportedFor(worker) >= silence),
    old,
    /** Without a gauge that decides: what is absent is not known. */
    incomplete: workers.filter(({ missing }) => missing.length > 0),
    contradictory: workers.filter(({ isContradictory }) => isContradictory),
    silent,
    /** Silent with sessions, in the window or not, and not for so long that they are given up. */
    awaited: vanished.filter(isPending),
    /** Silent with sessions since before the window, and nobody of the pool reported from then until it began. */
    undatedSilent: vanished.filter(
      (worker) => !isInWindow(worker) && !isSeenAtStart && isDarkAtStart(worker, known, begin),
    ),
    /** Vanished without a goodbye and without sessions: they may live on with their telemetry cut. */
    unaccounted: silent.filter(({ active }) => active === 0),
    /** Of this deploy, and lately gone silent, in the window or not. */
    gone: hasWitness ? known.filter((worker) => isOwn(worker) && isPending(worker)).sort(byIdentity) : [],
    /** Whether one of this deploy went silent, a silence window ago more than `gone` tells. */
    hasLostOwn: known.some(
      (worker) =>
        isOwn(worker) &&
        stateOf(worker, now) === 'silent' &&
        now - worker.lastReportAt <= leadOf(worker, presumeAfterSeconds) + silenceWindow(worker),
    ),
    expected,
    isExpectedGiven: options.expected !== undefined,
    sightings,
    leftovers: leftoversAmong(workers, { target, sightings, everywhereAt: cameUp(own, expected) }),
    /** Sessions whose loss was reported since the start. */
    confirmed: sum(workers, ({ dropped, droppedBefore }) =>
      since === undefined ? 0 : Math.max(0, dropped - droppedBefore),
    ),
    /** Sessions that ended since the start in a way that nobody could tell. By a counter: never taken for the whole truth. */
    unknownEnds: sum(workers, ({ ended, unknownBefore = 0 }) =>
      Math.max(0, (ended.unknown ?? 0) - unknownBefore),
    ),
    /** Sessions that silent workers last had. */
    presumed: sum(silent, ({ active }) => active),
    /** First seen in the window with sessions already lost: nobody knows when. */
    undated: workers.filter(
      ({ firstReportAt, droppedBefore }) => since !== undefined && firstReportAt > since && droppedBefore > 0,
    ),
  };
}

export function sum(workers: readonly WorkerFacts[], read: (worker: WorkerFacts) => number): number {
  return workers.reduce((total, worker) => total + read(worker), 0);
}

/** From the first report to the last, in ms. Half an interval is granted: reports are not that punctual. */
function reportedFor({ firstReportAt, lastReportAt, intervalSeconds }: WorkerFacts): number {
  return lastReportAt - firstReportAt + intervalSeconds * 500;
}

function byState(workers: readonly WorkerFacts[], now: number): Record<WorkerState, WorkerFacts[]> {
  const states = { accepting: [], draining: [], drained: [], exited: [], silent: [], contradictory: [] };
  for (const worker of workers) (states[stateOf(worker, now)] as WorkerFacts[]).push(worker);
  return states;
}

const byIdentity = (a: WorkerFacts, b: WorkerFacts) => compare(a.id, b.id) || compare(a.version, b.version);
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));

function longestSilence(workers: readonly WorkerFacts[]): number {
  const open = workers.filter(({ exited }) => !exited);
  const judged = open.length > 0 ? open : workers;
  if (judged.length === 0) return silenceWindow({ intervalSeconds: DEFAULT_INTERVAL_SECONDS });
  return judged.reduce((longest, worker) => Math.max(longest, silenceWindow(worker)), 0);
}

/** Whether nobody of the pool is known to have reported from a worker's last report until the window began. */
function isDarkAtStart(worker: WorkerFacts, known: readonly WorkerFacts[], begin: number): boolean {
  if (begin - worker.lastReportAt <= silenceWindow(worker)) return false;
  return !known.some(({ firstReportAt, reportsSince, lastReportAt }) => {
    const hasReportedSince = reportsSince <= begin || lastReportAt <= begin;
    return lastReportAt > worker.lastReportAt && firstReportAt <= begin && hasReportedSince;
  });
}

/** How many workers accepted when the window began. */
function countAccepted(workers: readonly WorkerFacts[], target: string, since: number | undefined): number {
  if (since === undefined) return 0;
  return workers.filter((worker) => {
    // The target's own first sighting may be what began the window.
    const hadBegun = worker.version === target ? worker.firstReportAt < since : bornAt(worker) <= since;
    const hadLeft = worker.lastReportAt < since - (worker.exited ? 0 : silenceWindow(worker));
    const drained = worker.drainingSince !== undefined && worker.drainingSince <= since;
    return hadBegun && !hadLeft && !drained;
  }).length;
}

/** When so many workers had come up. */
function cameUp(workers: readonly WorkerFacts[], number: number): number {
  const arrivals = workers.map(({ firstReportAt }) => firstReportAt).sort((a, b) => a - b);
  return arrivals[number - 1] ?? Number.POSITIVE_INFINITY;
}

interface Target {
  readonly target: string;
  readonly sightings: ReadonlyMap<string, number>;
  readonly everywhereAt: number;
}

/** Came up on an older version after the target had come up everywhere. */
function leftoversAmong(workers: readonly WorkerFacts[], { target, sightings, everywhereAt }: Target) {
  const isOlder = ({ version }: WorkerFacts) => (sightings.get(version) ?? 0) < (sightings.get(target) ?? 0);
  return workers.filter((worker) => isOlder(worker) && bornAt(worker) > everywhereAt);
}

import {
  bornAt,
  DEFAULT_INTERVAL_SECONDS,
  type DeployFacts,
  firstSightings,
  silenceWindow,
  stateOf,
  type WorkerFacts,
  type WorkerState,
} from './facts.js';
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
}

/** Default of `presumeAfterSeconds`. */
export const PRESUME_AFTER_SECONDS = 300;

/** The facts, sorted by what the rules ask of them. */
export interface View {
  readonly target: string;
  readonly now: number;
  readonly since: number | undefined;
  readonly coveredSince: number;
  readonly presumeAfterSeconds: number;
  /** The longest silence window of the pool, in ms. */
  readonly silence: number;
  /** Whether a worker reported through the whole silence window: else an outage looks like mass death. */
  readonly hasWitness: boolean;
  readonly running: readonly WorkerFacts[];
  /** Of this deploy, running or not. */
  readonly own: readonly WorkerFacts[];
  /** Running, and not of this deploy: of another version, or from before a restart. */
  readonly others: readonly WorkerFacts[];
  /** Running, of this deploy, and taking sessions. */
  readonly accepting: readonly WorkerFacts[];
  /** Of these, the ones that have reported for a whole silence window: a crash loop does not count. */
  readonly settled: readonly WorkerFacts[];
  /** Running and to be gone at the end: all but the accepting ones. */
  readonly old: readonly WorkerFacts[];
  readonly silent: readonly WorkerFacts[];
  /** Silent with sessions, and not for so long that they are given up. */
  readonly missing: readonly WorkerFacts[];
  /** Of this deploy, and lately gone silent. */
  readonly gone: readonly WorkerFacts[];
  readonly expected: number;
  readonly isExpectedGiven: boolean;
  /** When each version was first seen, in Unix ms. */
  readonly sightings: ReadonlyMap<string, number>;
  /** Came up on an older version after the target had come up everywhere. */
  readonly leftovers: readonly WorkerFacts[];
  /** The version that took over from the target, if one did. */
  readonly successor: string | undefined;
  readonly confirmed: number;
  readonly presumed: number;
  /** Had lost sessions when they were first heard of, after the window began: nobody knows when. */
  readonly undated: readonly WorkerFacts[];
}

/** Sorts the facts. Pure. */
export function look(facts: DeployFacts, options: AssessOptions): View {
  const { now, since, coveredSince } = facts;
  const { target, restart = false, presumeAfterSeconds = PRESUME_AFTER_SECONDS } = options;
  const known = foldCopies(facts.workers);
  const begin = since ?? Number.NEGATIVE_INFINITY;
  // Who was gone before the window has no part in it.
  const workers = known.filter((worker) => worker.lastReportAt >= begin - silenceWindow(worker));
  const silence = longestSilence(workers);
  const hasWitness = workers.some(
    ({ reportsSince, lastReportAt }) => reportsSince <= now - silence && lastReportAt >= now - silence / 2,
  );
  const isOwn = (worker: WorkerFacts) => worker.version === target && !(restart && bornAt(worker) < begin);
  const isLate = (worker: WorkerFacts) => now - worker.lastReportAt <= presumeAfterSeconds * 1000;
  const isOther = (worker: WorkerFacts) => !isOwn(worker);

  const states = byState(workers, now);
  const accepting = states.accepting.filter(isOwn);
  // What is named is sorted: the order of the facts must not show.
  const old = [...states.accepting.filter(isOther), ...states.draining, ...states.drained].sort(byIdentity);
  const silent = hasWitness ? states.silent.sort(byIdentity) : [];
  const sightings = firstSightings(known);
  const expected = options.expected ?? Math.max(1, countAccepted(known, target, since));
  const view = {
    target,
    now,
    since,
    coveredSince,
    presumeAfterSeconds,
    silence,
    hasWitness,
    running: [...accepting, ...old],
    own: workers.filter(isOwn),
    others: old.filter(isOther),
    accepting,
    settled: accepting.filter((worker) => reportedFor(worker) >= silence),
    old,
    silent,
    missing: silent.filter((worker) => worker.active > 0 && isLate(worker)),
    gone: silent.filter((worker) => isOwn(worker) && isLate(worker)),
    expected,
    isExpectedGiven: options.expected !== undefined,
    sightings,
    confirmed:
      since === undefined
        ? 0
        : sum(workers, ({ dropped, droppedBefore }) => Math.max(0, dropped - droppedBefore)),
    presumed: sum(silent, ({ active }) => active),
    undated: workers
      .filter(
        ({ firstReportAt, droppedBefore }) =>
          since !== undefined && firstReportAt > since && droppedBefore > 0,
      )
      .sort(byIdentity),
  };
  return { ...view, leftovers: leftoversOf(view, workers), successor: successorOf(view) };
}

export function sum(workers: readonly WorkerFacts[], read: (worker: WorkerFacts) => number): number {
  return workers.reduce((total, worker) => total + read(worker), 0);
}

/** From the first report to the last, in ms. Half an interval is granted: reports are not that punctual. */
function reportedFor({ firstReportAt, lastReportAt, intervalSeconds }: WorkerFacts): number {
  return lastReportAt - firstReportAt + intervalSeconds * 500;
}

function byState(workers: readonly WorkerFacts[], now: number): Record<WorkerState, WorkerFacts[]> {
  const states = { accepting: [], draining: [], drained: [], exited: [], silent: [] };
  for (const worker of workers) (states[stateOf(worker, now)] as WorkerFacts[]).push(worker);
  return states;
}

const byIdentity = (a: WorkerFacts, b: WorkerFacts) => compare(a.id, b.id) || compare(a.version, b.version);
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));

function longestSilence(workers: readonly WorkerFacts[]): number {
  const open = workers.filter(({ exited }) => !exited);
  const judged = open.length > 0 ? open : workers;
  return judged.reduce(
    (longest, worker) => Math.max(longest, silenceWindow(worker)),
    judged.length > 0 ? 0 : silenceWindow({ intervalSeconds: DEFAULT_INTERVAL_SECONDS }),
  );
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

type Parts = Omit<View, 'leftovers' | 'successor'>;

function leftoversOf({ own, expected, target, sightings }: Parts, workers: readonly WorkerFacts[]) {
  const arrivals = own.map(({ firstReportAt }) => firstReportAt).sort((a, b) => a - b);
  const everywhereAt = arrivals[expected - 1] ?? Number.POSITIVE_INFINITY;
  const isOlder = ({ version }: WorkerFacts) => (sightings.get(version) ?? 0) < (sightings.get(target) ?? 0);
  return workers.filter((worker) => isOlder(worker) && bornAt(worker) > everywhereAt).sort(byIdentity);
}

/** A version first seen after the target that accepts, or any that accepts when all of the target left. */
function successorOf({ target, since, sightings, others, own, accepting, gone }: Parts): string | undefined {
  const takers = others.filter(({ draining }) => !draining);
  const begun = Math.max(sightings.get(target) ?? Number.POSITIVE_INFINITY, since ?? 0);
  const newer = takers.find(({ version }) => version !== target && (sightings.get(version) ?? 0) > begun);
  if (newer) return newer.version;
  // A drain is on purpose; a worker that merely ended, or went silent, may be crashing. One that drained before the
  // window left in an earlier deploy, as in a rollback whose first worker is not up yet.
  const drains = own.some(
    ({ draining, drainingSince }) => draining && (drainingSince ?? begun) >= (since ?? 0),
  );
  const hasLeft = accepting.length === 0 && gone.length === 0 && drains;
  return hasLeft ? takers[0]?.version : undefined;
}

import {
  LONGEST_INTERVAL_SECONDS,
  type MetricKey,
  type Report,
  SILENT_AFTER_INTERVALS,
} from '../attributes.js';

/** The interval of a worker that does not report one, in s. */
export const DEFAULT_INTERVAL_SECONDS = 15;

/**
 * What is known of one worker. Times are Unix ms by the source's clock. A gauge that is absent is 0 here, and named in
 * `missing`: nothing that was absent is ever taken for 0.
 */
export interface WorkerFacts {
  readonly pool: string;
  readonly id: string;
  readonly version: string;
  /** When it started: as it reports, or earlier where its clock is ahead; its first report when it reports none. */
  readonly startedAt: number;
  readonly firstReportAt: number;
  readonly lastReportAt: number;
  /** Since when it has reported without a gap of more than half a silence window. */
  readonly reportsSince: number;
  /** How often it reports, in s; 15 when it does not report that. */
  readonly intervalSeconds: number;
  /** Sessions it had in its last report; 0 when exited. */
  readonly active: number;
  /** Sessions it had some silence windows ago, or at its first report: from these follows how fast they fall. */
  readonly earlier: { readonly at: number; readonly active: number };
  readonly draining: boolean;
  /** When its drain began; absent when it does not drain. */
  readonly drainingSince?: number;
  /** How long it may drain, in s; absent when no timeout is set. */
  readonly drainTimeoutSeconds?: number;
  /** Sessions it lost in its life. */
  readonly dropped: number;
  /** Of these, the ones it had lost before the window that was asked for. */
  readonly droppedBefore: number;
  /** Whether its goodbye arrived, ever. Terminal, whatever arrives later; but see `isContradictory`. */
  readonly exited: boolean;
  /** Whether its id is used twice: it had another start, or reported after its goodbye. Then it is not `exited`. */
  readonly isContradictory: boolean;
  /** Which of the gauges that decide are absent in its last report, or in its goodbye. */
  readonly missing: readonly string[];
  /** What is wrong with its clock, where that is known. */
  readonly clock?: 'ahead' | 'set back';
  /** Sessions now active by tenant; empty when exited or not reported. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Sessions started in its life. */
  readonly started: number;
  /** Sessions ended in its life, by outcome. */
  readonly ended: Readonly<Record<string, number>>;
  /**
   * Of these, the ones that had ended in a way that nobody could tell before the window that was asked for.
   *
   * @default 0
   */
  readonly unknownBefore?: number;
  /** Jobs rejected in its life, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** The facts that are the value of a metric: copies of them are folded as the table demands. */
export const METRIC_OF_FACT = {
  startedAt: 'startTime',
  intervalSeconds: 'interval',
  active: 'active',
  drainTimeoutSeconds: 'drainTimeout',
  dropped: 'dropped',
  droppedBefore: 'dropped',
  tenants: 'tenants',
  started: 'started',
  ended: 'ended',
  unknownBefore: 'ended',
  rejected: 'rejected',
} as const satisfies Partial<Record<keyof WorkerFacts, MetricKey>>;

/** Who a worker is. */
export type WorkerName = Pick<WorkerFacts, 'pool' | 'id' | 'version'>;

/** What a source knows of a worker beside its report. */
export interface Observed
  extends WorkerName,
    Pick<
      WorkerFacts,
      | 'firstReportAt'
      | 'lastReportAt'
      | 'reportsSince'
      | 'droppedBefore'
      | 'unknownBefore'
      | 'isContradictory'
      | 'missing'
      | 'clock'
    > {
  /** Undefined where the worker reports no start. */
  readonly startedAt?: number | undefined;
  readonly drainingSince: number | undefined;
  /** Without a number of sessions: as many as now. */
  readonly earlier: { readonly at: number; readonly active?: number };
}

/** A worker's row: the one place where the values of metrics become facts. */
export function workerFacts(report: Partial<Report>, observed: Observed): WorkerFacts {
  const { drainingSince, earlier, ...others } = observed;
  const { startTime, drainTimeout } = report;
  const exited = report.running === 0 && !observed.isContradictory;
  const active = exited ? 0 : (report.active ?? 0);
  return {
    ...others,
    startedAt: observed.startedAt ?? (startTime === undefined ? observed.firstReportAt : startTime * 1000),
    intervalSeconds: believedInterval(report.interval),
    active,
    earlier: { active, ...earlier },
    draining: report.draining === 1,
    ...(drainingSince !== undefined && { drainingSince }),
    ...(drainTimeout !== undefined && { drainTimeoutSeconds: drainTimeout }),
    dropped: report.dropped ?? 0,
    exited,
    tenants: Object.fromEntries(exited ? [] : (report.tenants ?? [])),
    started: report.started ?? 0,
    ended: Object.fromEntries(report.ended ?? []),
    rejected: Object.fromEntries(report.rejected ?? []),
  };
}

/** A worker that claims to report once a year must not count as running until then. */
export const believedInterval = (seconds: number | undefined): number =>
  Math.min(seconds ?? DEFAULT_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS);

/** What a source knows of a pool at one moment. */
export interface DeployFacts {
  /** The moment, in Unix ms by the source's clock. */
  readonly now: number;
  /** Where the deploy's window begins, in Unix ms: as given, else the first sighting of the target, if any. */
  readonly since: number | undefined;
  /**
   * Whether the start was given, and so is exact. By default who vanished shortly before the first sighting belongs to
   * the deploy: new workers are often slow to come.
   *
   * @default false
   */
  readonly isSinceGiven?: boolean;
  /** From when on the source has seen everything, in Unix ms. */
  readonly coveredSince: number;
  /**
   * Whether a worker of the pool reported within the silence window before `since`, where no row has to show it.
   *
   * @default as the rows show
   */
  readonly isSeenAtStart?: boolean;
  /**
   * Who reported last before this moment is not among the workers, in Unix ms.
   *
   * @default no such moment
   */
  readonly readSince?: number;
  /**
   * How late the source shows what it was sent, in s, where that matters: then `now` lies so far back.
   *
   * @default 0
   */
  readonly delaySeconds?: number;
  /** One row a worker; copies of a row are folded by who reads it. */
  readonly workers: readonly WorkerFacts[];
  /** What else reports to this source, and was not asked for. */
  readonly elsewhere?: readonly Elsewhere[];
}

/** Workers that report now and that the question left out: of another pool, or cut out by matchers. */
export interface Elsewhere {
  readonly pool: string;
  readonly version: string;
  readonly workers: number;
  /** Sessions they have now. */
  readonly sessions: number;
}

/** What to ask of a source. */
export interface FactsQuery {
  /** @default the only pool there is */
  readonly pool?: string;
  /** The version that is deployed: without `since`, its first sighting begins the window. */
  readonly target?: string;
  /** The start of the deploy, in Unix ms. */
  readonly since?: number;
  /**
   * The first sighting of the target, in Unix ms, where an earlier read found it: begins the window like `since`, and is
   * not exact.
   */
  readonly firstSighting?: number;
  /**
   * How long before its first sighting a worker may have vanished to belong to the deploy, in s.
   *
   * @default 300
   */
  readonly presumeAfterSeconds?: number;
  /** A past moment to read, in Unix ms. A receiver knows only the present. */
  readonly at?: number;
}

/** Where facts come from. */
export interface FactsSource extends AsyncDisposable {
  /** How long to wait before it is worth asking again, in ms. */
  readonly pollMs: number;
  /** The pools that report, sorted. @throws {@link SourceError} */
  pools(query?: Pick<FactsQuery, 'at'>): Promise<string[]>;
  /** @throws {@link SourceError} when it cannot know anything now; the message names the reason. */
  read(query: FactsQuery): Promise<DeployFacts>;
}

/** A source knows nothing now. The message is for the operator. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** A process is not lost because it stalled for a moment, however often it reports. */
const SHORTEST_SILENCE_MS = 2_000;

/** How long a worker may be without a report before it is silent, in ms. */
export const silenceWindow = ({ intervalSeconds }: Pick<WorkerFacts, 'intervalSeconds'>): number =>
  Math.max(SHORTEST_SILENCE_MS, intervalSeconds * SILENT_AFTER_INTERVALS * 1000);

/** How long a presumption lasts, in s: until then a silent worker may return, or be recovered. */
export const PRESUME_AFTER_SECONDS = 300;

/** How long before a start that was not given one looks for who vanished, in ms. */
export const leadOf = (
  worker: Pick<WorkerFacts, 'intervalSeconds'>,
  presumeAfterSeconds = PRESUME_AFTER_SECONDS,
): number => silenceWindow(worker) + presumeAfterSeconds * 1000;

/** When a worker came up: the earlier of what it reports and what was seen. */
export const bornAt = ({ startedAt, firstReportAt }: WorkerFacts): number =>
  Math.min(startedAt, firstReportAt);

/** Clocks need not agree to the second. */
export const CLOCK_SLACK_MS = 5_000;

/** Tells a start that is later than its first report: its clock was wrong at its start, so that can be long ago. */
export const isStartWrong = ({
  startedAt,
  firstReportAt,
}: Pick<WorkerFacts, 'startedAt' | 'firstReportAt'>): boolean => startedAt > firstReportAt + CLOCK_SLACK_MS;

/** When each version was first seen, in Unix ms. */
export function firstSightings(workers: readonly WorkerFacts[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const worker of workers) {
    seen.set(worker.version, Math.min(seen.get(worker.version) ?? Number.POSITIVE_INFINITY, bornAt(worker)));
  }
  return seen;
}

/**
 * The version that was started last and still runs: a guess of what is being deployed. None where all workers have one
 * version: then there is no deploy to judge.
 */
export function guessTarget(workers: readonly WorkerFacts[]): string | undefined {
  const sightings = firstSightings(workers);
  if (sightings.size < 2) return undefined;
  const running = [...sightings].filter(([version]) =>
    workers.some((worker) => worker.version === version && !worker.exited),
  );
  return running.sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** The pool to read: the one that is named, else the only one. */
export function choosePool(pools: Iterable<string>, named: string | undefined): string | undefined {
  if (named !== undefined) return named;
  const known = [...new Set(pools)].sort();
  if (known.length > 1) throw new SourceError(`several pools report (${known.join(', ')}): name one`);
  return known[0];
}

/**
 * What became of a worker, or what it does while it runs: `drained` is draining without a session; the id of one that is
 * `contradictory` is used twice.
 */
export type WorkerState = 'accepting' | 'draining' | 'drained' | 'exited' | 'silent' | 'contradictory';

/** The one place that decides what becomes of a worker. */
export function stateOf(worker: WorkerFacts, now: number): WorkerState {
  if (worker.exited) return 'exited';
  if (now - worker.lastReportAt > silenceWindow(worker)) return 'silent';
  if (worker.isContradictory) return 'contradictory';
  if (!worker.draining) return 'accepting';
  return worker.active > 0 ? 'draining' : 'drained';
}

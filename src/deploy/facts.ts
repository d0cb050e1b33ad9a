/** A worker without a report for so many of its report intervals is silent. */
const SILENT_AFTER_INTERVALS = 4;

/** The interval of a worker that does not say, in s. */
export const DEFAULT_INTERVAL_SECONDS = 15;

/** What is known of one worker. Times are Unix ms by the source's clock. A gauge it never reported is 0. */
export interface WorkerFacts {
  readonly pool: string;
  readonly id: string;
  readonly version: string;
  /** When it started, by its own clock; its first report when it does not say. */
  readonly startedAt: number;
  readonly firstReportAt: number;
  readonly lastReportAt: number;
  /** Since when it has reported without a gap of more than half a silence window. */
  readonly reportsSince: number;
  /** How often it reports, in s; 15 when it does not say. */
  readonly intervalSeconds: number;
  /** Sessions it had in its last report; 0 when exited. */
  readonly active: number;
  /** Sessions it had some silence windows ago, or at its first report: tells how fast they fall. */
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
  /** Whether it ever said goodbye. Terminal, whatever arrives later. */
  readonly exited: boolean;
  /** Sessions now active by tenant; empty when exited or not reported. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Sessions started in its life. */
  readonly started: number;
  /** Sessions ended in its life, by outcome. */
  readonly ended: Readonly<Record<string, number>>;
  /** Jobs rejected in its life, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** What a source knows of a pool at one moment. */
export interface DeployFacts {
  /** The moment, in Unix ms by the source's clock. */
  readonly now: number;
  /** Where the deploy's window begins, in Unix ms: as given, else the first sighting of the target, if any. */
  readonly since: number | undefined;
  /** From when on the source has seen everything, in Unix ms. */
  readonly coveredSince: number;
  /** One row a worker; copies of a row are folded by who reads it. */
  readonly workers: readonly WorkerFacts[];
}

/** What to ask of a source. */
export interface FactsQuery {
  /** @default the only pool there is */
  readonly pool?: string;
  /** The version that is deployed: without `since`, its first sighting begins the window. */
  readonly target?: string;
  /** The start of the deploy, in Unix ms. */
  readonly since?: number;
  /** A past moment to look at, in Unix ms. A receiver knows only the present. */
  readonly at?: number;
}

/** Where facts come from. */
export interface FactsSource extends AsyncDisposable {
  /** How long to wait before it is worth asking again, in ms. */
  readonly pollMs: number;
  /** The pools that report, sorted. @throws {@link SourceError} */
  pools(query?: Pick<FactsQuery, 'at'>): Promise<string[]>;
  /** @throws {@link SourceError} when nothing can be known now; the message says why. */
  read(query: FactsQuery): Promise<DeployFacts>;
}

/** A source can not tell now. The message is for the operator. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** How long a worker may be without a report before it is silent, in ms. */
export const silenceWindow = ({ intervalSeconds }: Pick<WorkerFacts, 'intervalSeconds'>): number =>
  intervalSeconds * SILENT_AFTER_INTERVALS * 1000;

/** When a worker came up: the earlier of what it says and what was seen. */
export const bornAt = ({ startedAt, firstReportAt }: WorkerFacts): number =>
  Math.min(startedAt, firstReportAt);

/** When each version was first seen, in Unix ms. */
export function firstSightings(workers: readonly WorkerFacts[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const worker of workers) {
    seen.set(worker.version, Math.min(seen.get(worker.version) ?? Number.POSITIVE_INFINITY, bornAt(worker)));
  }
  return seen;
}

/** The version that was started last and still runs: a guess of what is being deployed. */
export function guessTarget(workers: readonly WorkerFacts[]): string | undefined {
  const sightings = firstSightings(workers);
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

/** What a worker does: `drained` is draining without a session. */
export type WorkerState = 'accepting' | 'draining' | 'drained' | 'exited' | 'silent';

/** Exited, silent, or what it does while it runs. */
export function stateOf(worker: WorkerFacts, now: number): WorkerState {
  if (worker.exited) return 'exited';
  if (now - worker.lastReportAt > silenceWindow(worker)) return 'silent';
  if (!worker.draining) return 'accepting';
  return worker.active > 0 ? 'draining' : 'drained';
}

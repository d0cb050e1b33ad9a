import { METRICS, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../attributes.js';
import { choosePool, type DeployFacts, type FactsQuery, firstSightings, type WorkerFacts } from './facts.js';
import type { MetricPoint } from './otlp-decode.js';
import { isPlausible } from './plausible.js';
import { type Budget, label, WorkerRecord } from './worker-record.js';

const MAX_WORKERS = 20_000;
/** Tenants, outcomes and reasons of all workers. With each as long as can be, a full table takes about 400 MiB. */
const MAX_LABELS_OF_ALL = 400_000;

const KINDS = new Map(METRICS.map(({ name, kind }) => [name, kind === 'counter' ? 'sum' : kind]));

/** The workers that reported, folded from their datapoints. Bounded: the oldest exited are forgotten first. */
export class WorkerTable {
  readonly #workers = new Map<string, WorkerRecord>();
  readonly #budget: Budget;
  readonly #maxWorkers: number;
  #coveredSince: number;

  /** @param nowMs - From when on the table sees everything, in Unix ms. */
  constructor(nowMs: number, maxWorkers = MAX_WORKERS, maxLabels = MAX_LABELS_OF_ALL) {
    this.#coveredSince = nowMs;
    this.#maxWorkers = maxWorkers;
    this.#budget = { labels: maxLabels };
  }

  /** From when on the table knows everything, in Unix ms: it moves on when workers are forgotten. */
  get coveredSince(): number {
    return this.#coveredSince;
  }

  /** Takes in the points of one request; those that are not a worker's are ignored. */
  add(points: readonly MetricPoint[], nowMs: number): void {
    const heard = new Set<WorkerRecord>();
    for (const point of points) {
      if (KINDS.get(point.name) !== point.kind || !isPlausible(point, point.value)) continue;
      const pool = label(point, POOL_NAME);
      const id = label(point, WORKER_ID);
      const version = label(point, WORKER_VERSION);
      if (!pool || !id || !version) continue;
      const key = JSON.stringify([pool, id, version]);
      let worker = this.#workers.get(key);
      if (!worker) {
        worker = new WorkerRecord({ pool, id, version }, nowMs, this.#coveredSince, this.#budget);
        this.#workers.set(key, worker);
      }
      worker.add(point, nowMs);
      heard.add(worker);
    }
    for (const worker of heard) worker.endReport(nowMs);
    if (this.#workers.size > this.#maxWorkers) this.#forget(nowMs);
  }

  /** One row a worker, in the order of their first reports. */
  rows(): WorkerFacts[] {
    return Array.from(this.#workers.values(), (worker) => worker.facts());
  }

  /** The pools that reported, sorted. */
  pools(): string[] {
    return [...new Set(Array.from(this.#workers.values(), ({ pool }) => pool))].sort();
  }

  /** @throws {@link SourceError} when there are several pools and none is named. */
  read({ pool: named, target, since: given }: FactsQuery, nowMs: number): DeployFacts {
    const pool = choosePool(this.pools(), named);
    const records = [...this.#workers.values()].filter((worker) => worker.pool === pool);
    const sightings = firstSightings(records.map((record) => record.facts()));
    const since = given ?? (target === undefined ? undefined : sightings.get(target));
    const workers = records.map((record) => {
      const row = record.facts();
      if (since === undefined || row.dropped === 0) return row;
      return { ...row, droppedBefore: record.droppedBefore(since) };
    });
    return { now: nowMs, since, coveredSince: this.#coveredSince, workers };
  }

  #forget(nowMs: number): void {
    const oldest = [...this.#workers].sort(
      ([, a], [, b]) => Number(b.exited) - Number(a.exited) || a.lastReportAt - b.lastReportAt,
    );
    // A few more than needed, or a crowd of new workers would have all of them sorted at each request.
    const spare = Math.floor(this.#maxWorkers / 100);
    for (const [key, worker] of oldest.slice(0, this.#workers.size - this.#maxWorkers + spare)) {
      this.#workers.delete(key);
      worker.release();
      // An exited worker lost nothing after its goodbye; of any other one nobody knows.
      this.#coveredSince = Math.max(this.#coveredSince, worker.exited ? worker.lastReportAt : nowMs);
    }
  }
}

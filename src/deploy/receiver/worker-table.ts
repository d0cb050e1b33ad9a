import {
  LONGEST_VALUE,
  METRIC_KEYS,
  METRICS,
  type Metric,
  POOL_NAME,
  WORKER_ID,
  WORKER_VERSION,
} from '../../attributes.js';
import {
  choosePool,
  type DeployFacts,
  type Elsewhere,
  type FactsQuery,
  firstSightings,
  isStartWrong,
  silenceWindow,
  type WorkerFacts,
} from '../facts.js';
import type { MetricPoint } from './decode.js';
import { type Budget, identifier } from './values.js';
import { WorkerRecord } from './worker-record.js';

const MAX_WORKERS = 20_000;
/** Tenants, outcomes and reasons of all workers. With each as long as can be, a full table takes about 400 MiB. */
const MAX_LABELS_OF_ALL = 400_000;

/** What identifies a worker. */
const NAMES = [POOL_NAME, WORKER_ID, WORKER_VERSION];
const KEYS = new Map(METRIC_KEYS.map((key) => [METRICS[key].name, key]));

/** The workers that reported, folded from their datapoints. Bounded: the oldest exited are forgotten first. */
export class WorkerTable {
  readonly #workers = new Map<string, WorkerRecord>();
  readonly #budget: Budget;
  readonly #maxWorkers: number;
  readonly #ignored = new Set<string>();
  #coveredSince: number;
  /** Hears what of our own metrics is ignored, each once. */
  onIgnored: (what: string) => void = () => {};

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
    const reporting = new Set<WorkerRecord>();
    // A report is whole before the next one begins, however a batch has them.
    for (const point of points.toSorted((a, b) => a.timeUnixMs - b.timeUnixMs)) {
      const key = KEYS.get(point.name);
      if (key === undefined) continue;
      const fault = faultOf(point, METRICS[key]);
      if (fault !== undefined) {
        this.#ignore(fault);
        continue;
      }
      const record = this.#recordOf(point, nowMs);
      record.add(key, point, nowMs);
      reporting.add(record);
    }
    for (const record of reporting) record.endReport(nowMs);
    if (this.#workers.size > this.#maxWorkers) this.#forget(nowMs);
  }

  /** One row a worker, in the order of their first reports. */
  rows(): WorkerFacts[] {
    return Array.from(this.#workers.values(), (record) => record.facts());
  }

  /** The pools that reported, sorted. */
  pools(): string[] {
    return [...new Set(Array.from(this.#workers.values(), ({ worker }) => worker.pool))].sort();
  }

  /** @throws {@link SourceError} when there are several pools and none is named. */
  read({ pool: named, target, since: given, firstSighting }: FactsQuery, nowMs: number): DeployFacts {
    const pool = choosePool(this.pools(), named);
    const records = [...this.#workers.values()].filter(({ worker }) => worker.pool === pool);
    const sightings = firstSightings(records.map((record) => record.facts()));
    const since = given ?? firstSighting ?? (target === undefined ? undefined : sightings.get(target));
    const workers = records.map((record) => {
      const row = record.factsAt(nowMs);
      if (since === undefined) return row;
      return {
        ...row,
        ...(row.dropped > 0 && { droppedBefore: record.droppedBefore(since) }),
        ...(row.ended.unknown && { unknownBefore: record.unknownBefore(since) }),
      };
    });
    const isSinceGiven = given !== undefined;
    const elsewhere = this.#elsewhere(pool, nowMs);
    const coveredSince = this.#heardSince(workers, since);
    return { now: nowMs, since, isSinceGiven, coveredSince, workers, elsewhere };
  }

  /** From when on everything was seen: not while workers ran and none of them was heard, from the start of a window on. */
  #heardSince(workers: readonly WorkerFacts[], since = Number.POSITIVE_INFINITY): number {
    const first = workers.reduce(
      (at, { firstReportAt }) => Math.min(at, firstReportAt),
      Number.POSITIVE_INFINITY,
    );
    const silence = workers.reduce((ms, worker) => Math.max(ms, silenceWindow(worker)), 0);
    const isLate = first > Math.max(since, this.#coveredSince) + silence;
    const isAnyOlder = workers.some((worker) => worker.startedAt < first - silence || isStartWrong(worker));
    return isLate && isAnyOlder ? first : this.#coveredSince;
  }

  /** Who runs in other pools. */
  #elsewhere(pool: string | undefined, nowMs: number): Elsewhere[] {
    const found = new Map<string, Elsewhere>();
    for (const record of this.#workers.values()) {
      if (record.worker.pool === pool || record.exited) continue;
      const { pool: other, version, active, ...facts } = record.facts();
      if (nowMs - facts.lastReportAt > silenceWindow(facts)) continue;
      const key = JSON.stringify([other, version]);
      const { workers = 0, sessions = 0 } = found.get(key) ?? {};
      found.set(key, { pool: other, version, workers: workers + 1, sessions: sessions + active });
    }
    return [...found.values()];
  }

  #ignore(what: string): void {
    if (this.#ignored.has(what)) return;
    this.#ignored.add(what);
    this.onIgnored(what);
  }

  #recordOf(point: MetricPoint, nowMs: number): WorkerRecord {
    const [pool = '', id = '', version = ''] = NAMES.map((name) => identifier(point, name));
    const key = JSON.stringify([pool, id, version]);
    const known = this.#workers.get(key);
    if (known) return known;
    const options = { nowMs, coveredSince: this.#coveredSince, budget: this.#budget };
    const record = new WorkerRecord({ pool, id, version }, options);
    this.#workers.set(key, record);
    return record;
  }

  #forget(nowMs: number): void {
    const oldest = [...this.#workers].sort(
      ([, a], [, b]) => Number(b.exited) - Number(a.exited) || a.lastReportAt - b.lastReportAt,
    );
    // A few more than needed, or a crowd of new workers would have all of them sorted at each request.
    const spare = Math.floor(this.#maxWorkers / 100);
    for (const [key, record] of oldest.slice(0, this.#workers.size - this.#maxWorkers + spare)) {
      this.#workers.delete(key);
      record.release();
      // An exited worker lost nothing after its goodbye; of any other one nobody knows.
      this.#coveredSince = Math.max(this.#coveredSince, record.exited ? record.lastReportAt : nowMs);
    }
  }
}

/** Why a point of a metric of ours says nothing of a worker. Has no text of the sender: whoever sends chooses that. */
function faultOf(point: MetricPoint, { name, kind, isPlausible }: Metric): string | undefined {
  for (const attribute of NAMES) {
    if (identifier(point, attribute)) continue;
    const value = point.attributes[attribute];
    return typeof value === 'string' && value !== ''
      ? `datapoints whose ${attribute} is longer than ${LONGEST_VALUE} characters`
      : `datapoints without ${attribute}`;
  }
  if ((kind === 'counter') !== (point.kind === 'sum')) return `${name} that came as a ${point.kind}`;
  return isPlausible(point.value) ? undefined : `${name} with a value that it cannot have`;
}

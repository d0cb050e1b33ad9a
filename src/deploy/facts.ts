import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  METRICS,
  type Metric,
  POOL_NAME,
  REJECTION_REASON,
  REPORT_INTERVAL,
  SESSION_OUTCOME,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
  START_TIME,
  TENANT_ACTIVE_SESSIONS,
  TENANT_ID,
  WORKER_ID,
  WORKER_VERSION,
} from '../attributes.js';
import type { MetricPoint } from './otlp-decode.js';

/** What is known of one worker. A gauge it never reported is 0. */
export interface WorkerFacts {
  readonly pool: string;
  readonly id: string;
  readonly version: string;
  /** Unix s, by the worker's clock. */
  readonly startedAt: number | undefined;
  /** When its first report arrived, in Unix ms by the receiver's clock. */
  readonly firstReportAt: number;
  /** When its last report arrived, in Unix ms by the receiver's clock. */
  readonly lastReportAt: number;
  /** How often it reports, in s; 15 when it does not say. */
  readonly intervalSeconds: number;
  /** Sessions now active; 0 when exited. */
  readonly active: number;
  readonly draining: boolean;
  /** How long it has been draining, in s; 0 when it is not. */
  readonly drainElapsedSeconds: number;
  /** How long it may drain, in s; absent when no timeout is set. */
  readonly drainTimeoutSeconds?: number;
  /** Sessions it lost in its life. */
  readonly dropped: number;
  /** Whether it ever said goodbye. Terminal, whatever arrives later. */
  readonly exited: boolean;
  /** Sessions now active by tenant; empty when exited. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Sessions started in its life. */
  readonly started: number;
  /** Sessions ended in its life, by outcome. */
  readonly ended: Readonly<Record<string, number>>;
  /** Jobs rejected in its life, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

const DEFAULT_INTERVAL_SECONDS = 15;
const MAX_WORKERS = 20_000;
/** Tenants, outcomes or reasons of one worker. */
const MAX_LABELS = 100;
const MAX_LABEL_LENGTH = 256;

const KINDS = new Map(METRICS.map(({ name, kind }) => [name, kind === 'counter' ? 'sum' : kind]));
const LABELS = new Map([
  [TENANT_ACTIVE_SESSIONS.name, TENANT_ID],
  [SESSIONS_ENDED.name, SESSION_OUTCOME],
  [JOBS_REJECTED.name, REJECTION_REASON],
]);

interface Series {
  value: number;
  /** Newest datapoint, in Unix ms by the worker's clock. */
  timeMs: number;
}

/** The workers that reported, folded from their datapoints. Bounded: the oldest exited are forgotten first. */
export class WorkerTable {
  readonly #workers = new Map<string, Worker>();
  readonly #maxWorkers: number;
  #coveredSince: number;

  /** @param nowMs - From when on the table sees everything, in Unix ms. */
  constructor(nowMs: number, maxWorkers = MAX_WORKERS) {
    this.#coveredSince = nowMs;
    this.#maxWorkers = maxWorkers;
  }

  /** From when on the table knows everything, in Unix ms: it moves on when workers are forgotten. */
  get coveredSince(): number {
    return this.#coveredSince;
  }

  /** Takes in the points of one request; those that are not a worker's are ignored. */
  add(points: readonly MetricPoint[], nowMs: number): void {
    for (const point of points) {
      if (KINDS.get(point.name) !== point.kind || point.value < 0) continue;
      const pool = label(point, POOL_NAME);
      const id = label(point, WORKER_ID);
      const version = label(point, WORKER_VERSION);
      if (!pool || !id || !version) continue;
      const key = JSON.stringify([pool, id, version]);
      let worker = this.#workers.get(key);
      if (!worker) {
        worker = new Worker(pool, id, version, nowMs);
        this.#workers.set(key, worker);
      }
      worker.add(point, nowMs);
    }
    if (this.#workers.size > this.#maxWorkers) this.#forget(nowMs);
  }

  /** One row a worker, in the order of their first reports. */
  rows(): WorkerFacts[] {
    return Array.from(this.#workers.values(), (worker) => worker.facts());
  }

  #forget(nowMs: number): void {
    const oldest = [...this.#workers].sort(
      ([, a], [, b]) => Number(b.exited) - Number(a.exited) || a.lastReportAt - b.lastReportAt,
    );
    for (const [key, worker] of oldest.slice(0, this.#workers.size - this.#maxWorkers)) {
      this.#workers.delete(key);
      // An exited worker lost nothing after its goodbye; of any other one nobody knows.
      this.#coveredSince = Math.max(this.#coveredSince, worker.exited ? worker.lastReportAt : nowMs);
    }
  }
}

class Worker {
  readonly #series = new Map<string, Map<string, Series>>();
  exited = false;
  lastReportAt: number;

  constructor(
    readonly pool: string,
    readonly id: string,
    readonly version: string,
    readonly firstReportAt: number,
  ) {
    this.lastReportAt = firstReportAt;
  }

  add(point: MetricPoint, nowMs: number): void {
    this.lastReportAt = nowMs;
    if (point.name === DEPLOYMENT_VERSION.name && point.value === 0) this.exited = true;

    const labelName = LABELS.get(point.name);
    const key = labelName ? label(point, labelName) : '';
    if (key === undefined) return;
    const byLabel = this.#series.get(point.name) ?? new Map<string, Series>();
    this.#series.set(point.name, byLabel);
    const timeMs = point.timeUnixMs || nowMs;
    const series = byLabel.get(key);
    if (!series) {
      if (byLabel.size < MAX_LABELS) byLabel.set(key, { value: point.value, timeMs });
    } else if (point.name === DROPPED_SESSIONS.name) {
      // It only grows: the goodbye of a process with a slower clock must not be taken for a late report.
      series.value = Math.max(series.value, point.value);
    } else if (point.temporality === 'delta') {
      // The same time again is a retry whose first answer was lost.
      if (timeMs === series.timeMs) return;
      series.value += point.value;
      series.timeMs = Math.max(series.timeMs, timeMs);
    } else if (timeMs >= series.timeMs) {
      series.value = point.value;
      series.timeMs = timeMs;
    }
  }

  facts(): WorkerFacts {
    const drainTimeoutSeconds = this.#value(DRAIN_TIMEOUT);
    return {
      pool: this.pool,
      id: this.id,
      version: this.version,
      startedAt: this.#value(START_TIME),
      firstReportAt: this.firstReportAt,
      lastReportAt: this.lastReportAt,
      intervalSeconds: this.#value(REPORT_INTERVAL) ?? DEFAULT_INTERVAL_SECONDS,
      active: this.exited ? 0 : (this.#value(ACTIVE_SESSIONS) ?? 0),
      draining: this.#value(DRAINING) === 1,
      drainElapsedSeconds: this.#value(DRAIN_ELAPSED) ?? 0,
      ...(drainTimeoutSeconds !== undefined && { drainTimeoutSeconds }),
      dropped: this.#value(DROPPED_SESSIONS) ?? 0,
      exited: this.exited,
      tenants: this.exited ? {} : this.#values(TENANT_ACTIVE_SESSIONS),
      started: this.#value(SESSIONS_STARTED) ?? 0,
      ended: this.#values(SESSIONS_ENDED),
      rejected: this.#values(JOBS_REJECTED),
    };
  }

  #value(metric: Metric): number | undefined {
    return this.#series.get(metric.name)?.get('')?.value;
  }

  #values(metric: Metric): Record<string, number> {
    const series = this.#series.get(metric.name) ?? [];
    return Object.fromEntries(Array.from(series, ([key, { value }]) => [key, value]));
  }
}

/** A string attribute; undefined when it is none, or too long to be kept. */
function label(point: MetricPoint, name: string): string | undefined {
  const value = point.attributes[name];
  return typeof value === 'string' && value.length <= MAX_LABEL_LENGTH ? value : undefined;
}

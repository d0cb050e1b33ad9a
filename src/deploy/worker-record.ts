import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  LONGEST_VALUE,
  type Metric,
  REJECTION_REASON,
  REPORT_INTERVAL,
  SESSION_OUTCOME,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
  START_TIME,
  TENANT_ACTIVE_SESSIONS,
  TENANT_ID,
} from '../attributes.js';
import { DEFAULT_INTERVAL_SECONDS, silenceWindow, type WorkerFacts } from './facts.js';
import type { MetricPoint } from './otlp-decode.js';
import { MAX_INTERVAL_SECONDS } from './plausible.js';

/** Tenants, outcomes or reasons of one worker; it reports 41 tenants at most. */
const MAX_LABELS = 50;
/** Even: of one more, every second entry includes the first and the last. */
const MAX_LOSSES = 32;
/** How far back `earlier` looks. */
const EARLIER_WINDOWS = 5;
/** A datapoint that is older than the last one by more is no late report: the worker's clock was set back. */
const CLOCK_SET_BACK_MS = 600_000;

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

/** How many more labels the table may keep. */
export interface Budget {
  labels: number;
}

/** One worker, folded from its datapoints. Its memory is bounded, whatever it reports. */
export class WorkerRecord {
  readonly pool: string;
  readonly id: string;
  readonly version: string;
  exited = false;
  lastReportAt: number;
  readonly #series = new Map<string, Map<string, Series>>();
  readonly #budget: Budget;
  readonly #firstReportAt: number;
  readonly #coveredSince: number;
  #reportsSince: number;
  #drainingSince: number | undefined;
  /** Active sessions, a silence window or more apart, the oldest first. */
  #samples: { at: number; active: number }[] = [];
  /** When its sum of dropped sessions was first known, and when it grew; the oldest first. */
  #losses: { at: number; dropped: number }[] = [];
  #facts: WorkerFacts | undefined;

  /** @param coveredSince - From when on the table has seen everything, in Unix ms. */
  constructor(
    identity: Pick<WorkerFacts, 'pool' | 'id' | 'version'>,
    nowMs: number,
    coveredSince: number,
    budget: Budget,
  ) {
    this.pool = identity.pool;
    this.id = identity.id;
    this.version = identity.version;
    this.lastReportAt = nowMs;
    this.#firstReportAt = nowMs;
    this.#reportsSince = nowMs;
    this.#coveredSince = coveredSince;
    this.#budget = budget;
  }

  /** Takes in one plausible point of a metric of this package. */
  add(point: MetricPoint, nowMs: number): void {
    if (point.name === DEPLOYMENT_VERSION.name && point.value === 0) this.exited = true;

    const labelName = LABELS.get(point.name);
    const key = labelName ? label(point, labelName) : '';
    if (key === undefined) return;
    const byLabel = this.#series.get(point.name) ?? new Map<string, Series>();
    this.#series.set(point.name, byLabel);
    const timeMs = point.timeUnixMs || nowMs;
    const series = byLabel.get(key);
    if (!series) {
      if (labelName && !this.#mayKeepLabel(byLabel)) return;
      byLabel.set(key, { value: point.value, timeMs });
    } else if (point.name === DROPPED_SESSIONS.name) {
      // It only grows: the goodbye of a process with a slower clock must not be taken for a late report.
      series.value = Math.max(series.value, point.value);
    } else if (point.temporality === 'delta') {
      // The same time again is a retry whose first answer was lost.
      if (timeMs === series.timeMs) return;
      series.value += point.value;
      series.timeMs = Math.max(series.timeMs, timeMs);
    } else if (timeMs >= series.timeMs || timeMs < series.timeMs - CLOCK_SET_BACK_MS) {
      series.value = point.value;
      series.timeMs = timeMs;
    }
  }

  /** After the points of one request were added. */
  endReport(nowMs: number): void {
    if (nowMs - this.lastReportAt > this.#silenceWindow() / 2) this.#reportsSince = nowMs;
    this.lastReportAt = nowMs;
    if (this.exited) this.#forgetLabels(TENANT_ACTIVE_SESSIONS);
    this.#noteDrain(nowMs);
    this.#noteActive(nowMs);
    this.#noteLosses(nowMs);
    this.#facts = undefined;
  }

  /** The same row until the next report: who asks often, asks for all workers. */
  facts(): WorkerFacts {
    this.#facts ??= this.#toFacts();
    return this.#facts;
  }

  /** Sessions it had lost before a moment, as far as that is known: in doubt they were lost after it. */
  droppedBefore(sinceMs: number): number {
    const known = this.#losses.findLast(({ at }) => at < sinceMs);
    if (known) return known.dropped;
    // What a worker lost before anyone listened can not be dated.
    return this.#startedAt() < this.#coveredSince ? (this.#losses[0]?.dropped ?? 0) : 0;
  }

  /** Gives back what it has of the budget. */
  release(): void {
    for (const metric of [TENANT_ACTIVE_SESSIONS, SESSIONS_ENDED, JOBS_REJECTED]) this.#forgetLabels(metric);
  }

  #toFacts(): WorkerFacts {
    const startedAt = this.#startedAt();
    const active = this.exited ? 0 : (this.#value(ACTIVE_SESSIONS) ?? 0);
    const drainTimeoutSeconds = this.#value(DRAIN_TIMEOUT);
    return {
      pool: this.pool,
      id: this.id,
      version: this.version,
      startedAt,
      firstReportAt: this.#firstReportAt,
      lastReportAt: this.lastReportAt,
      reportsSince: this.#reportsSince,
      intervalSeconds: this.#intervalSeconds(),
      active,
      earlier: this.#samples[0] ?? { at: this.#firstReportAt, active },
      draining: this.#value(DRAINING) === 1,
      ...(this.#drainingSince !== undefined && { drainingSince: this.#drainingSince }),
      ...(drainTimeoutSeconds !== undefined && { drainTimeoutSeconds }),
      dropped: this.#value(DROPPED_SESSIONS) ?? 0,
      droppedBefore: this.droppedBefore(Number.NEGATIVE_INFINITY),
      exited: this.exited,
      tenants: this.#values(TENANT_ACTIVE_SESSIONS),
      started: this.#value(SESSIONS_STARTED) ?? 0,
      ended: this.#values(SESSIONS_ENDED),
      rejected: this.#values(JOBS_REJECTED),
    };
  }

  #forgetLabels({ name }: Metric): void {
    this.#budget.labels += this.#series.get(name)?.size ?? 0;
    this.#series.delete(name);
  }

  #mayKeepLabel(byLabel: ReadonlyMap<string, Series>): boolean {
    if (byLabel.size >= MAX_LABELS || this.#budget.labels <= 0) return false;
    this.#budget.labels -= 1;
    return true;
  }

  #noteDrain(nowMs: number): void {
    if (this.#value(DRAINING) !== 1) {
      this.#drainingSince = undefined;
      return;
    }
    // How fast sessions fall is told from the drain alone: before it new ones came.
    if (this.#drainingSince === undefined) this.#samples = [];
    // The earliest of what the reports say: the one that took the shortest way.
    const began = nowMs - (this.#value(DRAIN_ELAPSED) ?? 0) * 1000;
    this.#drainingSince = Math.min(this.#drainingSince ?? nowMs, began);
  }

  #noteActive(nowMs: number): void {
    const active = this.#value(ACTIVE_SESSIONS);
    if (active === undefined || this.exited) return;
    const windowMs = this.#silenceWindow();
    const last = this.#samples.at(-1);
    if (last && nowMs - last.at < windowMs) return;
    this.#samples.push({ at: nowMs, active });
    while (this.#samples[1] && nowMs - this.#samples[1].at >= EARLIER_WINDOWS * windowMs)
      this.#samples.shift();
  }

  #noteLosses(nowMs: number): void {
    const dropped = this.#value(DROPPED_SESSIONS);
    if (dropped === undefined || dropped === this.#losses.at(-1)?.dropped) return;
    this.#losses.push({ at: nowMs, dropped });
    // Without an entry its losses count as later ones. The first one stays: it tells what can not be dated.
    if (this.#losses.length > MAX_LOSSES) this.#losses = this.#losses.filter((_, i) => i % 2 === 0);
  }

  #startedAt(): number {
    const seconds = this.#value(START_TIME);
    return seconds === undefined ? this.#firstReportAt : seconds * 1000;
  }

  #intervalSeconds(): number {
    return Math.min(this.#value(REPORT_INTERVAL) ?? DEFAULT_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS);
  }

  #silenceWindow(): number {
    return silenceWindow({ intervalSeconds: this.#intervalSeconds() });
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
export function label(point: MetricPoint, name: string): string | undefined {
  const value = point.attributes[name];
  return typeof value === 'string' && value.length <= LONGEST_VALUE ? value : undefined;
}

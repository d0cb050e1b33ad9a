import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
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
import { silenceWindow, type WorkerFacts } from './facts.js';
import { isPlausible, MAX_INTERVAL_SECONDS } from './plausible.js';
import type { Sample } from './prometheus-http.js';
import { EARLIER_WINDOWS, earlierFact } from './prometheus-queries.js';
import { labelName, TAG, WORKER_LABELS } from './promql.js';

/** What the samples are of. Times in Unix ms. */
export interface Moment {
  readonly now: number;
  readonly since: number | undefined;
  /** The longest report interval of the pool: its silence window is what was asked for. */
  readonly intervalSeconds: number;
}

/** A row for each worker whose facts are among the samples. */
export function rowsOf(samples: readonly Sample[], moment: Moment): WorkerFacts[] {
  const workers = new Map<string, Worker>();
  for (const { labels, value } of samples) {
    const [pool, id, version] = WORKER_LABELS.map((name) => labels[name]);
    if (!pool || !id || !version) continue;
    const key = JSON.stringify([pool, id, version]);
    const worker = workers.get(key) ?? new Worker(labels);
    workers.set(key, worker);
    worker.add(labels, value);
  }
  return [...workers.values()].filter((worker) => worker.isKnown).map((worker) => worker.row(moment));
}

const LABELS = [TENANT_ID, SESSION_OUTCOME, REJECTION_REASON].map(labelName);

/** One worker's facts by their names. */
class Worker {
  readonly #labels: Sample['labels'];
  readonly #values = new Map<string, number>();
  readonly #byLabel = new Map<string, Map<string, number>>();

  constructor(labels: Sample['labels']) {
    this.#labels = labels;
  }

  add(labels: Sample['labels'], value: number): void {
    const fact = labels[TAG] ?? '';
    const label = LABELS.map((name) => labels[name]).find((text) => text !== undefined);
    if (label === undefined) {
      this.#values.set(fact, value);
      return;
    }
    const values = this.#byLabel.get(fact) ?? new Map<string, number>();
    this.#byLabel.set(fact, values);
    values.set(label, value);
  }

  /** Whether it reported in the window at all, and not only some left-over series of it. */
  get isKnown(): boolean {
    return this.#value('running', DEPLOYMENT_VERSION) !== undefined;
  }

  row({ now, since, intervalSeconds: longest }: Moment): WorkerFacts {
    const silence = silenceWindow({ intervalSeconds: longest });
    const exited = this.#value('running', DEPLOYMENT_VERSION) === 0;
    const last = this.#values.get('lastReportAt');
    // Where a server does not look back far enough to tell, the worker must neither vanish nor be a witness.
    const lastReportAt = last === undefined ? now - silence : Math.round(last * 1000);
    const reportsSince = this.#values.has('reportsThrough') ? now - silence : lastReportAt;
    const started = this.#value('startedAt', START_TIME);
    const startedAt = started === undefined ? reportsSince : started * 1000;
    const active = exited ? 0 : (this.#value('active', ACTIVE_SESSIONS) ?? 0);
    const elapsed = this.#value('drainElapsed', DRAIN_ELAPSED) ?? 0;
    // Of those that report no more only the time is asked for.
    const draining = elapsed > 0 || this.#value('draining', DRAINING) === 1;
    const drainingSince = draining ? lastReportAt - elapsed * 1000 : undefined;
    const drainTimeoutSeconds = this.#value('drainTimeout', DRAIN_TIMEOUT);
    // Of those that report no more it is not asked for: they are silent by the longest of the pool.
    const interval = this.#value('intervalSeconds', REPORT_INTERVAL) ?? longest;
    return {
      pool: this.#labels[labelName(POOL_NAME)] ?? '',
      id: this.#labels[labelName(WORKER_ID)] ?? '',
      version: this.#labels[labelName(WORKER_VERSION)] ?? '',
      startedAt,
      // The time of a sample is by the worker's clock too, and it reports at once.
      firstReportAt: startedAt,
      lastReportAt,
      reportsSince,
      intervalSeconds: Math.min(interval, MAX_INTERVAL_SECONDS),
      active,
      earlier: this.#earlier(now, silence, drainingSince) ?? { at: now, active },
      draining,
      ...(drainingSince !== undefined && { drainingSince }),
      ...(drainTimeoutSeconds !== undefined && { drainTimeoutSeconds }),
      dropped: this.#value('dropped', DROPPED_SESSIONS) ?? 0,
      droppedBefore: this.#droppedBefore(startedAt, since, silence),
      exited,
      tenants: exited ? {} : this.#record('tenants', TENANT_ACTIVE_SESSIONS),
      started: this.#value('started', SESSIONS_STARTED) ?? 0,
      ended: this.#record('ended', SESSIONS_ENDED),
      rejected: this.#record('rejected', JOBS_REJECTED),
    };
  }

  /** The oldest known, but from the drain alone: before it new sessions came. */
  #earlier(
    now: number,
    silence: number,
    drainingSince = Number.NEGATIVE_INFINITY,
  ): WorkerFacts['earlier'] | undefined {
    return EARLIER_WINDOWS.map((windows) => ({
      at: now - windows * silence,
      active: this.#value(earlierFact(windows), ACTIVE_SESSIONS),
    })).find(
      (known): known is WorkerFacts['earlier'] => known.active !== undefined && known.at >= drainingSince,
    );
  }

  /** In doubt sessions were lost after `since`, except what a worker had lost before it could be seen. */
  #droppedBefore(startedAt: number, since: number | undefined, silence: number): number {
    const before = this.#value('droppedBefore', DROPPED_SESSIONS);
    if (before !== undefined) return before;
    const isSeenWhole = since !== undefined && startedAt >= since - silence;
    return isSeenWhole ? 0 : (this.#value('droppedFirst', DROPPED_SESSIONS) ?? 0);
  }

  #value(fact: string, metric: Metric): number | undefined {
    const value = this.#values.get(fact);
    return value !== undefined && isPlausible(metric, value) ? value : undefined;
  }

  #record(fact: string, metric: Metric): Record<string, number> {
    return Object.fromEntries(
      [...(this.#byLabel.get(fact) ?? [])].filter(([, value]) => isPlausible(metric, value)),
    );
  }
}

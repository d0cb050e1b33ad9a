import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Attributes,
  type BatchObservableCallback,
  type Meter,
  type Observable,
  ValueType,
} from '@opentelemetry/api';
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
  REJECTION_REASON,
  REJECTION_REASONS,
  REPORT_INTERVAL,
  SESSION_OUTCOME,
  SESSION_OUTCOMES,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
  START_TIME,
  TENANT_ACTIVE_SESSIONS,
  TENANT_ID,
} from './attributes.js';
import type { Report, Totals, WorkerIdentity } from './worker.js';

export type Observe = (metric: Metric, value: number, attributes: Attributes) => void;

export const valueTypeOf = (metric: Metric) => (metric.unit === 's' ? ValueType.DOUBLE : ValueType.INT);

/** The datapoints of a worker's reports. Attribute sets are made once: a set that was observed is exported for ever. */
export class Datapoints {
  readonly #base: Attributes;
  readonly #ended;
  readonly #rejected;
  readonly #tenants = new Map<string, Attributes>();

  constructor(readonly identity: WorkerIdentity) {
    const base = identity.attributes;
    this.#base = base;
    this.#ended = SESSION_OUTCOMES.map(
      (outcome) => [outcome, { ...base, [SESSION_OUTCOME]: outcome }] as const,
    );
    this.#rejected = REJECTION_REASONS.map(
      (reason) => [reason, { ...base, [REJECTION_REASON]: reason }] as const,
    );
  }

  observe(report: Report, observe: Observe): void {
    const base = this.#base;
    if (report.active !== undefined) observe(ACTIVE_SESSIONS, report.active, base);
    if (report.draining !== undefined) observe(DRAINING, Number(report.draining), base);
    observe(DEPLOYMENT_VERSION, Number(report.running), base);
    observe(DROPPED_SESSIONS, report.dropped, base);
    observe(START_TIME, this.identity.startedAt / 1000, base);
    observe(REPORT_INTERVAL, report.intervalSeconds, base);
    observe(DRAIN_ELAPSED, report.drainElapsedSeconds, base);
    if (report.drainTimeoutSeconds !== undefined) observe(DRAIN_TIMEOUT, report.drainTimeoutSeconds, base);
    for (const [tenant, count] of report.tenants) {
      observe(TENANT_ACTIVE_SESSIONS, count, this.#tenantSet(tenant));
    }
    const { totals } = report;
    observe(SESSIONS_STARTED, totals.started, base);
    for (const [outcome, attributes] of this.#ended)
      observe(SESSIONS_ENDED, totals.ended[outcome], attributes);
    for (const [reason, attributes] of this.#rejected)
      observe(JOBS_REJECTED, totals.rejected[reason], attributes);
  }

  #tenantSet(tenant: string): Attributes {
    let attributes = this.#tenants.get(tenant);
    if (!attributes) {
      attributes = { ...this.#base, [TENANT_ID]: tenant };
      this.#tenants.set(tenant, attributes);
    }
    return attributes;
  }
}

/** How long the first flush is waited for, in milliseconds. */
const FIRST_REPORT_MS = 2_000;

/**
 * Makes the first report tell what the sums were before, zero for most: `increase()` does not see what the first
 * sample of a sum tells. A provider can have several readers, so every report is a first one until the first flush,
 * which `start` makes, is over.
 */
export function sumsFrom(
  before: Totals,
  read: () => Report,
): {
  read(): Report;
  start(flush: () => Promise<void>): void;
} {
  let isFirst = true;
  let isTold = false;
  return {
    read: () => {
      const report = isFirst || !isTold ? { ...read(), totals: before } : read();
      isFirst = false;
      return report;
    },
    start: (flush) => {
      const enough = sleep(FIRST_REPORT_MS, undefined, { ref: false });
      void Promise.race([flush(), enough]).then(() => {
        isTold = true;
        return flush();
      });
    },
  };
}

/**
 * Registers every metric on a meter. One callback reads one report a collection; the counters are observed
 * too, so that what happened before the meter was there is told, and the goodbye tells the same totals.
 * Returns a function that takes the callback off.
 */
export function registerGauges(meter: Meter, datapoints: Datapoints, read: () => Report): () => void {
  const instruments = new Map<Metric, Observable>(
    METRICS.map((metric) => {
      const options = { unit: metric.unit, description: metric.description, valueType: valueTypeOf(metric) };
      const create = metric.kind === 'gauge' ? 'createObservableGauge' : 'createObservableCounter';
      return [metric, meter[create](metric.name, options)];
    }),
  );
  const callback: BatchObservableCallback = (result) => {
    datapoints.observe(read(), (metric, value, attributes) => {
      result.observe(instruments.get(metric) as Observable, value, attributes);
    });
  };
  const observables = [...instruments.values()];
  meter.addBatchObservableCallback(callback, observables);
  return () => meter.removeBatchObservableCallback(callback, observables);
}

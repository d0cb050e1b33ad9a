import type { Attributes, HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Metric, SCOPE_NAME, SCOPE_VERSION } from './attributes.js';
import type { Environment } from './environment.js';
import { type Datapoints, valueTypeOf } from './gauges.js';
import { createMetricsSender, type Failure } from './otlp-exporters.js';
import type { Report, Totals } from './worker.js';

/** `shutdown()` has 3 s; the rest is for loading and for the spans. */
const TIMEOUT_MS = 2_500;

/** A worker's last words: who it was and the last facts. */
export interface Goodbye {
  readonly resource: Resource;
  readonly datapoints: Datapoints;
  /** The last facts, as `lastReport` makes them. */
  readonly report: Report;
  readonly temporality: AggregationTemporality;
  /** When the worker's sums started, so that they go on; undefined when nothing was reported before. */
  readonly sumsStart: HrTime | undefined;
  /** What the sums of earlier reports told: delta sums tell only the rest. */
  readonly alreadyTold: Totals;
  /** Unix milliseconds of the report before: two samples of one moment are refused by Prometheus. */
  readonly after: number | undefined;
}

/**
 * Sends a worker's last report on the series of its earlier ones. It has a pipeline of its own, so that it does
 * not wait behind a slow report; that pipeline is one request, so nothing of it stays. Never rejects.
 */
export function sendGoodbye(goodbye: Goodbye, environment: Environment): Promise<Failure | undefined> {
  return createMetricsSender(environment, TIMEOUT_MS).send(goodbyeBatch(goodbye));
}

function goodbyeBatch({ resource, datapoints, ...words }: Goodbye): ResourceMetrics {
  const time = millisToHrTime(Math.max(Date.now(), (words.after ?? 0) + 1));
  const sumsStart = words.sumsStart ?? millisToHrTime(datapoints.identity.startedAt);
  const isDelta = words.temporality === AggregationTemporality.DELTA;
  const told = new Map<Attributes, number>();
  if (isDelta) {
    datapoints.observeTotals(words.alreadyTold, (_, value, attributes) => told.set(attributes, value));
  }
  const metrics = new Map<Metric, DataPoint<number>[]>();
  datapoints.observe(words.report, (metric, total, attributes) => {
    const isSum = metric.kind === 'counter';
    const value = isSum ? total - (told.get(attributes) ?? 0) : total;
    const points = metrics.get(metric) ?? [];
    points.push({ startTime: isSum ? sumsStart : time, endTime: time, attributes, value });
    metrics.set(metric, points);
  });
  return {
    resource,
    scopeMetrics: [
      {
        scope: { name: SCOPE_NAME, version: SCOPE_VERSION },
        metrics: [...metrics].map(([metric, dataPoints]) =>
          metricData(metric, dataPoints, words.temporality),
        ),
      },
    ],
  };
}

function metricData(
  metric: Metric,
  dataPoints: DataPoint<number>[],
  aggregationTemporality: AggregationTemporality,
): MetricData {
  const { name, description, unit } = metric;
  const data = {
    descriptor: { name, description, unit, valueType: valueTypeOf(metric) },
    aggregationTemporality,
    dataPoints,
  };
  return metric.kind === 'counter'
    ? { ...data, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...data, dataPointType: DataPointType.GAUGE };
}

import { hrTimeToMilliseconds, millisToHrTime } from '@opentelemetry/core';
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
import type { Told } from './outputs.js';
import { type Report, subtractTotals, type Totals } from './worker.js';

/** `shutdown()` has 3 s; the rest is for loading and for the spans. */
const TIMEOUT_MS = 2_500;

/** A worker's last words: who it was and the last facts. */
export interface Goodbye {
  readonly resource: Resource;
  readonly datapoints: Datapoints;
  /** The last facts, as `lastReport` makes them. */
  readonly report: Report;
  readonly temporality: AggregationTemporality;
  /** What the pool counted before it was instrumented: delta sums never told it. */
  readonly countedBefore: Totals;
  /** What the report before told, so that the sums go on; undefined when there was none. */
  readonly told: Told | undefined;
  /** When it is said, in Unix ms. */
  readonly at: number;
}

/**
 * Sends a worker's last report on the series of its earlier ones. It has a pipeline of its own, so that it does
 * not wait behind a slow report; that pipeline is one request, so nothing of it stays. Never rejects.
 */
export async function sendGoodbye(goodbye: Goodbye, environment: Environment): Promise<Failure | undefined> {
  const sender = createMetricsSender(environment, TIMEOUT_MS);
  try {
    return await sender.send(goodbyeBatch(goodbye));
  } finally {
    sender.close();
  }
}

function goodbyeBatch({ resource, datapoints, ...words }: Goodbye): ResourceMetrics {
  // Two samples of one moment are refused by Prometheus.
  const after = words.told ? hrTimeToMilliseconds(words.told.time) + 1 : 0;
  const time = millisToHrTime(Math.max(words.at, after));
  const isDelta = words.temporality === AggregationTemporality.DELTA;
  const begin = isDelta ? words.told?.time : words.told?.sumsStart;
  const sumsStart = begin ?? millisToHrTime(datapoints.identity.startedAt);
  let { totals } = words.report;
  if (isDelta) {
    totals = subtractTotals(totals, words.countedBefore);
    if (words.told) totals = subtractTotals(totals, words.told.totals);
  }
  const metrics = new Map<Metric, DataPoint<number>[]>();
  datapoints.observe({ ...words.report, totals }, (metric, value, attributes) => {
    const startTime = metric.kind === 'counter' ? sumsStart : time;
    const points = metrics.get(metric) ?? [];
    points.push({ startTime, endTime: time, attributes, value });
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

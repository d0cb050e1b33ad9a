import type { Attributes } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Metric, type Report, SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import type { Environment } from '../worker/environment.js';
import { Datapoints, valueTypeOf } from '../worker/gauges.js';
import { goodbyeOf } from '../worker/worker.js';
import { createMetricsSender, type Failure } from './sender.js';

/** `shutdown()` has 3 s; the rest is for loading, the counters and the spans. */
const TIMEOUT_MS = 2_500;

/** A worker's final report: who it was, and what it last reported. */
export interface FinalReport {
  readonly resource: Resource;
  /** Of every datapoint. */
  readonly attributes: Attributes;
  readonly last: Partial<Report>;
  /** When it said goodbye, in Unix ms. Later than its last report: two samples of one moment are refused by Prometheus. */
  readonly at: number;
}

/**
 * Sends a goodbye on the series of the worker's reports. It has a pipeline of its own, so that it does not wait behind
 * a slow report; that pipeline is one request, so nothing of it stays. Never rejects.
 */
export async function sendFinalReport(
  report: FinalReport,
  environment: Environment,
): Promise<Failure | undefined> {
  const sender = createMetricsSender(environment, TIMEOUT_MS);
  try {
    return await sender.send(batchOf(report));
  } finally {
    sender.close();
  }
}

function batchOf({ resource, attributes, last, at }: FinalReport): ResourceMetrics {
  const time = millisToHrTime(at);
  const points = new Map<Metric, DataPoint<number>[]>();
  new Datapoints(attributes).observe(goodbyeOf(last), (metric, value, set) => {
    const known = points.get(metric) ?? [];
    points.set(metric, [...known, { startTime: time, endTime: time, attributes: set, value }]);
  });
  const metrics = Array.from(points, ([metric, dataPoints]) => {
    const { name, description, unit } = metric;
    return {
      descriptor: { name, description, unit, valueType: valueTypeOf(metric) },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.GAUGE as const,
      dataPoints,
    };
  });
  const scope = { name: SCOPE_NAME, version: SCOPE_VERSION };
  return { resource, scopeMetrics: [{ scope, metrics }] };
}

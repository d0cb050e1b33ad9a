import type { Attributes } from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import { DataPointType, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { METRICS, type Metric } from '../../src/attributes.js';
import { last } from './lists.js';

/** One datapoint, whether it comes from the SDK or from the wire. */
export interface Point {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: Metric['kind'];
  readonly attributes: Attributes;
  readonly value: number;
  /** Unix milliseconds. */
  readonly startTime: number;
  /** Unix milliseconds. */
  readonly time: number;
}

/** A reader that collects when a test says so. */
export class ManualReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}

  /** Collects. Throws what the collection reports as errors. */
  async read(): Promise<Point[]> {
    const { resourceMetrics, errors } = await this.collect();
    if (errors.length > 0) throw new AggregateError(errors, 'the collection had errors');
    return pointsOf(resourceMetrics);
  }
}

export function pointsOf({ scopeMetrics }: ResourceMetrics): Point[] {
  return scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .flatMap(({ descriptor, dataPoints, dataPointType }) =>
      dataPoints.map(({ attributes, value, startTime, endTime }) => ({
        name: descriptor.name,
        unit: descriptor.unit,
        description: descriptor.description,
        kind: dataPointType === DataPointType.SUM ? ('counter' as const) : ('gauge' as const),
        attributes: { ...attributes },
        value: Number(value),
        startTime: hrTimeToMilliseconds(startTime),
        time: hrTimeToMilliseconds(endTime),
      })),
    );
}

/** What tells of a datapoint's series and value, wherever the datapoint comes from. */
type Value = Pick<Point, 'name' | 'value'> & { readonly attributes: Readonly<Record<string, unknown>> };

const hasAll = (point: Value, attributes: Attributes) =>
  Object.entries(attributes).every(([name, value]) => point.attributes[name] === value);

/** The value of a metric's one datapoint that has the attributes; undefined where there is none. */
export function valueIn(
  points: readonly Value[],
  metric: Metric,
  attributes: Attributes = {},
): number | undefined {
  const found = points.filter((point) => point.name === metric.name && hasAll(point, attributes));
  if (found.length > 1) throw new Error(`expected one datapoint of ${metric.name}, got ${found.length}`);
  return found[0]?.value;
}

/** What tells the series of a report apart, in a fixed order. */
export function seriesOf(points: readonly Point[]): string[] {
  return points
    .map(({ name, attributes }) => `${name} ${JSON.stringify(Object.entries(attributes).sort())}`)
    .sort();
}

/** The last report of a worker before its goodbye: that has the counters. */
export function lastOrdinary<P extends Value>(reports: readonly (readonly P[])[]): readonly P[] {
  return last(reports.filter((report) => valueIn(report, METRICS.running) === 1));
}

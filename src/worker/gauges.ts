import {
  type Attributes,
  type BatchObservableCallback,
  type Meter,
  type Observable,
  ValueType,
} from '@opentelemetry/api';
import { METRIC_KEYS, METRICS, type Metric, type Report } from '../attributes.js';

export type Observe = (metric: Metric, value: number, attributes: Attributes) => void;

export const valueTypeOf = ({ unit }: Metric) => (unit === 's' ? ValueType.DOUBLE : ValueType.INT);

/** Reports as datapoints. Attribute sets are made once: the SDK keeps each that was observed for ever. */
export class Datapoints {
  readonly #base: Attributes;
  readonly #sets = new Map<Metric, Map<string, Attributes>>();

  /** @param base the attributes of every datapoint */
  constructor(base: Attributes) {
    this.#base = base;
  }

  observe(report: Partial<Report>, observe: Observe): void {
    for (const key of METRIC_KEYS) {
      const metric = METRICS[key];
      const value = report[key];
      if (typeof value === 'number') observe(metric, value, this.#base);
      else for (const [label, count] of value ?? []) observe(metric, count, this.#setOf(metric, label));
    }
  }

  #setOf(metric: Metric, label: string): Attributes {
    const sets = this.#sets.get(metric) ?? new Map<string, Attributes>();
    this.#sets.set(metric, sets);
    const known = sets.get(label);
    if (known) return known;
    const made = { ...this.#base, [metric.by ?? '']: label };
    sets.set(label, made);
    return made;
  }
}

/**
 * Registers every metric on a meter. One callback reads one report a collection; the counters are observed too, so
 * that what happened before the meter was there is in them. Returns a function that takes the callback off.
 */
export function registerGauges(
  meter: Meter,
  datapoints: Datapoints,
  read: () => Partial<Report>,
): () => void {
  const instruments = new Map<Metric, Observable>(
    Object.values(METRICS).map((metric) => {
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

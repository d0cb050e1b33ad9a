import { LONGEST_VALUE, METRIC_KEYS, METRICS, type MetricKey, type Report } from '../../attributes.js';
import type { MetricPoint } from './decode.js';

/** Tenants, outcomes or reasons of one worker; it reports 41 tenants at most. */
const MAX_LABELS = 50;

/** How many more labels a table may keep. */
export interface Budget {
  labels: number;
}

interface Series {
  value: number;
  /** Newest datapoint, in Unix ms by the worker's clock. */
  timeMs: number;
  /** When the last datapoint arrived, in Unix ms. */
  arrivedMs: number;
}

/** The values that a worker reported, by the keys of the table of metrics. Bounded, whatever it reports. */
export class ReportedValues {
  /** By label; one without, where the metric has none. */
  readonly #series = new Map<MetricKey, Map<string, Series>>();
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Takes in one plausible point of a metric. */
  add(key: MetricKey, point: MetricPoint, nowMs: number): void {
    const { by, over } = METRICS[key];
    const label = by === undefined ? '' : identifier(point, by);
    if (label === undefined) return;
    const byLabel = this.#series.get(key) ?? new Map<string, Series>();
    this.#series.set(key, byLabel);
    const { value } = point;
    const timeMs = point.timeUnixMs || nowMs;
    const series = byLabel.get(label);
    if (!series) {
      const isKept = by === undefined || this.#mayKeepLabel(byLabel);
      if (isKept) byLabel.set(label, { value, timeMs, arrivedMs: nowMs });
      return;
    }
    series.arrivedMs = nowMs;
    if (point.temporality === 'delta') {
      // The same time again is a retry whose first response was lost.
      if (timeMs !== series.timeMs) series.value += value;
    } else if (over !== undefined) {
      // The goodbye of a process with a slower clock must not be taken for a late report.
      series.value = Math[over](series.value, value);
    } else if (timeMs >= series.timeMs) {
      series.value = value;
    }
    series.timeMs = Math.max(series.timeMs, timeMs);
  }

  /** The worker's clock was set back: what comes now is newer than all that came before. */
  startOver(): void {
    for (const byLabel of this.#series.values()) for (const series of byLabel.values()) series.timeMs = 0;
  }

  /** When the newest datapoint of a metric was made, in Unix ms by the worker's clock. */
  timeOf(key: MetricKey): number | undefined {
    return this.#series.get(key)?.get('')?.timeMs;
  }

  /** When the last datapoint of a metric arrived, in Unix ms. */
  arrivalOf(key: MetricKey): number | undefined {
    return this.#series.get(key)?.get('')?.arrivedMs;
  }

  /** Of a metric without labels, or of one label. */
  get(key: MetricKey, label = ''): number | undefined {
    return this.#series.get(key)?.get(label)?.value;
  }

  /** All that is known. */
  report(): Partial<Report> {
    const values = Array.from(this.#series, ([key, byLabel]) => {
      if (METRICS[key].by === undefined) return [key, byLabel.get('')?.value];
      return [key, new Map(Array.from(byLabel, ([label, { value }]) => [label, value]))];
    });
    return Object.fromEntries(values);
  }

  /** Forgets the labels of a metric, of all metrics unless one is named, and gives their room back. */
  forgetLabels(keys: readonly MetricKey[] = METRIC_KEYS): void {
    for (const key of keys) {
      if (METRICS[key].by === undefined) continue;
      this.#budget.labels += this.#series.get(key)?.size ?? 0;
      this.#series.delete(key);
    }
  }

  #mayKeepLabel(byLabel: ReadonlyMap<string, Series>): boolean {
    if (byLabel.size >= MAX_LABELS || this.#budget.labels <= 0) return false;
    this.#budget.labels -= 1;
    return true;
  }
}

/** A string attribute; undefined when it is none, or too long to be kept. */
export function identifier(point: MetricPoint, name: string): string | undefined {
  const value = point.attributes[name];
  return typeof value === 'string' && value.length <= LONGEST_VALUE ? value : undefined;
}

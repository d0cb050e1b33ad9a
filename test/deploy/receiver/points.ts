import * as names from '../../../src/attributes.js';
import type { MetricPoint } from '../../../src/deploy/index.js';

interface Extra {
  /** Unix ms by the worker's clock. */
  readonly at?: number;
  readonly temporality?: 'delta' | 'cumulative';
  readonly attributes?: Record<string, string | number>;
}

/** A datapoint of worker `w-1` of the pool `voice`, on version 1.5.0. */
export const point = (
  { name, unit, description, kind }: names.Metric,
  value: number,
  { at = 0, temporality = 'cumulative', attributes }: Extra = {},
): MetricPoint => ({
  resource: {},
  scope: { name: names.SCOPE_NAME, version: '' },
  name,
  unit,
  description,
  kind: kind === 'gauge' ? 'gauge' : 'sum',
  temporality,
  attributes: {
    [names.POOL_NAME]: 'voice',
    [names.WORKER_ID]: 'w-1',
    [names.WORKER_VERSION]: '1.5.0',
    ...attributes,
  },
  value,
  startTimeUnixMs: 0,
  timeUnixMs: at,
});

import type { MetricPoint } from '../../../src/deploy/index.js';

/** What tells a datapoint of a series apart from the others of its metric. */
const LABELS = ['openrtc.tenant.id', 'openrtc.session.outcome', 'openrtc.rejection.reason'];

/** The values of a report by metric, and by label where a metric has one: `openrtc.sessions.ended failed`. */
export function valuesOf(points: readonly MetricPoint[] | undefined): Record<string, number> {
  return Object.fromEntries(
    (points ?? []).map(({ name, attributes, value }) => {
      const label = LABELS.map((key) => attributes[key]).find((text) => text !== undefined);
      return [label === undefined ? name : `${name} ${label}`, value];
    }),
  );
}

export const seriesOf = ({ name, attributes }: MetricPoint) =>
  `${name} ${JSON.stringify(Object.entries(attributes).sort())}`;

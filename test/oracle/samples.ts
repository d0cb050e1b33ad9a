import { METRICS, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import { labelName } from '../../src/deploy/prometheus/promql.js';
import type { Series } from '../e2e/support/remote-write.js';
import { wireValue } from './otlp.js';
import type { World } from './world/world.js';

/** All that a Prometheus ever gets of a world, by the clocks of the workers; of two samples of one moment it keeps the first. */
export function samplesOf({ deliveries, sourceStartsAt }: World, epoch: number): Series[] {
  const known = new Map<string, { labels: Record<string, string>; values: Map<number, number> }>();
  for (const delivery of deliveries) {
    const { report, gauges, copy, arrivesAt } = delivery;
    if (arrivesAt < sourceStartsAt) continue;
    const { pool, id, version } = report.life;
    for (const gauge of gauges) {
      const { name, unit } = METRICS[gauge];
      const labels = {
        __name__: `${labelName(name)}${unit === 's' ? '_seconds' : ''}`,
        [labelName(POOL_NAME)]: pool,
        [labelName(WORKER_ID)]: id,
        [labelName(WORKER_VERSION)]: version,
        ...(copy && { instance: copy }),
      };
      const key = JSON.stringify(labels);
      const series = known.get(key) ?? { labels, values: new Map<number, number>() };
      known.set(key, series);
      const at = Math.round(epoch + report.stamp);
      if (!series.values.has(at)) series.values.set(at, wireValue(delivery, gauge, epoch));
    }
  }
  return Array.from(known.values(), ({ labels, values }) => ({
    labels,
    samples: Array.from(values, ([timestamp, value]) => ({ timestamp, value })).sort(
      (a, b) => a.timestamp - b.timestamp,
    ),
  }));
}

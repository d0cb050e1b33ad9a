import { METRICS, POOL_NAME, SCOPE_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import { groupBy } from './group.js';
import type { Life } from './world/life.js';
import type { Delivery } from './world/network.js';
import type { Gauge } from './world/report.js';

/** The value of a gauge as it is on the wire, with a start that is of Unix. */
export function wireValue({ report }: Delivery, gauge: Gauge, epoch: number): number {
  const value = report.values[gauge] ?? 0;
  return gauge === 'startTime' ? (epoch + value) / 1000 : value;
}

/** Deliveries of one moment as one OTLP/JSON body: each metric once, as where a Collector groups a batch. */
export function otlpBody(deliveries: readonly Delivery[], epoch: number): string {
  const points = deliveries.flatMap((delivery) => delivery.gauges.map((gauge) => ({ gauge, delivery })));
  const metrics = Array.from(
    groupBy(points, ({ gauge }) => gauge),
    ([gauge, some]) => {
      const { name, unit } = METRICS[gauge];
      const dataPoints = some.map(({ delivery }) => point(delivery, gauge, epoch));
      return `{"name":"${name}","unit":"${unit}","gauge":{"dataPoints":[${dataPoints.join()}]}}`;
    },
  );
  return `{"resourceMetrics":[{"scopeMetrics":[{"scope":{"name":"${SCOPE_NAME}"},"metrics":[${metrics.join()}]}]}]}`;
}

function point(delivery: Delivery, gauge: Gauge, epoch: number): string {
  const { report, copy } = delivery;
  const value = wireValue(delivery, gauge, epoch);
  const time = `${epoch + report.stamp}000000`;
  return `{"asDouble":${value},"timeUnixNano":"${time}","attributes":${attributesOf(report.life, copy)}}`;
}

const known = new WeakMap<Life, Map<string | undefined, string>>();

/** Of a worker they never change, and are most of a body. */
function attributesOf(life: Life, copy: string | undefined): string {
  const copies = known.get(life) ?? new Map<string | undefined, string>();
  known.set(life, copies);
  const text = copies.get(copy) ?? JSON.stringify(attributes(life, copy));
  copies.set(copy, text);
  return text;
}

function attributes({ pool, id, version }: Life, copy: string | undefined) {
  const all = {
    [POOL_NAME]: pool,
    [WORKER_ID]: id,
    [WORKER_VERSION]: version,
    ...(copy && { instance: copy }),
  };
  return Object.entries(all).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

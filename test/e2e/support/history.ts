import * as names from '../../../src/attributes.js';

/** What one worker told at one moment. Times are Unix ms. */
export interface Told {
  readonly at: number;
  readonly id: string;
  readonly version: string;
  readonly startedAt: number;
  readonly active: number;
  readonly running?: boolean;
  readonly drainingSince?: number;
  readonly dropped?: number;
  readonly tenants?: Readonly<Record<string, number>>;
  readonly started?: number;
  readonly pool?: string;
  /** More attributes, as a relabelled copy of the series has them. */
  readonly more?: Readonly<Record<string, string>>;
}

export const INTERVAL_SECONDS = 15;
const DRAIN_TIMEOUT_SECONDS = 3600;

/** A worker that reports at each interval from its start to its end, the last time at the end. */
export interface Life {
  readonly id: string;
  readonly version: string;
  readonly startedAt: number;
  readonly endsAt: number;
  /** Whether it ends with a goodbye; else it is killed. */
  readonly saysGoodbye?: boolean;
  readonly drainingSince?: number;
  /** Sessions at a moment; those at its goodbye are dropped. */
  readonly active: (at: number) => number;
  readonly more?: Readonly<Record<string, string>>;
}

/** All that a worker tells in its life. */
export function reportsOf(life: Life): Told[] {
  const { startedAt, endsAt, drainingSince = Number.POSITIVE_INFINITY, active, saysGoodbye } = life;
  const reports: Told[] = [];
  for (let at = startedAt; at < endsAt; at += INTERVAL_SECONDS * 1000) {
    const isDraining = at >= drainingSince;
    reports.push({
      ...life,
      at,
      active: active(at),
      running: true,
      ...(!isDraining && { drainingSince: Infinity }),
    });
  }
  if (saysGoodbye) reports.push({ ...life, at: endsAt, active: 0, dropped: active(endsAt), running: false });
  return reports;
}

/** A report as OTLP/JSON. */
export function otlpJson(told: Told): string {
  const { at, pool = 'voice', drainingSince = Infinity, running = true, dropped = 0, started = 0 } = told;
  const isDraining = drainingSince <= at;
  const worker = {
    [names.POOL_NAME]: pool,
    [names.WORKER_ID]: told.id,
    [names.WORKER_VERSION]: told.version,
    ...told.more,
  };
  const point = (value: number, attributes: Record<string, string> = {}) => ({
    asDouble: value,
    timeUnixNano: `${at}000000`,
    startTimeUnixNano: `${told.startedAt}000000`,
    attributes: Object.entries({ ...worker, ...attributes }).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    })),
  });
  const metric = ({ name, unit, kind }: names.Metric, ...dataPoints: ReturnType<typeof point>[]) => ({
    name,
    unit,
    ...(kind === 'gauge'
      ? { gauge: { dataPoints } }
      : { sum: { dataPoints, isMonotonic: true, aggregationTemporality: 2 } }),
  });
  const metrics = [
    metric(names.METRICS.active, point(told.active)),
    metric(names.METRICS.draining, point(Number(isDraining))),
    metric(names.METRICS.running, point(Number(running))),
    metric(names.METRICS.dropped, point(dropped)),
    metric(names.METRICS.startTime, point(told.startedAt / 1000)),
    metric(names.METRICS.interval, point(INTERVAL_SECONDS)),
    metric(names.METRICS.drainElapsed, point(isDraining ? (at - drainingSince) / 1000 : 0)),
    metric(names.METRICS.drainTimeout, point(DRAIN_TIMEOUT_SECONDS)),
    metric(names.METRICS.started, point(started)),
    metric(names.METRICS.ended, point(dropped, { [names.SESSION_OUTCOME]: 'dropped' })),
    metric(names.METRICS.rejected, point(1, { [names.REJECTION_REASON]: 'draining' })),
    ...Object.entries(told.tenants ?? {}).map(([tenant, active]) =>
      metric(names.METRICS.tenants, point(active, { [names.TENANT_ID]: tenant })),
    ),
  ];
  const scopeMetrics = [{ scope: { name: names.SCOPE_NAME }, metrics }];
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: [] }, scopeMetrics }] });
}

/** Sends reports to an OTLP endpoint, in the order of time. */
export async function send(otlpUrl: string, reports: readonly Told[]): Promise<void> {
  for (const report of reports.toSorted((a, b) => a.at - b.at)) {
    const answer = await fetch(`${otlpUrl}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: otlpJson(report),
    });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  }
}

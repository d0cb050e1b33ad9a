import type { Attributes } from '@opentelemetry/api';
import { ExportResultCode, millisToHrTime } from '@opentelemetry/core';
import {
  CumulativeTemporalitySelector,
  DeltaTemporalitySelector,
  LowMemoryTemporalitySelector,
} from '@opentelemetry/exporter-metrics-otlp-http';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  InstrumentType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import { SCOPE_NAME, SCOPE_VERSION } from './attributes.js';
import type { Environment } from './environment.js';
import { type Datapoints, registerGauges, sumsFrom } from './gauges.js';
import { sendGoodbye } from './goodbye.js';
import { createMetricsSender } from './otlp-exporters.js';
import type { MetricsOutput, Told } from './outputs.js';
import { Trouble } from './say.js';
import {
  copyTotals,
  noTotals,
  type Report,
  subtractTotals,
  type Totals,
  type WorkerIdentity,
} from './worker.js';

export { startSpans } from './otlp-spans.js';

const TEMPORALITIES = {
  cumulative: CumulativeTemporalitySelector,
  delta: DeltaTemporalitySelector,
  lowmemory: LowMemoryTemporalitySelector,
};

/** The temporality of the sums. */
export const sumTemporality = (setting: Environment['temporality']): AggregationTemporality =>
  TEMPORALITIES[setting](InstrumentType.OBSERVABLE_COUNTER);

/** The resource of the worker's reports. What its environment says goes over what the worker says. */
export function workerResource(
  { poolName, version, workerId }: WorkerIdentity,
  fromEnvironment: Attributes,
): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        [ATTR_SERVICE_NAME]: poolName,
        [ATTR_SERVICE_VERSION]: version,
        [ATTR_SERVICE_INSTANCE_ID]: workerId,
      }),
    )
    .merge(resourceFromAttributes(fromEnvironment));
}

/**
 * Reports a worker's metrics on a pipeline of its own.
 * @param onReport is given what each report tells, before it is sent
 */
export function startMetrics(
  resource: Resource,
  environment: Environment,
  datapoints: Datapoints,
  read: () => Report,
  countedBefore: Totals,
  onReport: (told: Told) => void,
): MetricsOutput {
  const sender = createMetricsSender(environment);
  const selectAggregationTemporality = TEMPORALITIES[environment.temporality];
  const trouble = new Trouble(`metrics arrive at ${sender.url} again`);
  let isClosed = false;
  const temporality = sumTemporality(environment.temporality);
  const isDelta = temporality === AggregationTemporality.DELTA;
  const startTime = millisToHrTime(datapoints.identity.startedAt);
  // Delta sums of the first report are what came since then; cumulative ones go on from there.
  const before = isDelta ? countedBefore : noTotals();
  const sinceThen = (report: Report) => ({ ...report, totals: subtractTotals(report.totals, before) });
  let collected = noTotals();
  let told: Told | undefined;

  const exporter = {
    selectAggregationTemporality,
    forceFlush: async () => {},
    shutdown: async () => {},
    export: async (batch: ResourceMetrics, done: (result: { code: ExportResultCode }) => void) => {
      if (!isClosed) {
        const sums = sumsOf(batch);
        // Cumulative sums go back to the worker's start, also those that the SDK meets only now.
        if (!isDelta) for (const sum of sums) Object.assign(sum, { startTime });
        const [sum] = sums;
        if (sum) {
          told = { sumsStart: sum.startTime, time: sum.endTime, totals: collected };
          onReport(told);
        }
        const failure = await sender.send(batch);
        // What is given up for the goodbye is no trouble.
        if (isClosed) return done({ code: ExportResultCode.SUCCESS });
        if (failure) trouble.broke(`metrics do not arrive at ${sender.url}: ${failure.reason}`);
        else trouble.healed();
      }
      // The failure has been said; the reader would say it again at each interval.
      done({ code: ExportResultCode.SUCCESS });
    },
  };
  const provider = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: environment.intervalMs,
        exportTimeoutMillis: Math.min(environment.exportTimeoutMs, environment.intervalMs),
      }),
    ],
  });
  const sums = sumsFrom(subtractTotals(countedBefore, before), () => sinceThen(read()));
  registerGauges(provider.getMeter(SCOPE_NAME, SCOPE_VERSION), datapoints, () => {
    const report = sums.read();
    collected = copyTotals(report.totals);
    return report;
  });
  const flush = () => provider.forceFlush().catch(() => {});
  sums.start(flush);

  return {
    flush,
    goodbye: async (report, at) => {
      isClosed = true;
      const last = { resource, datapoints, report, temporality, countedBefore, told, at };
      const failure = await sendGoodbye(last, environment);
      if (failure) trouble.broke(`the goodbye did not arrive at ${sender.url}: ${failure.reason}`);
      return failure === undefined;
    },
    close: () => {
      isClosed = true;
      sender.close();
      provider.shutdown().catch(() => {});
    },
  };
}

const sumsOf = ({ scopeMetrics }: ResourceMetrics) =>
  scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .flatMap((metric) => (metric.dataPointType === DataPointType.SUM ? metric.dataPoints : []));

import { setTimeout as sleep } from 'node:timers/promises';
import { ExportResultCode, hrTimeToMilliseconds } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InstrumentType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Report, SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { Trouble } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import { Datapoints, registerGauges } from '../worker/gauges.js';
import type { MetricsOutput } from '../worker/outputs.js';
import type { WorkerIdentity } from '../worker/worker.js';
import { sendFinalReport } from './final-report.js';
import { workerResource } from './resource.js';
import { createMetricsSender } from './sender.js';

/**
 * Of gauges the SDK exports what was observed just now only with the delta temporality, which a gauge on the wire does not
 * have. Else it repeats what is no longer observed, and after a clock was set back what it had before.
 */
async function temporalitySelector(temporality: Environment['temporality']) {
  const ofCounters = await counterTemporality(temporality);
  return (type: InstrumentType) =>
    type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : ofCounters(type);
}

/** Loaded only where it is needed. */
async function counterTemporality(temporality: Environment['temporality']) {
  if (temporality === 'cumulative') return () => AggregationTemporality.CUMULATIVE;
  const selectors = await import('@opentelemetry/exporter-metrics-otlp-http');
  return temporality === 'delta'
    ? selectors.DeltaTemporalitySelector
    : selectors.LowMemoryTemporalitySelector;
}

/** How long the first report is waited for, in ms. */
const FIRST_REPORT_MS = 100;

/** Reports a worker's metrics on a pipeline of its own. Resolves when the first report has arrived, or soon after. */
export async function startMetrics(
  identity: WorkerIdentity,
  environment: Environment,
  read: () => Report,
): Promise<MetricsOutput> {
  const { attributes } = identity;
  const resource = workerResource(identity, environment.resource);
  const selectAggregationTemporality = await temporalitySelector(environment.temporality);
  const sender = createMetricsSender(environment);
  const trouble = new Trouble(`metrics arrive at ${sender.url} again`);
  let isClosed = false;
  let lastReportAt = 0;
  let sending: Promise<void> | undefined;

  const report = async (batch: ResourceMetrics) => {
    lastReportAt = timeOf(batch) ?? lastReportAt;
    const failure = await sender.send(batch);
    // What is given up for the goodbye is no trouble.
    if (isClosed) return;
    if (failure) trouble.broke(`metrics do not arrive at ${sender.url}: ${failure.reason}`);
    else trouble.healed();
  };
  const exporter = {
    selectAggregationTemporality,
    forceFlush: async () => {},
    shutdown: async () => {},
    export: (batch: ResourceMetrics, done: (result: { code: ExportResultCode }) => void) => {
      if (!isClosed) sending = report(batch);
      // The reader waits with a timer that keeps the process alive, and repeats each warning of a failure.
      done({ code: ExportResultCode.SUCCESS });
    },
  };
  const provider = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: environment.intervalMs,
        exportTimeoutMillis: environment.intervalMs,
      }),
    ],
  });
  registerGauges(provider.getMeter(SCOPE_NAME, SCOPE_VERSION), new Datapoints(attributes), read);
  const flush = async () => {
    await provider.forceFlush().catch(() => {});
    await sending;
  };
  await Promise.race([flush(), sleep(FIRST_REPORT_MS, undefined, { ref: false })]);

  return {
    intervalSeconds: environment.intervalMs / 1000,
    get lastReportAt() {
      return lastReportAt;
    },
    flush,
    goodbye: async (last, at) => {
      isClosed = true;
      const failure = await sendFinalReport({ resource, attributes, last, at }, environment);
      if (!failure) return { delivered: true };
      return { delivered: false, problem: `the goodbye did not arrive at ${sender.url}: ${failure.reason}` };
    },
    close: () => {
      isClosed = true;
      sender.close();
      provider.shutdown().catch(() => {});
    },
  };
}

/** When a batch was collected, in Unix ms. */
function timeOf({ scopeMetrics }: ResourceMetrics): number | undefined {
  const point = scopeMetrics[0]?.metrics[0]?.dataPoints[0];
  return point && hrTimeToMilliseconds(point.endTime);
}

import type { Report } from '../attributes.js';
import { Once } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import type { MetricsOutput, Outputs, SpansOutput } from '../worker/outputs.js';
import type { PendingTracer } from '../worker/pending-tracer.js';
import type { WorkerIdentity } from '../worker/worker.js';
import { warnOfUnusedSdk } from './global-api.js';
import type { InstrumentOptions } from './options.js';

/** What the outputs are made of. */
export interface OutputParts {
  readonly options: InstrumentOptions;
  readonly environment: Environment;
  readonly identity: WorkerIdentity;
  readonly pending: PendingTracer;
  read(): Report;
}

const once = new Once();

/** Starts what the options and the environment ask for. The SDK is loaded here, and only if it is needed. */
export async function startOutputs(parts: OutputParts): Promise<Outputs> {
  const { options, environment } = parts;
  const { meterProvider, tracerProvider } = options;
  const ownMetrics = !meterProvider && !environment.disabled && environment.exports.METRICS;
  const ownSpans = !tracerProvider && !environment.disabled && environment.exports.TRACES;
  if (ownMetrics || ownSpans) {
    for (const complaint of environment.complaints) once.warn(complaint);
    warnOfUnusedSdk(environment);
  }
  const metrics = ownMetrics ? await ownMetricsOutput(parts) : await providedMetricsOutput(parts);
  // After the first report: spans can wait.
  const spans = ownSpans ? await ownSpansOutput(parts) : await providedSpansOutput(parts);
  return { ...(metrics && { metrics }), ...(spans && { spans }) };
}

async function ownMetricsOutput({ identity, environment, read }: OutputParts): Promise<MetricsOutput> {
  const { startMetrics } = await import('../otlp/metrics.js');
  return startMetrics(identity, environment, read);
}

async function providedMetricsOutput({ options, identity, read }: OutputParts) {
  if (!options.meterProvider) return undefined;
  const { provideMetrics } = await import('../otlp/provided.js');
  return provideMetrics(options.meterProvider, identity, read);
}

async function ownSpansOutput({ identity, environment, pending }: OutputParts): Promise<SpansOutput> {
  const { startSpans } = await import('../otlp/spans.js');
  return startSpans(identity, environment, pending);
}

async function providedSpansOutput({ options, pending }: OutputParts) {
  pending.discard();
  if (!options.tracerProvider) return undefined;
  const { provideSpans } = await import('../otlp/provided.js');
  return provideSpans(options.tracerProvider);
}

import type { Cadence } from './cadence.js';
import type { Environment } from './environment.js';
import { Datapoints } from './gauges.js';
import { sayHowTheSdkIsUsed } from './global-api.js';
import type { InstrumentOptions } from './options.js';
import type { Outputs, Told } from './outputs.js';
import type { PendingTracer } from './pending-tracer.js';
import { provideMetrics, provideSpans } from './provided.js';
import { say } from './say.js';
import type { Report, Totals, WorkerIdentity } from './worker.js';

/** What the outputs are made of. */
export interface OutputParts {
  readonly options: InstrumentOptions;
  readonly environment: Environment;
  readonly identity: WorkerIdentity;
  readonly cadence: Cadence;
  readonly pending: PendingTracer;
  read(): Report;
  /** Is given what each report of our own pipeline tells, before it is sent. */
  onReport(told: Told): void;
  /** What the sums were when the pool was first asked. */
  readonly countedBefore: Totals;
}

const complained = new Set<string>();

/** Starts what the options and the environment ask for. The SDK is loaded here, and only if it is needed. */
export async function startOutputs(parts: OutputParts): Promise<Outputs> {
  const { options, environment, identity, read, countedBefore } = parts;
  const datapoints = new Datapoints(identity);
  const { meterProvider, tracerProvider } = options;
  const ownMetrics = !meterProvider && !environment.disabled && environment.exports.METRICS;
  const ownSpans = !tracerProvider && !environment.disabled && environment.exports.TRACES;
  let metricsOutput =
    meterProvider && provideMetrics(meterProvider, datapoints, read, countedBefore, parts.cadence);
  let spansOutput = tracerProvider && provideSpans(tracerProvider);
  if (ownMetrics || ownSpans) {
    for (const complaint of environment.complaints) {
      if (!complained.has(complaint)) say(complaint);
      complained.add(complaint);
    }
    sayHowTheSdkIsUsed(environment);
    const otlp = await import('./otlp.js');
    const resource = otlp.workerResource(identity, environment.resource);
    if (ownMetrics) {
      metricsOutput = otlp.startMetrics(
        resource,
        environment,
        datapoints,
        read,
        countedBefore,
        parts.onReport,
      );
    }
    if (ownSpans) spansOutput = otlp.startSpans(resource, environment, parts.pending);
  }
  if (!ownSpans) parts.pending.discard();
  return { ...(metricsOutput && { metrics: metricsOutput }), ...(spansOutput && { spans: spansOutput }) };
}

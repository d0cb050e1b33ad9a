import type { MeterProvider, Tracer, TracerProvider } from '@opentelemetry/api';
import type { InMemoryMetricExporter } from '@opentelemetry/sdk-metrics';
import type { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { type Point, pointsOf } from './points.js';

// The same tests run against another line of the SDK, where these name it.
const METRICS = process.env.OPENRTC_TEST_SDK_METRICS ?? '@opentelemetry/sdk-metrics';
const TRACE = process.env.OPENRTC_TEST_SDK_TRACE ?? '@opentelemetry/sdk-trace-base';

const metrics: typeof import('@opentelemetry/sdk-metrics') = await import(/* @vite-ignore */ METRICS);
const trace = await import(/* @vite-ignore */ TRACE);

interface Lifecycle {
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** A meter provider that exports to memory, when it is flushed or at the interval. */
export function createMeterProvider(exportIntervalMillis = 60_000) {
  const exporter: InMemoryMetricExporter = new metrics.InMemoryMetricExporter(
    metrics.AggregationTemporality.CUMULATIVE,
  );
  const createReader = (to: InMemoryMetricExporter) =>
    new metrics.PeriodicExportingMetricReader({
      exporter: to,
      exportIntervalMillis,
      exportTimeoutMillis: Math.min(exportIntervalMillis, 30_000),
    });
  const provider: MeterProvider & Lifecycle = new metrics.MeterProvider({
    readers: [createReader(exporter)],
  });
  return { provider, exporter, reports: (): Point[][] => exporter.getMetrics().map(pointsOf) };
}

/** A meter provider with two readers that export to memory, as one beside a pull exporter has. */
export function createTwoReaders() {
  const exporters = [0, 1].map(
    () => new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE),
  );
  const provider: MeterProvider & Lifecycle = new metrics.MeterProvider({
    readers: exporters.map(
      (exporter) =>
        new metrics.PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis: 1_000,
          exportTimeoutMillis: 1_000,
        }),
    ),
  });
  return {
    provider,
    reports: (): Point[][] => exporters.flatMap((exporter) => exporter.getMetrics()).map(pointsOf),
  };
}

/** A tracer provider that exports to memory. */
export function createTracerProvider() {
  const exporter: InMemorySpanExporter = new trace.InMemorySpanExporter();
  // The next line of the SDK has renamed the provider and takes options where this one takes the exporter.
  const isNext = !('BasicTracerProvider' in trace);
  const Provider = isNext ? trace.TracerProvider : trace.BasicTracerProvider;
  const processor = new trace.SimpleSpanProcessor(isNext ? { exporter } : exporter);
  const provider: TracerProvider & Lifecycle & { getTracer(name: string): Tracer } = new Provider({
    spanProcessors: [processor],
  });
  return { provider, exporter };
}

// A worker's gauges and a tracer, written by hand on the SDK.
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const worker = { 'openrtc.pool.name': 'voice', 'openrtc.worker.id': 'w-1', 'openrtc.worker.version': 'v1' };
const resource = defaultResource().merge(
  resourceFromAttributes({ 'service.name': 'voice', 'service.version': 'v1', 'service.instance.id': 'w-1' }),
);
const startedAt = Date.now() / 1000;
const values = {
  'openrtc.active_sessions': () => 0,
  'openrtc.draining': () => 0,
  'openrtc.deployment_version': () => 1,
  'openrtc.dropped_sessions': () => 0,
  'openrtc.start_time': () => startedAt,
  'openrtc.report.interval': () => 15,
  'openrtc.drain.elapsed': () => 0,
};
const meters = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 15_000 }),
  ],
});
const meter = meters.getMeter('by-hand');
for (const [name, read] of Object.entries(values)) {
  meter.createObservableGauge(name).addCallback((result) => result.observe(read(), worker));
}
new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
void meters.forceFlush();
process.on('message', () => process.send?.(process.cpuUsage()));

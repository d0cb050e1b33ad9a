import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import { ProtobufTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SCOPE_NAME } from '../dist/attributes.js';
import { workerResource } from '../dist/otlp/resource.js';
import { startSpans } from '../dist/otlp/spans.js';
import { readEnvironment } from '../dist/worker/environment.js';
import { PendingTracer } from '../dist/worker/pending-tracer.js';
import { Sessions } from '../dist/worker/sessions.js';
import { noTotals } from '../dist/worker/worker.js';
import { identity } from './support.js';

/** @typedef {import('@opentelemetry/sdk-trace-base').ReadableSpan} ReadableSpan */
/** @typedef {{ sessions: Sessions, flush: () => Promise<void>, close: () => void }} Pipeline */

/** Of our pipeline, and so of both. */
const DELAY_MS = 200;

/** @param {import('../dist/worker/pending-tracer.js').SpanStarter} tracer */
const createSessions = (tracer) =>
  new Sessions({
    tracer,
    workerAttributes: identity.attributes,
    spanKind: undefined,
    spanAttributes: undefined,
    totals: noTotals(),
    onStart: () => {},
    onEnd: () => {},
    isResumed: () => false,
  });

/** Our pipeline of spans. @returns {Pipeline} */
export function createOurs() {
  const tracer = new PendingTracer();
  const { flush, close } = startSpans(identity, readEnvironment(), tracer);
  return { sessions: createSessions(tracer), flush: async () => void (await flush()), close };
}

/** The SDK's batch processor and OTLP exporter, with the delay of ours. @returns {Pipeline} */
export function createStock() {
  const type = { 'Content-Type': 'application/x-protobuf' };
  const options = convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', type);
  const delegate = createOtlpHttpExportDelegate(
    options,
    ProtobufTraceSerializer,
    'otlp_http_exporter',
    TraceExporterMetricsHelper,
    undefined,
  );
  /** @type {OTLPExporterBase<ReadableSpan[]>} */
  const exporter = new OTLPExporterBase(delegate);
  const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: DELAY_MS });
  const provider = new BasicTracerProvider({
    resource: workerResource(identity, {}),
    spanProcessors: [processor],
  });
  return {
    sessions: createSessions(provider.getTracer(SCOPE_NAME)),
    flush: () => provider.forceFlush(),
    close: () => void provider.shutdown(),
  };
}

import { context } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import { OTLPExporterError } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  type IExporterMetricsHelper,
  type ISerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  MetricsExporterMetricsHelper,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import type { Environment, Protocol, Signal } from './environment.js';

/** Why a batch did not arrive, and whether sending it again later can help. */
export interface Failure {
  readonly reason: string;
  readonly canRetry: boolean;
}

/** Sends one batch over OTLP/HTTP, with the exporters' retries, and tells the truth about its arrival. */
export interface Sender<Batch> {
  /** Where it goes, without credentials. */
  readonly url: string;
  /** Resolves to nothing when the batch arrived. Never rejects. */
  send(batch: Batch): Promise<Failure | undefined>;
}

interface Answer {
  readonly partialSuccess?: { readonly rejectedDataPoints?: number; readonly rejectedSpans?: number };
}

const TYPES: Record<Protocol, string> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
};

type Encodings<Batch> = Record<Protocol, ISerializer<Batch, Answer>>;

function createSender<Batch>(
  signal: Signal,
  encodings: Encodings<Batch>,
  helper: IExporterMetricsHelper<Batch>,
  environment: Environment,
  timeoutMillis = environment.timeoutMs[signal],
): Sender<Batch> {
  const protocol = environment.protocol[signal];
  const options = convertLegacyHttpOptions({ url: environment.url[signal], timeoutMillis }, signal, '', {
    'Content-Type': TYPES[protocol],
  });
  let refusal: string | undefined;
  const serializer: ISerializer<Batch, Answer> = {
    serializeRequest: (batch) => encodings[protocol].serializeRequest(batch),
    deserializeResponse: (body) => {
      refusal = refusalIn(body, encodings[protocol]);
      return {};
    },
  };
  const delegate = createOtlpHttpExportDelegate(options, serializer, 'otlp_http_exporter', helper, undefined);
  const { origin, pathname } = new URL(options.url);
  return {
    url: origin + pathname,
    send: (batch) =>
      new Promise<Failure | undefined>((resolve) => {
        // The exporter's own timeout starts anew with every byte that a trickling collector sends.
        const deadline = setTimeout(
          () => resolve({ reason: 'timed out', canRetry: true }),
          options.timeoutMillis,
        );
        const settle = ({ code, error }: ExportResult) => {
          clearTimeout(deadline);
          if (code !== ExportResultCode.SUCCESS) resolve(failureOf(error));
          else resolve(refusal === undefined ? undefined : { reason: refusal, canRetry: false });
          refusal = undefined;
        };
        // An instrumented http module would make a span of the app out of each report.
        context.with(suppressTracing(context.active()), () => delegate.export(batch, settle));
      }).catch((error: Error) => ({ reason: error.message, canRetry: false })),
  };
}

/** A 2xx answer can still say that nothing was stored, or come from something that is no collector. */
function refusalIn(
  body: Uint8Array,
  { deserializeResponse }: ISerializer<unknown, Answer>,
): string | undefined {
  if (String.fromCharCode(body[0] ?? 0) === '<') return 'the answer is a web page, not OTLP';
  if (body.length === 0) return undefined;
  try {
    const { rejectedDataPoints, rejectedSpans } = deserializeResponse(body).partialSuccess ?? {};
    const rejected = Number(rejectedDataPoints ?? rejectedSpans ?? 0);
    return rejected > 0 ? `the collector rejected ${rejected} items of the report` : undefined;
  } catch {
    // some backends answer in an encoding of their own; 2xx is their word for stored
    return undefined;
  }
}

function failureOf(error: Error | undefined): Failure {
  const code = error && 'code' in error ? error.code : undefined;
  const isRefused = error instanceof OTLPExporterError && typeof code === 'number';
  return {
    reason: isRefused ? `HTTP ${code}` : String(code ?? error?.message ?? 'unknown'),
    canRetry: !isRefused,
  };
}

export const createMetricsSender = (environment: Environment, timeoutMillis?: number) =>
  createSender(
    'METRICS',
    { 'http/protobuf': ProtobufMetricsSerializer, 'http/json': JsonMetricsSerializer },
    MetricsExporterMetricsHelper,
    environment,
    timeoutMillis,
  );

export const createSpansSender = (environment: Environment) =>
  createSender(
    'TRACES',
    { 'http/protobuf': ProtobufTraceSerializer, 'http/json': JsonTraceSerializer },
    TraceExporterMetricsHelper,
    environment,
  );

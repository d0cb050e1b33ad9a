import type { Agent } from 'node:http';
import { Socket } from 'node:net';
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
  /** Gives up what is under way. */
  close(): void;
}

interface Answer {
  readonly partialSuccess?: { readonly rejectedDataPoints?: number; readonly rejectedSpans?: number };
}

/** What is wrong with a 2xx answer of which no body was read. */
const CUT_OFF = 'the answer was cut off';

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
  let agent: Agent | undefined;
  const agentFactory = async (scheme: string) => {
    agent = unref(await options.agentFactory(scheme));
    return agent;
  };
  let refusal: string | undefined = CUT_OFF;
  const serializer: ISerializer<Batch, Answer> = {
    serializeRequest: (batch) => encodings[protocol].serializeRequest(batch),
    deserializeResponse: (body) => {
      refusal = refusalIn(body, encodings[protocol]);
      return {};
    },
  };
  const delegate = createOtlpHttpExportDelegate(
    { ...options, agentFactory },
    serializer,
    'otlp_http_exporter',
    helper,
    undefined,
  );
  const underWay = new Set<(failure: Failure) => void>();
  /** The transport's own timeout starts anew with every byte that a trickling collector sends. */
  const cut = (reason: string, finish: (failure: Failure) => void) => {
    agent?.destroy();
    finish({ reason, canRetry: true });
  };
  const { origin, pathname } = new URL(options.url);
  return {
    url: origin + pathname,
    send: (batch) =>
      new Promise<Failure | undefined>((resolve) => {
        const finish = (failure?: Failure) => {
          clearTimeout(deadline);
          underWay.delete(finish);
          resolve(failure);
        };
        const deadline = setTimeout(() => cut('timed out', finish), timeoutMillis).unref();
        underWay.add(finish);
        const settle = ({ code, error }: ExportResult) => {
          if (code !== ExportResultCode.SUCCESS) finish(failureOf(error));
          else finish(refusal === undefined ? undefined : { reason: refusal, canRetry: refusal === CUT_OFF });
          refusal = CUT_OFF;
        };
        // An instrumented http module would make a span of the app out of each report.
        context.with(suppressTracing(context.active()), () => delegate.export(batch, settle));
      }).catch((error: Error) => ({ reason: error.message, canRetry: false })),
    close: () => {
      for (const finish of underWay) cut('given up', finish);
    },
  };
}

/** A connection for reports does not keep the process alive, not even while a collector does not answer. */
function unref(agent: Agent): Agent {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => {
    const socket = connect(...args);
    if (socket instanceof Socket) socket.unref();
    return socket;
  };
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request);
    if (socket instanceof Socket) socket.unref();
  };
  return agent;
}

/** A 2xx answer can still say that nothing was stored, or come from something that is no collector. */
function refusalIn(
  body: Uint8Array,
  { deserializeResponse }: ISerializer<unknown, Answer>,
): string | undefined {
  const start = String.fromCharCode(...body.subarray(0, 64));
  if (/^\s*<(!doctype|!--|\?xml|html)/i.test(start)) return 'the answer is a web page, not OTLP';
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

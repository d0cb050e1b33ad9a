import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { convertLegacyHttpOptions } from '@opentelemetry/otlp-exporter-base/node-http';
import {
  type ISerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { count } from '../lib/format.js';
import { jittered } from '../lib/jitter.js';
import { redactUrl } from '../lib/redact.js';
import { unref } from '../lib/timer.js';
import { errorClass } from '../lib/warn.js';
import { type Environment, isHeader, type Protocol, type Signal } from '../worker/environment.js';
import { type Answer, post } from './http.js';
import { giveUpQuestions } from './lookup.js';

/** The specification's: too many requests, or a gateway without a server behind it. */
const RETRYABLE_STATUS = [429, 502, 503, 504];
/** The pause before the second attempt; it doubles up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

/** Why a batch did not arrive, and whether sending it again later can help. */
export interface Failure {
  readonly reason: string;
  readonly canRetry: boolean;
}

/** Sends batches over OTLP/HTTP, tries again within the timeout, and tells the truth about their arrival. */
export interface Sender<Batch> {
  /** Where they go, without what can be secret. */
  readonly url: string;
  /** Resolves to nothing when the batch arrived. Never rejects, and does not keep the process alive. */
  send(batch: Batch): Promise<Failure | undefined>;
  /** Ends the pauses between attempts. */
  hurry(): void;
  /** Gives up what is under way: nothing is sent any more, and no connection is kept. */
  close(): void;
}

const GIVEN_UP = 'given up';

interface PartialSuccess {
  readonly partialSuccess?: { readonly rejectedDataPoints?: number; readonly rejectedSpans?: number };
}

const TYPES: Record<Protocol, string> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
};

type Encodings<Batch> = Record<Protocol, ISerializer<Batch, PartialSuccess>>;

function createSender<Batch>(
  signal: Signal,
  encodings: Encodings<Batch>,
  environment: Environment,
  mostMillis: number,
): Sender<Batch> {
  const timeoutMillis = Math.min(environment.timeoutMs[signal], mostMillis);
  const protocol = environment.protocol[signal];
  const serializer = encodings[protocol];
  const url = new URL(environment.url[signal]);
  const options = convertLegacyHttpOptions({ url: url.href }, signal, '', {
    'Content-Type': TYPES[protocol],
    'User-Agent': `${SCOPE_NAME}/${SCOPE_VERSION}`,
  });
  const agent = options.agentFactory(url.protocol);
  const underWay = new Set<AbortController>();
  let hurry = new AbortController();
  let isClosed = false;

  const encode = async (batch: Batch) => {
    const body = serializer.serializeRequest(batch) ?? new Uint8Array();
    // With one that is wrong nothing is sent; the environment has been complained of.
    const given = Object.entries(await options.headers());
    const headers = Object.fromEntries(given.filter(([name, value]) => isHeader(name, value)));
    if (options.compression !== 'gzip') return { body, headers };
    const { gzip } = await import('node:zlib');
    return { body: await promisify(gzip)(body), headers: { ...headers, 'Content-Encoding': 'gzip' } };
  };

  const tryUntil = async (batch: Batch, until: AbortSignal): Promise<Failure | undefined> => {
    const deadline = performance.now() + timeoutMillis;
    const request = { url, agent: await agent, signal: until, ...(await encode(batch)) };
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const answer = await post(request).catch((error: Error) => error);
      if (until.aborted) return { reason: until.reason, canRetry: true };
      const failure = answer instanceof Error ? failureOf(answer) : failureIn(answer, serializer);
      if (!failure?.canRetry) return failure;
      // Never shorter than our own pause.
      const wait = jittered(Math.max(pause, answer instanceof Error ? 0 : retryAfterMs(answer)));
      if (performance.now() + wait > deadline) return failure;
      const signal = AbortSignal.any([until, hurry.signal]);
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {});
      if (until.aborted) return failure;
    }
  };

  return {
    url: redactUrl(url),
    send: async (batch) => {
      if (isClosed) return { reason: GIVEN_UP, canRetry: true };
      const trying = new AbortController();
      const deadline = unref(setTimeout(() => trying.abort('timed out'), timeoutMillis));
      underWay.add(trying);
      try {
        return await tryUntil(batch, trying.signal);
      } catch (error) {
        return { reason: errorClass(error), canRetry: false };
      } finally {
        clearTimeout(deadline);
        underWay.delete(trying);
      }
    },
    hurry: () => {
      hurry.abort();
      hurry = new AbortController();
    },
    close: () => {
      isClosed = true;
      for (const trying of underWay) trying.abort(GIVEN_UP);
      giveUpQuestions();
      Promise.resolve(agent).then(
        (kept) => kept.destroy(),
        () => {},
      );
    },
  };
}

/** A 2xx answer can still say that nothing was stored, or come from something that is no collector. */
function failureIn(
  { status, body }: Answer,
  { deserializeResponse }: ISerializer<unknown, PartialSuccess>,
): Failure | undefined {
  if (status < 200 || status > 299) {
    return { reason: `HTTP ${status}`, canRetry: RETRYABLE_STATUS.includes(status) };
  }
  const start = String.fromCharCode(...body.subarray(0, 64));
  // A protobuf answer begins with a line feed; a second byte that is `<` is the length of its message.
  if (/^\s*<[a-z!?]/i.test(start)) return { reason: 'the answer is a web page, not OTLP', canRetry: false };
  if (body.length === 0) return undefined;
  try {
    const { rejectedDataPoints, rejectedSpans } = deserializeResponse(body).partialSuccess ?? {};
    const rejected = Number(rejectedDataPoints ?? rejectedSpans ?? 0);
    if (!(rejected > 0)) return undefined;
    // Sent again at once, it would be rejected again, and the rest of it would count twice.
    return { reason: `the collector rejected ${count(rejected, 'item')} of the report`, canRetry: false };
  } catch {
    // some backends answer in an encoding of their own; 2xx is their word for stored
    return undefined;
  }
}

/** A connection that failed or broke off; nothing tells whether the batch was stored. */
function failureOf(error: NodeJS.ErrnoException): Failure {
  return { reason: error.code ?? errorClass(error), canRetry: true };
}

/** The seconds of `Retry-After`, in milliseconds; a date there is left to our own pauses. */
function retryAfterMs({ retryAfter = '' }: Answer): number {
  return /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : 0;
}

export const createMetricsSender = (environment: Environment, mostMillis = environment.exportTimeoutMs) =>
  createSender(
    'METRICS',
    { 'http/protobuf': ProtobufMetricsSerializer, 'http/json': JsonMetricsSerializer },
    environment,
    mostMillis,
  );

export const createSpansSender = (environment: Environment) =>
  createSender(
    'TRACES',
    { 'http/protobuf': ProtobufTraceSerializer, 'http/json': JsonTraceSerializer },
    environment,
    environment.batches.timeoutMs,
  );

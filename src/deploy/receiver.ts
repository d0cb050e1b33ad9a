import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect, promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { checkOptions, isFunction, type Rule, type Rules } from '../rules.js';
import { type FactsQuery, type FactsSource, SourceError, type WorkerFacts } from './facts.js';
import {
  decodeMetrics,
  decodeTraces,
  type MetricPoint,
  type OtlpContentType,
  OtlpDecodeError,
  type SpanRecord,
} from './otlp-decode.js';
import { WorkerTable } from './worker-table.js';

export interface ReceiverOptions {
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default 0, the system chooses */
  readonly port?: number;
  /** Gets the datapoints of every request, of workers or not. What it throws becomes a process warning. */
  onMetrics?(points: readonly MetricPoint[]): void;
  /** Gets the spans of every request. What it throws becomes a process warning. */
  onSpans?(spans: readonly SpanRecord[]): void;
  /**
   * The clock, in Unix ms.
   *
   * @default Date.now
   */
  now?(): number;
}

export interface Receiver extends FactsSource {
  /** What to put in `OTEL_EXPORTER_OTLP_ENDPOINT`, such as `http://127.0.0.1:4318`. */
  readonly url: string;
  /** From when on it knows everything, in Unix ms. Moves on when workers are forgotten. */
  readonly coveredSince: number;
  /**
   * One row for each worker that reported, in the order of their first reports. At most 20,000: beyond that the
   * oldest exited ones are forgotten, then those silent for the longest time.
   */
  workers(): WorkerFacts[];
  /** Stops at once; a request in flight is cut off. */
  close(): Promise<void>;
}

const isPort = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const CALLBACK: Rule = ['a function', isFunction];
const RULES: Rules<keyof ReceiverOptions> = {
  host: ['a host name or address', (value) => typeof value === 'string' && value !== ''],
  port: ['a port from 0 to 65535', isPort],
  onMetrics: CALLBACK,
  onSpans: CALLBACK,
  now: CALLBACK,
};

const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_INFLATED_BYTES = 16 * 1024 * 1024;

const SERVER_OPTIONS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  // Longer than the usual report intervals, or reports would race with the closing of their connection.
  keepAliveTimeout: 75_000,
};

/**
 * Starts an OTLP/HTTP server (`/v1/metrics` and `/v1/traces`, JSON and protobuf, gzip or not) that keeps a table of
 * the workers that report to it, in memory. It has no authentication: meant for one machine.
 *
 * @throws TypeError for an unknown or a wrong option.
 * @throws Error when it can not listen: the message names the address.
 */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  checkOptions(options, RULES);
  const { host = '127.0.0.1', port = 0, now = Date.now } = options;
  const server = createServer(SERVER_OPTIONS);
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Error(`The OTLP receiver can not listen on ${host}:${port}: ${reason}`, { cause: error });
  }
  // A connection that can not be accepted (too many open files) must not end the process.
  server.on('error', () => {});

  const table = new WorkerTable(now());
  const routes: Routes = new Map([
    [
      '/v1/metrics',
      (body, contentType) => {
        const points = decodeMetrics(body, contentType);
        table.add(points, now());
        void tell('onMetrics', () => options.onMetrics?.(points));
      },
    ],
    [
      '/v1/traces',
      (body, contentType) => {
        const spans = decodeTraces(body, contentType);
        void tell('onSpans', () => options.onSpans?.(spans));
      },
    ],
  ]);
  server.on('request', (request, response) => void answer(routes, request, response));

  const { address, family, port: boundPort } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${boundPort}`,
    get coveredSince() {
      return table.coveredSince;
    },
    workers: () => table.rows(),
    async pools(query = {}) {
      refusePast(query);
      return table.pools();
    },
    async read(query) {
      refusePast(query);
      return table.read(query, now());
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function refusePast({ at }: Pick<FactsQuery, 'at'>): void {
  if (at === undefined) return;
  throw new SourceError('a receiver knows only the present: ask a Prometheus for a past moment');
}

type Routes = ReadonlyMap<string, (body: Uint8Array, contentType: OtlpContentType) => void>;

class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
  }
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const contentType = await receive(routes, request);
    response.writeHead(200, { 'content-type': contentType });
    response.end(contentType === 'application/json' ? '{}' : undefined);
  } catch (error) {
    const { status, headers } =
      error instanceof HttpError
        ? error
        : { status: error instanceof OtlpDecodeError ? 400 : 500, headers: {} };
    response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
    response.end(error instanceof Error ? error.message : 'error');
  }
}

async function receive(routes: Routes, request: IncomingMessage): Promise<OtlpContentType> {
  const take = routes.get(request.url?.split('?')[0] ?? '');
  if (!take) throw new HttpError(404, `not found: use ${[...routes.keys()].join(' or ')}`);
  if (request.method !== 'POST') throw new HttpError(405, 'use POST', { allow: 'POST' });

  const contentType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (contentType !== 'application/x-protobuf' && contentType !== 'application/json') {
    throw new HttpError(415, 'use content-type application/x-protobuf or application/json');
  }
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'gzip' && encoding !== 'identity') {
    throw new HttpError(415, 'use content-encoding gzip or identity', {
      'accept-encoding': 'gzip, identity',
    });
  }
  const body = await read(request);
  take(encoding === 'gzip' ? await inflate(body) : body, contentType);
  return contentType;
}

/** Reads to the end even when it keeps nothing: a sender that is cut off never sees the answer. */
async function read(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) throw new HttpError(413, `body larger than ${MAX_BODY_BYTES} bytes`);
  return Buffer.concat(chunks);
}

async function inflate(body: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(body, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new HttpError(413, `body inflates to more than ${MAX_INFLATED_BYTES} bytes`);
    }
    throw new HttpError(400, 'body is not gzip');
  }
}

/** Async, so that the promise of an async callback is caught too. */
async function tell(name: string, callback: () => void): Promise<void> {
  try {
    await callback();
  } catch (error) {
    process.emitWarning(`The OTLP receiver's ${name} threw: ${inspect(error)}`);
  }
}

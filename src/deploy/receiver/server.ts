import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type OtlpContentType, OtlpDecodeError, OtlpTooLargeError } from './message.js';

/** Takes in a body; throws when it cannot. */
export type Take = (body: Uint8Array, contentType: OtlpContentType) => void;

/** By the path that bodies are posted to; undefined where they are read and dropped. */
type Routes = ReadonlyMap<string, Take | undefined>;

const MIB = 1024 * 1024;

/** What one server takes. Nobody who can reach it can make it use much more memory, or wait for long. */
export const LIMITS = {
  /** One body, as sent. */
  bodyBytes: 4 * MIB,
  /** One body, inflated. */
  inflatedBytes: 16 * MIB,
  /** The bodies of all requests that are not whole yet. They take twice as much memory at most. */
  waitingBytes: 64 * MIB,
  /** Each of 20,000 workers keeps one open between its reports. */
  connections: 22_000,
  headerBytes: 8 * 1024,
  headersMs: 5_000,
  requestMs: 10_000,
  /** Longer than the usual report intervals, or reports would race with the closing of their connection. */
  idleMs: 75_000,
  checkEveryMs: 1_000,
};

/** An OTLP/HTTP server that does not listen yet: JSON and protobuf, gzip or not. */
export function createOtlpServer(routes: Routes, limits = LIMITS): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkEveryMs,
  });
  server.maxConnections = limits.connections;
  const reader = new BodyReader(limits);
  server.on('request', async (request, response) => {
    try {
      const contentType = await receive(request, routes, reader);
      response.writeHead(200, { 'content-type': contentType });
      response.end(contentType === 'application/json' ? '{}' : undefined);
    } catch (error) {
      const { status, headers, message } = asHttpError(error);
      response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
      response.end(message);
    }
  });
  return server;
}

class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
  }
}

function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  const message = error instanceof Error ? error.message : 'error';
  if (error instanceof OtlpTooLargeError) return new HttpError(413, message);
  return new HttpError(error instanceof OtlpDecodeError ? 400 : 500, message);
}

async function receive(
  request: IncomingMessage,
  routes: Routes,
  reader: BodyReader,
): Promise<OtlpContentType> {
  const path = request.url?.split('?')[0] ?? '';
  if (!routes.has(path)) throw new HttpError(404, `not found: use ${[...routes.keys()].join(' or ')}`);
  if (request.method !== 'POST') throw new HttpError(405, 'use POST', { allow: 'POST' });
  // No worker sends one. A web page does, which can reach loopback where its own name is made to point there.
  if (request.headers.origin !== undefined) throw new HttpError(403, 'not for web pages');

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
  const body = await reader.read(request);
  routes.get(path)?.(encoding === 'gzip' ? reader.inflate(body) : body, contentType);
  return contentType;
}

/** Reads bodies, within limits over all of them. */
class BodyReader {
  readonly #limits: typeof LIMITS;
  #waitingBytes = 0;

  constructor(limits: typeof LIMITS) {
    this.#limits = limits;
  }

  /** Reads to the end even when it keeps nothing: a sender that is cut off never sees the response. */
  async read(request: IncomingMessage): Promise<Uint8Array> {
    // Copied together as it comes: kept one by one, chunks of a byte would take a hundred times their size.
    let body = Buffer.alloc(0);
    let bytes = 0;
    let refusal: HttpError | undefined;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        refusal ??= this.#refusal(bytes, chunk.length);
        if (refusal) {
          this.#waitingBytes -= bytes;
          body = Buffer.alloc(0);
          bytes = 0;
          continue;
        }
        if (bytes + chunk.length > body.length) body = grown(body, bytes + chunk.length);
        bytes += chunk.copy(body, bytes);
        this.#waitingBytes += chunk.length;
      }
    } finally {
      this.#waitingBytes -= bytes;
    }
    if (refusal) throw refusal;
    return body.subarray(0, bytes);
  }

  /** At once and not in a thread: so only one body at a time is in memory inflated. */
  inflate(body: Uint8Array): Uint8Array {
    const { inflatedBytes } = this.#limits;
    try {
      return gunzipSync(body, { maxOutputLength: inflatedBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        throw new HttpError(413, `body inflates to more than ${inflatedBytes} bytes`);
      }
      throw new HttpError(400, 'body is not gzip');
    }
  }

  #refusal(bytes: number, more: number): HttpError | undefined {
    const { bodyBytes, waitingBytes } = this.#limits;
    if (bytes + more > bodyBytes) return new HttpError(413, `body larger than ${bodyBytes} bytes`);
    if (this.#waitingBytes + more > waitingBytes) {
      return new HttpError(503, 'too many large bodies at once', { 'retry-after': '1' });
    }
    return undefined;
  }
}

function grown(buffer: Buffer, bytes: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * buffer.length));
  buffer.copy(larger);
  return larger;
}

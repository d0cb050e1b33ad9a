import type { Agent } from 'node:http';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { lookup } from './lookup.js';

/** An answer is a few bytes; what comes beyond this is not kept. */
const MOST_KEPT_BYTES = 65_536;

export interface Request {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

/**
 * Posts a body and reads the whole answer. Rejects where the connection fails or the answer is cut off: always when
 * the connection is closed. The connection does not keep the process alive, not even while a collector does not answer.
 */
export async function post({ url, body, ...options }: Request): Promise<Answer> {
  // Not loaded earlier, so that an instrumentation can still patch them for the app.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    // An instrumented http module would make a span of the app out of each report.
    const sending = context.with(suppressTracing(context.active()), () =>
      request(url, { ...options, lookup, method: 'POST' }),
    );
    sending.on('socket', (socket) => socket.unref());
    sending.on('error', reject);
    // Some ends have no error, as that of a connection that was upgraded.
    sending.on('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    sending.on('response', (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes <= MOST_KEPT_BYTES) chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, retryAfter: headers['retry-after'], body: Buffer.concat(chunks) });
      });
    });
    sending.end(body);
  });
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { decodeTraces } from './decode-traces.js';

/** Takes OTLP and keeps the spans: the receiver of this package drops them. */
export class SpanSink {
  /** @type {import('./decode-traces.js').SpanRecord[]} */
  spans = [];
  #server = createServer(async (request, response) => {
    const raw = await buffer(request);
    const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
    if (request.url === '/v1/traces') {
      this.spans.push(...decodeTraces(encoding === 'gzip' ? gunzipSync(raw) : raw, type));
    }
    response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : undefined);
  });

  static async open() {
    const sink = new SpanSink();
    await once(sink.#server.listen(0, '127.0.0.1'), 'listening');
    return sink;
  }

  /** What to put in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url() {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async [Symbol.asyncDispose]() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

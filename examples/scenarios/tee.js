import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** Stands between workers and sinks: hands each OTLP request on to every sink. Can be shut for an outage. */
export class Tee {
  /** Base URLs. @type {Set<string>} */
  #sinks = new Set();
  #server = createServer((request, response) => void this.#handOn(request, response));
  #port = 0;

  /** What to put in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the same port each time. */
  async open() {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address && typeof address === 'object') this.#port = address.port;
  }

  /** Connections are refused from now on, and those that are there break. */
  async shut() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** @param {string} url An OTLP endpoint. */
  add(url) {
    this.#sinks.add(url);
  }

  /** @param {string} url */
  remove(url) {
    this.#sinks.delete(url);
  }

  /**
   * The worst answer of a sink is the answer.
   * @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response
   */
  async #handOn(request, response) {
    try {
      const body = new Uint8Array(await buffer(request));
      const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
      const headers = { 'content-type': type, ...(encoding && { 'content-encoding': encoding }) };
      const statuses = await Promise.all(
        Array.from(this.#sinks, (sink) => post(`${sink}${request.url}`, headers, body)),
      );
      response.writeHead(Math.max(200, ...statuses), { 'content-type': type }).end();
    } catch {
      response.destroy();
    }
  }
}

/**
 * The status of the answer; 503 when there is none.
 * @param {string} url @param {Record<string, string>} headers @param {Uint8Array<ArrayBuffer>} body
 */
async function post(url, headers, body) {
  try {
    const answer = await fetch(url, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    return answer.ok ? 200 : answer.status;
  } catch {
    return 503;
  }
}

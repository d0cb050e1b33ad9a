import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** Stands between workers and sinks: hands each OTLP request on to every sink. Can be shut for an outage. */
export class Tee {
  /** By base URL, whether it takes what comes for a path. @type {Map<string, (path: string) => boolean>} */
  #sinks = new Map();
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

  /** @param {string} url An OTLP endpoint. @param {(path: string) => boolean} [takes] Of which paths; all unless told. */
  add(url, takes = () => true) {
    this.#sinks.set(url, takes);
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
      const { url: path = '' } = request;
      const sinks = [...this.#sinks].filter(([, takes]) => takes(path));
      const statuses = await Promise.all(sinks.map(([sink]) => post(`${sink}${path}`, headers, body)));
      await this.answer(response, Math.max(200, ...statuses), type);
    } catch {
      response.destroy();
    }
  }

  /** @param {import('node:http').ServerResponse} response @param {number} status @param {string} type */
  async answer(response, status, type) {
    response.writeHead(status, { 'content-type': type }).end();
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

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import {
  type MetricPoint,
  type Receiver,
  startReceiver,
  type WorkerFacts,
} from '../../../src/deploy/index.js';
import { decodeMetrics } from '../../../src/deploy/receiver/decode.js';
import type { OtlpContentType } from '../../../src/deploy/receiver/message.js';
import { decodeTraces, type SpanRecord } from '../../support/decode-traces.js';

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it was before compression. */
  readonly body: Buffer;
}

/** Answers a request in place of the receiver, or hands it on to it late. */
export type Fault = (response: ServerResponse, request: Request, handOn: () => Promise<void>) => unknown;

const isOfGoodbye = (points: readonly MetricPoint[]) =>
  points.some(({ name, value }) => name === 'openrtc.deployment_version' && value === 0);

export const isGoodbye = ({ path, headers, body }: Request) =>
  path.endsWith('/metrics') && isOfGoodbye(decodeMetrics(body, headers['content-type'] as OtlpContentType));

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** The receiver of this package behind a door that keeps what goes through, and that a test can have misbehave. */
export class Backend implements AsyncDisposable {
  readonly requests: Request[] = [];
  /** The datapoints of each request that the receiver took, the oldest first. */
  readonly reports: MetricPoint[][] = [];
  readonly spans: SpanRecord[] = [];
  fault: Fault | undefined;
  #receiver: Receiver | undefined;
  #door;
  #port = 0;
  readonly #scheme: string;

  private constructor(identity?: Identity) {
    this.#scheme = identity ? 'https' : 'http';
    const enter = (request: IncomingMessage, response: ServerResponse) => void this.#enter(request, response);
    this.#door = identity ? createTlsServer(identity, enter) : createServer(enter);
  }

  static async start(identity?: Identity): Promise<Backend> {
    const backend = new Backend(identity);
    backend.#receiver = await startReceiver({
      onMetrics: (points) => void backend.reports.push([...points]),
    });
    await backend.open();
    return backend;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`;
  }

  get workers(): WorkerFacts[] {
    return this.#receiver?.workers() ?? [];
  }

  /** The one worker that reported; undefined before its first report. */
  get worker(): WorkerFacts | undefined {
    if (this.workers.length > 1) throw new Error(`expected one worker, got ${this.workers.length}`);
    return this.workers[0];
  }

  get goodbyes(): MetricPoint[][] {
    return this.reports.filter(isOfGoodbye);
  }

  /** Listens, on the same port each time. */
  async open(): Promise<void> {
    this.#door.listen(this.#port, '127.0.0.1');
    await once(this.#door, 'listening');
    this.#port = (this.#door.address() as AddressInfo).port;
  }

  /** Connections are refused from now on, and those that are there break. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#door.close(resolve));
    this.#door.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#receiver?.close();
  }

  async #enter(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const raw = await buffer(incoming);
      const { url: path = '', headers } = incoming;
      const body = headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const request = { path, headers, body };
      this.requests.push(request);
      const handOn = () => this.#handOn(request, raw, response);
      await (this.fault ? this.fault(response, request, handOn) : handOn());
    } catch {
      response.destroy();
    }
  }

  async #handOn({ path, headers, body }: Request, raw: Buffer, response: ServerResponse): Promise<void> {
    const answer = await fetch(`${this.#receiver?.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': headers['content-type'] ?? '',
        'content-encoding': headers['content-encoding'] ?? 'identity',
      },
      body: new Uint8Array(raw),
    });
    if (path === '/v1/traces' && answer.ok) {
      this.spans.push(...decodeTraces(body, headers['content-type'] ?? ''));
    }
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(new Uint8Array(await answer.arrayBuffer()));
  }
}

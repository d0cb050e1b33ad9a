import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { decodeMetrics, type MetricPoint } from '../../../src/deploy/receiver/decode.js';

/** A request for metrics, and what it was answered with. */
interface Passage {
  readonly points: readonly MetricPoint[];
  readonly status: number;
}

/** Stands before a backend that takes OTLP, and answers 503 in its place where a test says so. */
export class Door implements AsyncDisposable {
  readonly passages: Passage[] = [];
  /** Whether a request is refused. */
  refuses: (points: readonly MetricPoint[]) => boolean = () => false;
  readonly #backend: string;
  readonly #server = createServer(async (request, response) => {
    const body = await buffer(request);
    const isZipped = request.headers['content-encoding'] === 'gzip';
    const points = decodeMetrics(isZipped ? gunzipSync(body) : body, 'application/x-protobuf');
    const handOn = () => this.#handOn(request.url ?? '', body, isZipped).catch(() => 503);
    const status = this.refuses(points) ? 503 : await handOn();
    this.passages.push({ points, status });
    response.writeHead(status).end();
  });

  private constructor(backend: string) {
    this.#backend = backend;
  }

  /** @param backend - The OTLP endpoint behind it. */
  static async open(backend: string): Promise<Door> {
    const door = new Door(backend);
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    return door;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The answers to the requests that hold such a datapoint. */
  answersTo(holds: (point: MetricPoint) => boolean): number[] {
    return this.passages.filter(({ points }) => points.some(holds)).map(({ status }) => status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handOn(path: string, body: Buffer, isZipped: boolean): Promise<number> {
    const answer = await fetch(`${this.#backend}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-protobuf',
        ...(isZipped && { 'content-encoding': 'gzip' }),
      },
      body: new Uint8Array(body),
    });
    await answer.arrayBuffer();
    return answer.status;
  }
}

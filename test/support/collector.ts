import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import type { Attributes } from '@opentelemetry/api';
import type { Point } from './points.js';

/** What a request is answered with: 200 and an empty answer, at once, where left out. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly delayMs?: number;
}

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

export interface WireSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Attributes;
  readonly statusCode: number | undefined;
}

type KeyValues = ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>;

interface WirePoint {
  readonly attributes: KeyValues;
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

interface WireMetric {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly gauge?: { readonly dataPoints: WirePoint[] };
  readonly sum?: { readonly dataPoints: WirePoint[] };
}

interface WireSpanJson extends Omit<WireSpan, 'attributes' | 'statusCode'> {
  readonly attributes: KeyValues;
  readonly status?: { readonly code?: number };
}

interface Body {
  readonly resourceMetrics?: Array<{
    readonly resource: { readonly attributes: KeyValues };
    readonly scopeMetrics: Array<{ readonly metrics: WireMetric[] }>;
  }>;
  readonly resourceSpans?: Array<{ readonly scopeSpans: Array<{ readonly spans: WireSpanJson[] }> }>;
}

/** A collector that takes OTLP/HTTP in JSON, on a port of its own. */
export class Collector {
  readonly requests: Request[] = [];
  /** A test sets it to have a request answered badly. */
  answer: (path: string) => Answer = () => ({});
  readonly #server: Server;

  private constructor() {
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const path = request.url ?? '';
      const isZipped = request.headers['content-encoding'] === 'gzip';
      const body = (await json(isZipped ? request.pipe(createGunzip()) : request)) as Body;
      const { status = 200, headers = {}, body: text = '{}', delayMs = 0 } = this.answer(path);
      this.requests.push({ path, headers: request.headers, body });
      if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    };
    // What is no JSON is a request of somebody else.
    this.#server = createServer((request, response) => {
      answer(request, response).catch(() => response.writeHead(400).end());
    });
    // Whoever does not need a connection any more closes it.
    this.#server.keepAliveTimeout = 600_000;
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections are open. */
  connections(): Promise<number> {
    return promisify<number>((done) => this.#server.getConnections(done))();
  }

  /** The datapoints of each request for metrics, the oldest first. */
  get reports(): Point[][] {
    return this.requests
      .filter(({ body }) => body.resourceMetrics)
      .map(({ body }) =>
        (body.resourceMetrics ?? [])
          .flatMap(({ scopeMetrics }) => scopeMetrics)
          .flatMap(({ metrics }) => metrics)
          .flatMap(pointsOf),
      );
  }

  /** The resource of the last request for metrics. */
  get resource(): Attributes | undefined {
    const resources = this.requests.flatMap(({ body }) => body.resourceMetrics ?? []);
    const { resource } = resources.at(-1) ?? {};
    return resource && attributesOf(resource.attributes);
  }

  get spans(): WireSpan[] {
    return this.requests
      .flatMap(({ body }) => body.resourceSpans ?? [])
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
      .map(({ name, kind, traceId, spanId, parentSpanId, attributes, status }) => ({
        name,
        kind,
        traceId,
        spanId,
        parentSpanId,
        attributes: attributesOf(attributes),
        statusCode: status?.code,
      }));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function pointsOf({ name, unit, description, gauge, sum }: WireMetric): Point[] {
  return (gauge ?? sum ?? { dataPoints: [] }).dataPoints.map((point) => ({
    name,
    unit,
    description,
    kind: sum ? 'counter' : 'gauge',
    attributes: attributesOf(point.attributes),
    value: Number(point.asInt ?? point.asDouble),
    startTime: Number(point.startTimeUnixNano) / 1e6,
    time: Number(point.timeUnixNano) / 1e6,
  }));
}

function attributesOf(pairs: KeyValues): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]])) as Attributes;
}

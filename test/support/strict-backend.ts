import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Writer } from 'protobufjs/minimal.js';
import { decodeMetrics, type MetricPoint } from '../../src/deploy/receiver/decode.js';
import { type OtlpContentType, OtlpDecodeError } from '../../src/deploy/receiver/message.js';
import { decodeTraces, type SpanRecord } from './decode-traces.js';
import type { SignalRules, Vendor } from './vendors.js';

interface Refusal {
  readonly status: number;
  readonly reason: string;
}

class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}

const refuse = (status: number, reason: string): never => {
  throw new Refused({ status, reason });
};

/** Answers as a vendor documents, on loopback: takes what that takes and refuses the rest. */
export class StrictBackend implements AsyncDisposable {
  /** What it took. */
  readonly points: MetricPoint[] = [];
  readonly spans: SpanRecord[] = [];
  readonly refusals: Refusal[] = [];
  /** The bytes of each request for metrics that it took, before compression, and how many datapoints are in them. */
  readonly sizes: { readonly bytes: number; readonly points: number }[] = [];
  readonly #vendor: Vendor;
  readonly #server = createServer(async (request, response) => {
    const body = await buffer(request);
    try {
      this.#take(request.url ?? '', request.headers, body, response);
    } catch (error) {
      const refusal =
        error instanceof Refused
          ? error.refusal
          : { status: error instanceof OtlpDecodeError ? 400 : 500, reason: String(error) };
      this.refusals.push(refusal);
      response.writeHead(refusal.status).end(refusal.reason);
    }
  });

  private constructor(vendor: Vendor) {
    this.#vendor = vendor;
  }

  static async start(vendor: Vendor): Promise<StrictBackend> {
    const backend = new StrictBackend(vendor);
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    return backend;
  }

  /** Its origin; the vendor's paths come after it. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(path: string, headers: IncomingHttpHeaders, sent: Buffer, response: ServerResponse): void {
    const { metrics, traces, authorized } = this.#vendor;
    const rules =
      path === metrics.path ? metrics : path === traces.path ? traces : refuse(404, `no such path: ${path}`);
    const [unauthorized, isAuthorized] = authorized;
    if (!isAuthorized(headers)) refuse(unauthorized, 'no key');
    const contentType = headers['content-type'] as OtlpContentType;
    if (!rules.contentTypes.includes(contentType)) refuse(415, `unsupported content type: ${contentType}`);
    const body = inflate(sent, headers, rules);
    if (rules === traces) {
      this.spans.push(...decodeTraces(body, contentType));
      response.writeHead(rules.success, { 'content-type': contentType }).end();
      return;
    }
    const points = decodeMetrics(body, contentType);
    if (points.length > metrics.mostPoints) refuse(413, `more than ${metrics.mostPoints} datapoints`);
    const rejected = points.filter((point) => metrics.rejects(point) !== undefined);
    const [first] = rejected;
    const reason = first && `${first.name}: ${metrics.rejects(first)}`;
    if (reason !== undefined && !metrics.takesTheRest) refuse(400, reason);
    this.points.push(...points.filter((point) => !rejected.includes(point)));
    this.sizes.push({ bytes: body.length, points: points.length });
    if (reason !== undefined) this.refusals.push({ status: 200, reason });
    response
      .writeHead(rules.success, { 'content-type': contentType })
      .end(reason === undefined ? undefined : partialSuccess(rejected.length, reason));
  }
}

function inflate(
  sent: Buffer,
  headers: IncomingHttpHeaders,
  { mostBytes, mostInflated }: SignalRules,
): Buffer {
  const isZipped = headers['content-encoding'] === 'gzip';
  const body = isZipped ? gunzipSync(sent) : sent;
  const most = isZipped ? mostInflated : mostBytes;
  if (body.length > most) refuse(413, `more than ${most} bytes`);
  return body;
}

/** An ExportMetricsServiceResponse: so many datapoints were not stored. */
function partialSuccess(rejected: number, reason: string): Uint8Array {
  const [partial, count, message] = [0x0a, 0x08, 0x12];
  const inner = Writer.create().uint32(count).int64(rejected).uint32(message).string(reason);
  return Writer.create().uint32(partial).bytes(inner.finish()).finish();
}

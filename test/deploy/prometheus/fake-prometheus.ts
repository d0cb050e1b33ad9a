import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parser } from '@prometheus-io/lezer-promql';

/** A value that the fake knows: the labels of its series, and what it is called. */
export interface Known {
  readonly fact: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Asked {
  readonly query: string;
  readonly parameters: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

/**
 * The instant queries of the Prometheus HTTP API, as strict as the real one about the request and its PromQL. It can not
 * evaluate: it answers with what it knows under the names that a query tags its values with.
 */
export class FakePrometheus implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Unix ms. */
  now = Date.now();
  known: readonly Known[] = [];
  /** What other expressions give. */
  readonly values = new Map<string, number>();
  /** How long each answer takes. */
  delayMs = 0;
  /** Answers in place of the API, except where it gives false. */
  fault: ((response: ServerResponse) => unknown) | undefined;
  readonly #server;
  readonly #path: string;
  #port = 0;

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @param path - The path that the API is under, such as `/prometheus`. */
  static async start(path = ''): Promise<FakePrometheus> {
    const fake = new FakePrometheus(path);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    fake.#port = (fake.#server.address() as AddressInfo).port;
    return fake;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `http://${this.host}${this.#path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const parameters = new URLSearchParams(await text(request));
    const asked = { query: parameters.get('query') ?? '', parameters, headers: request.headers };
    this.asked.push(asked);
    await sleep(this.delayMs);
    if (this.fault && this.fault(response) !== false) return;
    if (pathname !== `${this.#path}/api/v1/query`) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
      return;
    }
    const wrong = wrongIn(request, parameters);
    if (wrong === undefined) succeed(response, this.#vector(asked), this.now);
    else answerJson(response, 400, { status: 'error', errorType: 'bad_data', error: wrong });
  }

  #vector({ query, parameters }: Asked) {
    const seconds = Number(parameters.get('time') ?? this.now / 1000);
    const value = this.values.get(query);
    if (value !== undefined) return [{ metric: {}, value: [seconds, String(value)] }];
    const tags = Array.from(query.matchAll(/"fact", "([\w-]+)", "", ""\)/g), ([, tag]) => tag);
    return this.known
      .filter(({ fact }) => tags.includes(fact))
      .map(({ fact, labels, value }) => ({ metric: { ...labels, fact }, value: [seconds, String(value)] }));
  }
}

/** A successful answer at a moment, in Unix ms. */
export function succeed(response: ServerResponse, result: unknown, now: number, more: object = {}): void {
  response.setHeader('date', new Date(now).toUTCString());
  answerJson(response, 200, { status: 'success', data: { resultType: 'vector', result }, ...more });
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function wrongIn({ method, headers }: IncomingMessage, parameters: URLSearchParams): string | undefined {
  if (method !== 'POST') return 'use POST';
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return 'send a form';
  const time = parameters.get('time');
  if (time !== null && !/^\d+(\.\d{1,3})?$/.test(time)) return 'invalid parameter "time"';
  if (!/^\d+ms$/.test(parameters.get('timeout') ?? '')) return 'invalid parameter "timeout"';
  return parseError(parameters.get('query') ?? '');
}

/** What is wrong with a PromQL expression. */
export function parseError(query: string): string | undefined {
  let error: string | undefined = query === '' ? 'no expression found in input' : undefined;
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) error ??= `parse error at ${from}: unexpected "${query.slice(from, to)}" in ${query}`;
    },
  });
  return error;
}

import { setMaxListeners } from 'node:events';
import { jittered } from '../../lib/jitter.js';
import { redactUrl, UNSEEN } from '../../lib/redact.js';
import { isRecord } from '../../lib/validate.js';
import { SourceError } from '../facts.js';
import { MOST_MEBIBYTES, type PlainResponse, postTwice, retryAfter, TooLargeError } from './request.js';

/** One value of a result. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** Not a number, or without an end, where an expression gives that. */
  readonly value: number;
}

/** What an instant query gives. */
export interface QueryResult {
  /**
   * The moment that it is about, in Unix ms by the clock of Prometheus. Without samples it is that of the response, to
   * the second, where the server names it.
   */
  readonly at: number | undefined;
  readonly samples: readonly Sample[];
}

interface ApiOptions {
  /** Without credentials. */
  readonly url: URL;
  readonly headers: Headers;
  readonly timeoutMs: number;
}

/**
 * Asked of every server; one that does not know them ignores them. Thanos and VictoriaMetrics would answer without the
 * workers of a store that is down, Thanos with the values of one replica where another has the goodbye, VictoriaMetrics
 * with the picture of 30 s ago, and Prometheus and Thanos can be set up to look back for less than the usual time.
 */
const WHOLE_AND_FRESH = {
  partial_response: 'false',
  dedup: 'false',
  deny_partial_response: '1',
  nocache: '1',
  lookback_delta: '5m',
};

/** What Thanos warns of where a range begins before its oldest data. */
const NO_DATA_SO_OLD = 'No StoreAPIs matched';

const LONGEST_REASON = 300;
/** A server that does not want to be asked for longer is asked all the same. */
const LONGEST_REST_MS = 60_000;

/** The HTTP API of a Prometheus, or of what speaks like one. */
export class PrometheusApi {
  readonly #url: URL;
  readonly #headers: Headers;
  readonly #timeoutMs: number;
  readonly #closed = closing();
  #restUntil = 0;
  /** How the server is called in messages: an address without what can be secret. */
  readonly name: string;

  constructor({ url, headers, timeoutMs }: ApiOptions) {
    const path = url.pathname.replace(/\/+$/, '');
    this.name = redactUrl(url).replace(/\/+$/, '');
    this.#url = new URL(url);
    this.#url.pathname = `${path}/api/v1/query`;
    this.#headers = headers;
    this.#timeoutMs = timeoutMs;
  }

  /** For how long it wants to be left alone, in ms. */
  get restMs(): number {
    return Math.max(0, this.#restUntil - performance.now());
  }

  /** Ends what is under way. */
  close(): void {
    this.#closed.abort();
  }

  /**
   * Evaluates an expression that gives a vector. A request that fails is sent once more.
   *
   * @param at - In Unix ms; now by the clock of Prometheus when not given.
   * @throws SourceError - The message is for the operator and holds neither header values nor credentials.
   */
  async query(expression: string, at?: number): Promise<QueryResult> {
    const response = await this.#post(expression, at);
    const body = parse(response.text);
    const problem = this.#problemOf(response, body);
    if (problem !== undefined) throw this.sourceError(problem);
    return this.#vector(body, Date.parse(response.headers.get('date') ?? ''));
  }

  #problemOf({ status, statusText, headers, text }: PlainResponse, body: Body): string | undefined {
    if (status >= 300 && status < 400) return `it redirects to ${this.#shown(headers.get('location') ?? '')}`;
    if (status === 401 || status === 403) {
      return `it refuses access (${status}): a token, a tenant or a password is missing or wrong`;
    }
    if (headers.get('content-type')?.includes('text/html') || /^\s*</.test(text)) {
      return `it answers with a web page (${status}): give the base URL of the Prometheus API`;
    }
    if (body.status === 'error') return `it cannot answer: ${body.error}`;
    if (status === 404) return 'there is no Prometheus API (404): give the base URL, without /api/v1';
    if (status !== 200) return `it answers ${status} ${statusText}`;
    return body.status === 'success' ? undefined : 'what it answers is no JSON of the Prometheus API';
  }

  #vector({ data, isPartial, warnings }: Body, date: number): QueryResult {
    const all: unknown[] = Array.isArray(warnings) ? warnings : [];
    const warning = all.find((text) => !String(text).includes(NO_DATA_SO_OLD));
    if (isPartial || warning !== undefined) {
      throw this.sourceError(`its answer is not whole: ${warning ?? 'a store is down'}`);
    }
    const result: unknown = isRecord(data) ? data.result : undefined;
    if (!Array.isArray(result) || !result.every(isElement)) throw this.sourceError('its answer is no vector');
    const [first] = result;
    return {
      at: first ? Math.round(first.value[0] * 1000) : Number.isNaN(date) ? undefined : date,
      samples: result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) })),
    };
  }

  async #post(expression: string, at: number | undefined): Promise<PlainResponse> {
    const timeout = `${this.#timeoutMs}ms`;
    const body = new URLSearchParams({
      query: expression,
      timeout,
      ...(at !== undefined && { time: (at / 1000).toFixed(3) }),
      ...WHOLE_AND_FRESH,
    });
    try {
      const response = await postTwice(
        this.#url,
        { headers: this.#headers, body },
        { timeoutMs: this.#timeoutMs, closed: this.#closed.signal },
      );
      if (response.status !== 200) {
        const restMs = Math.min(retryAfter(response.headers), LONGEST_REST_MS);
        this.#restUntil = performance.now() + jittered(restMs);
      }
      return response;
    } catch (error) {
      throw this.sourceError(reasonOf(error, this.#timeoutMs), error);
    }
  }

  #shown(location: string): string {
    if (!URL.canParse(location, this.#url.href)) return 'another address';
    return redactUrl(new URL(location, this.#url));
  }

  /** What is wrong with the server, as an error. */
  sourceError(reason: string, cause?: unknown): SourceError {
    return new SourceError(`Prometheus at ${this.name}: ${printable(reason)}`, { cause });
  }
}

/** What the API sends, as far as it is one. */
type Body = Partial<Record<'status' | 'error' | 'warnings' | 'isPartial' | 'data', unknown>>;

function parse(text: string): Body {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}

/** An element of an instant vector. */
interface Element {
  readonly metric: Record<string, string>;
  readonly value: readonly [seconds: number, value: string];
}

function isElement(element: unknown): element is Element {
  if (!isRecord(element) || !isRecord(element.metric) || !Array.isArray(element.value)) return false;
  const [seconds, value] = element.value;
  return Number.isFinite(seconds) && typeof value === 'string';
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'it cannot be reached';
  if (error instanceof TooLargeError) {
    return `its answer is larger than ${MOST_MEBIBYTES} MiB: ask for one pool, or for less with matchers`;
  }
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name is not known';
  return `it cannot be reached${code === undefined ? '' : ` (${code})`}`;
}

/** Safe to be printed, whatever the server sends. */
function printable(text: string): string {
  const words = text.replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim();
  return words.length > LONGEST_REASON ? `${words.slice(0, LONGEST_REASON)}…` : words;
}

/** Each request under way listens to it, and they may be many. */
function closing(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

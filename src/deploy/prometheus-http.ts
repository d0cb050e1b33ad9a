import { isRecord, showUrl } from '../rules.js';
import { SourceError } from './facts.js';

/** One value of an answer. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The answer to an instant query. */
export interface Answer {
  /**
   * The moment that it is about, in Unix ms by the clock of Prometheus. Without samples it is that of the answer, to
   * the second, where the server tells it.
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
 * workers of a store that is down, VictoriaMetrics would show the picture of 30 s ago, and Prometheus and Thanos can be
 * set up to look back for less than the usual time.
 */
const WHOLE_AND_FRESH = {
  partial_response: 'false',
  deny_partial_response: '1',
  nocache: '1',
  lookback_delta: '5m',
};

/** What Thanos warns of where a range begins before its oldest data. */
const NO_DATA_SO_OLD = 'No StoreAPIs matched';

const LONGEST_WORDS = 300;

/** The HTTP API of a Prometheus, or of what speaks like one. */
export class PrometheusApi {
  readonly #url: URL;
  readonly #headers: Headers;
  readonly #timeoutMs: number;
  /** How the server is called in messages: an address without what can be secret. */
  readonly name: string;

  constructor({ url, headers, timeoutMs }: ApiOptions) {
    const path = url.pathname.replace(/\/+$/, '');
    this.name = showUrl(url).replace(/\/+$/, '');
    this.#url = new URL(url);
    this.#url.pathname = `${path}/api/v1/query`;
    this.#headers = headers;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Evaluates an expression that gives a vector.
   *
   * @param at - In Unix ms; now by the clock of Prometheus when not given.
   * @throws SourceError - The message is for the operator and holds neither header values nor credentials.
   */
  async query(expression: string, at?: number): Promise<Answer> {
    const { status, statusText, headers, body } = await this.#post(expression, at);
    if (status >= 300 && status < 400)
      throw this.trouble(`it redirects to ${this.#shown(headers.get('location') ?? '')}`);
    if (status === 401 || status === 403) {
      throw this.trouble(
        `it refuses access (${status}): a token, a tenant or a password is missing or wrong`,
      );
    }
    if (headers.get('content-type')?.includes('text/html') || /^\s*</.test(body)) {
      throw this.trouble(`it answers with a web page (${status}): give the base URL of the Prometheus API`);
    }
    const answer = parse(body);
    if (answer.status === 'error') throw this.trouble(`it can not answer: ${answer.error}`);
    if (status === 404) {
      throw this.trouble('there is no Prometheus API (404): give the base URL, without /api/v1');
    }
    if (status !== 200) throw this.trouble(`it answers ${status} ${statusText}`);
    if (answer.status !== 'success') throw this.trouble('what it answers is no JSON of the Prometheus API');
    return this.#vector(answer, Date.parse(headers.get('date') ?? ''));
  }

  #vector({ data, isPartial, warnings }: Body, date: number): Answer {
    const all: unknown[] = Array.isArray(warnings) ? warnings : [];
    const warning = all.find((text) => !String(text).includes(NO_DATA_SO_OLD));
    if (isPartial || warning !== undefined) {
      throw this.trouble(`its answer is not whole: ${warning ?? 'a store is down'}`);
    }
    const result: unknown = isRecord(data) ? data.result : undefined;
    if (!Array.isArray(result) || !result.every(isElement)) throw this.trouble('its answer is no vector');
    const [first] = result;
    return {
      at: first ? Math.round(first.value[0] * 1000) : Number.isNaN(date) ? undefined : date,
      samples: result
        .map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
        .filter(({ value }) => Number.isFinite(value)),
    };
  }

  async #post(expression: string, at: number | undefined) {
    const timeout = `${this.#timeoutMs}ms`;
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: this.#headers,
        body: new URLSearchParams({
          query: expression,
          timeout,
          ...(at !== undefined && { time: (at / 1000).toFixed(3) }),
          ...WHOLE_AND_FRESH,
        }),
        // Headers hold tokens: they go to the address that was given and to no other.
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      const { status, statusText, headers } = response;
      return { status, statusText, headers, body: await response.text() };
    } catch (error) {
      throw this.trouble(whyNone(error, this.#timeoutMs), error);
    }
  }

  #shown(location: string): string {
    if (!URL.canParse(location, this.#url.href)) return 'another address';
    return showUrl(new URL(location, this.#url));
  }

  /** What is wrong with the server, as an error. */
  trouble(words: string, cause?: unknown): SourceError {
    return new SourceError(`Prometheus at ${this.name}: ${oneLine(words)}`, { cause });
  }
}

/** What the API sends, as far as it is one. */
type Body = Partial<Record<'status' | 'error' | 'warnings' | 'isPartial' | 'data', unknown>>;

function parse(body: string): Body {
  try {
    const answer: unknown = JSON.parse(body);
    return isRecord(answer) ? answer : {};
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

function whyNone(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'it can not be reached';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name is not known';
  return `it can not be reached${code === undefined ? '' : ` (${code})`}`;
}

/** Safe to be printed, whatever the server says. */
function oneLine(text: string): string {
  const words = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return words.length > LONGEST_WORDS ? `${words.slice(0, LONGEST_WORDS)}…` : words;
}

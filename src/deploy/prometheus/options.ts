import { mayHoldSecret, show } from '../../lib/redact.js';
import { checkOptions, isRecord, isWhole, type Rules } from '../../lib/validate.js';
import { PrometheusApi } from './http.js';
import { parseMatchers } from './promql.js';

/** Options of `prometheusSource`. */
export interface PrometheusOptions {
  /**
   * The base URL, such as `http://localhost:9090`, with a path where the API is under one. A user and a password in
   * it are sent as basic authentication.
   */
  readonly url: string;
  /** Headers of each request, such as a token or a tenant. Never shown in a message. */
  readonly headers?: Readonly<Record<string, string>>;
  /** More label matchers, such as `cluster="eu",env="prod"`. */
  readonly matchers?: string;
  /**
   * How long a response may take, in ms. What takes longer, or fails, is asked for once more.
   *
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** An hour. */
const LONGEST_TIMEOUT_MS = 3_600_000;

const isAny = () => true;
const RULES: Rules<keyof PrometheusOptions> = {
  // Both can hold a secret, and a rule that is broken shows what was given.
  url: ['', isAny],
  headers: ['', isAny],
  matchers: [
    'label matchers such as cluster="eu",env="prod"',
    (value) => typeof value === 'string' && parseMatchers(value) !== undefined,
  ],
  timeoutMs: [`a whole number from 1 to ${LONGEST_TIMEOUT_MS}`, isWhole(1, LONGEST_TIMEOUT_MS)],
};

/**
 * The API and the matchers that the options name.
 *
 * @throws TypeError for an unknown or a wrong option. No message holds a header value or a password.
 */
export function readOptions(options: PrometheusOptions): { api: PrometheusApi; matchers: readonly string[] } {
  checkOptions(options, RULES);
  const headers = readHeaders(options.headers ?? {});
  const url = readUrl(options.url);
  if (url.username !== '' && !headers.has('authorization')) headers.set('authorization', basic(url));
  url.username = '';
  url.password = '';
  return {
    api: new PrometheusApi({ url, headers, timeoutMs: options.timeoutMs ?? TIMEOUT_MS }),
    matchers: parseMatchers(options.matchers ?? '') ?? [],
  };
}

function readUrl(given: unknown): URL {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  const shown =
    typeof given === 'string' && mayHoldSecret(given) ? 'one that may hold a secret' : show(given);
  throw new TypeError(`option url: expected an http or https URL, got ${shown}`);
}

function basic({ username, password }: URL): string {
  try {
    const credentials = [username, password].map(decodeURIComponent).join(':');
    return `Basic ${Buffer.from(credentials).toString('base64')}`;
  } catch {
    throw new TypeError('option url: expected a percent-encoded user and password, got others');
  }
}

function readHeaders(given: unknown): Headers {
  if (!isRecord(given)) throw new TypeError('option headers: expected a record of texts, got something else');
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    try {
      if (typeof value !== 'string') throw new TypeError('no text');
      headers.set(name, value);
    } catch {
      throw new TypeError(
        `option headers: expected names and values of headers, got another at ${show(name)}`,
      );
    }
  }
  return headers;
}

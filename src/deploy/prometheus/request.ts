import { setTimeout as sleep } from 'node:timers/promises';
import { jittered } from '../../lib/jitter.js';

/** What a server answered. */
export type PlainResponse = Pick<Response, 'status' | 'statusText' | 'headers'> & { readonly text: string };

/** An answer that is larger than any fleet makes it. */
export class TooLargeError extends Error {}

/** How large an answer may be, in MiB, whatever it is compressed to. */
export const MOST_MEBIBYTES = 64;

/** A server that is busy, restarted, or away from its proxy for a moment. */
const PASSING = new Set([429, 502, 503, 504]);
/** Between a failure and the second try. */
const PAUSE_MS = 200;
/** A server that wants to be left alone for longer is not asked a second time. */
const LONGEST_PAUSE_MS = 10_000;

/** Posts, and once more after a failure that may pass. Each try may take `timeoutMs`. */
export async function postTwice(
  url: URL,
  init: RequestInit,
  { timeoutMs, closed }: { readonly timeoutMs: number; readonly closed: AbortSignal },
): Promise<PlainResponse> {
  const once = async () => {
    // Not `AbortSignal.any`: Node may collect it, and then nothing ends the request.
    const end = new AbortController();
    const abort = () => end.abort(closed.reason);
    const timer = setTimeout(() => end.abort(timedOut()), timeoutMs);
    closed.addEventListener('abort', abort);
    if (closed.aborted) abort();
    try {
      return await post(url, { ...init, signal: end.signal });
    } finally {
      clearTimeout(timer);
      closed.removeEventListener('abort', abort);
    }
  };
  let pauseMs = PAUSE_MS;
  try {
    const response = await once();
    if (!PASSING.has(response.status)) return response;
    pauseMs = Math.max(pauseMs, retryAfter(response.headers));
    if (pauseMs > Math.min(LONGEST_PAUSE_MS, timeoutMs)) return response;
  } catch (error) {
    if (closed.aborted || error instanceof TooLargeError) throw error;
  }
  await sleep(jittered(pauseMs), undefined, { signal: closed });
  return once();
}

const timedOut = () => new DOMException('The operation was aborted due to timeout', 'TimeoutError');

async function post(url: URL, init: RequestInit): Promise<PlainResponse> {
  // Headers hold tokens: they go to the address that was given and to no other.
  const response = await fetch(url, { ...init, method: 'POST', redirect: 'manual' });
  const { status, statusText, headers } = response;
  return { status, statusText, headers, text: await textOf(response) };
}

async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_MEBIBYTES * 1024 * 1024) throw new TooLargeError();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** How long a server wants to be left alone, in ms: it gives seconds, or a date. */
export function retryAfter(headers: Headers): number {
  const given = headers.get('retry-after') ?? '';
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now();
  return Math.max(0, ms) || 0;
}

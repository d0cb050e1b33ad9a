import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';
import { type PoolFacts, parseJson, parseSnapshot } from './facts.js';
import { ASK_EVERY_MS, LONGEST_ANSWER, Reachability } from './sign.js';

/** A stalled worker is asked again after this. */
const PATIENCE_MS = 3_000;

/** Asks a health endpoint that serves `runtime_snapshot()` as JSON, whatever its status code is. */
export class UrlPoll {
  readonly #reachability = new Reachability();
  #askedAt = Number.NEGATIVE_INFINITY;
  #request: ClientRequest | undefined;

  constructor(
    readonly url: string,
    readonly onAnswer: (facts: PoolFacts) => void,
  ) {}

  get sign() {
    return this.#reachability.sign;
  }

  /** Asks, unless an answer is still awaited or it was asked just now. To be called a few times a second. */
  ask(now: number): void {
    if (this.#request || now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    let isConnected = false;
    const request = (this.url.startsWith('https:') ? getSecurely : get)(this.url, { agent: false });
    this.#request = request;
    const timer = setTimeout(() => request.destroy(), PATIENCE_MS);
    request.on('socket', (socket) => {
      socket.on('connect', () => {
        isConnected = true;
        this.#reachability.answered();
      });
    });
    request.on('response', async (response) => {
      const facts = parseSnapshot(parseJson(await textOf(response).catch(() => '')));
      if (facts) this.onAnswer(facts);
    });
    request.on('error', () => {
      if (!isConnected) this.#reachability.refused();
    });
    request.on('close', () => {
      clearTimeout(timer);
      this.#request = undefined;
    });
  }

  close(): void {
    this.#request?.destroy();
  }
}

/** @throws Error when it is cut off, or too long */
async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > LONGEST_ANSWER) throw new Error('too long');
  }
  return text;
}

import { type ClientRequest, get } from 'node:http';
import { get as getSecurely } from 'node:https';
import { redactUrl } from '../lib/redact.js';
import { type PoolFacts, parseJson, parseSnapshot } from './parse.js';
import { Poll, textOf } from './poll.js';

/** A stalled worker is asked again after this. */
const ANSWER_WITHIN_MS = 3_000;

/** Polls a health endpoint that serves `runtime_snapshot()` as JSON, whatever its status code is. */
export class UrlPoll extends Poll {
  constructor(
    readonly url: string,
    /** `askedAt` is on the clock of `performance.now()`. */
    readonly onAnswer: (facts: PoolFacts, askedAt: number) => void,
  ) {
    super();
  }

  protected get name(): string {
    return redactUrl(new URL(this.url));
  }

  protected send(): ClientRequest {
    let isConnected = false;
    const askedAt = performance.now();
    const request = (this.url.startsWith('https:') ? getSecurely : get)(this.url, {
      agent: false,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    request.on('socket', (socket) => {
      socket.on('connect', () => {
        isConnected = true;
        this.reachability.answered();
      });
    });
    request.on('response', async (response) => {
      const text = await textOf(response).catch(() => '');
      const facts = parseSnapshot(parseJson(text));
      if (!facts) return this.misread(text, 'the JSON of a runtime_snapshot()');
      this.read();
      this.onAnswer(facts, askedAt);
    });
    request.on('error', () => {
      if (!isConnected) this.reachability.refused();
    });
    return request;
  }
}

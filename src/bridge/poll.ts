import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { Once } from '../lib/warn.js';

/** What a source says of its worker: it was never there, it is alive, or it was and is gone. */
export type Sign = 'unseen' | 'alive' | 'gone';

/** Every answer costs the worker too: OpenRTC reads its host and each session for it. */
export const POLL_EVERY_MS = 1_000;
/** An answer that is longer, in characters, is not read to its end. */
export const LONGEST_ANSWER = 16 * 1024 * 1024;
/** One refusal can be chance. */
const REFUSALS = 2;

/** Folds the attempts to reach a worker into a sign. */
export class Reachability {
  #sign: Sign = 'unseen';
  #refusals = 0;

  get sign(): Sign {
    return this.#sign;
  }

  answered(): void {
    this.#refusals = 0;
    this.#sign = 'alive';
  }

  refused(): void {
    this.#refusals++;
    if (this.#refusals >= REFUSALS && this.#sign === 'alive') this.#sign = 'gone';
  }
}

/** One answer that cannot be read may have been cut off together with its worker. */
const MISREADINGS = 2;

/** Emits `close` when it is over. */
type Request = EventEmitter & { destroy(): unknown };

/** Polls a worker, with one request at a time. */
export abstract class Poll {
  protected readonly reachability = new Reachability();
  #polledAt = Number.NEGATIVE_INFINITY;
  #request: Request | undefined;
  #misread = 0;
  readonly #once = new Once();

  /** What warnings call it. */
  protected abstract readonly name: string;

  /** Starts a request; gives none where there is nobody to ask. */
  protected abstract send(): Request | undefined;

  get sign(): Sign {
    return this.reachability.sign;
  }

  /** Sends a request, unless one is under way or was sent just now. To be called a few times a second. */
  poll(now: number): void {
    if (this.#request || now - this.#polledAt < POLL_EVERY_MS) return;
    this.#polledAt = now;
    this.#request = this.send();
    if (!this.#request) this.reachability.refused();
    this.#request?.on('close', () => {
      this.#request = undefined;
    });
  }

  /** An answer was read; what is odd in it is said once. */
  protected read(oddities: readonly string[] = []): void {
    this.#misread = 0;
    for (const oddity of oddities) this.#mention(oddity);
  }

  /** An answer cannot be read; nothing at all is no answer. */
  protected misread(text: string, expected: string): void {
    if (text === '') return;
    this.#misread++;
    if (this.#misread >= MISREADINGS)
      this.#mention(`answers that are not ${expected}, so nothing is read there`);
  }

  #mention(oddity: string): void {
    this.#once.warn(`${this.name}: ${oddity}`);
  }

  close(): void {
    this.#request?.destroy();
  }
}

/** All that a stream gives. @throws Error when it is cut off, or too long */
export async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > LONGEST_ANSWER) throw new Error('too long');
  }
  return text;
}

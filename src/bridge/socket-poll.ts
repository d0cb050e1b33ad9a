import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type ListedSession, type PoolFacts, parseSocketAnswer } from './facts.js';
import { ASK_EVERY_MS, LONGEST_ANSWER, Reachability } from './sign.js';

export interface SocketAnswer {
  readonly facts: PoolFacts;
  readonly sessions: readonly ListedSession[];
  /** When the socket was made, in Unix milliseconds: another one is another worker's. */
  readonly boundAt: number;
}

/**
 * Asks the introspection socket. A worker that is stalled, even stopped, accepts and does not answer: its connection
 * is kept, without a limit of time, because it breaks when the worker dies.
 */
export class SocketPoll {
  readonly #reachability = new Reachability();
  #askedAt = Number.NEGATIVE_INFINITY;
  #socket: Socket | undefined;
  #isMissing = false;

  constructor(
    readonly path: string,
    readonly onAnswer: (answer: SocketAnswer) => void,
  ) {}

  get sign() {
    return this.#reachability.sign;
  }

  /** Whether the worker took its socket away, as OpenRTC does when it closes and a killed one can not. */
  get isRemoved(): boolean {
    return this.#isMissing && this.sign !== 'unseen';
  }

  /** Asks, unless an answer is still awaited or it was asked just now. To be called a few times a second. */
  ask(now: number): void {
    if (this.#socket || now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    const boundAt = statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
    this.#isMissing = boundAt === undefined;
    if (boundAt === undefined) {
      this.#reachability.refused();
      return;
    }
    let text = '';
    const socket = connect(this.path).setEncoding('utf8');
    this.#socket = socket;
    socket.on('connect', () => this.#reachability.answered());
    socket.on('data', (part: string) => {
      text += part;
      if (text.length > LONGEST_ANSWER) socket.destroy();
    });
    socket.on('end', () => {
      const answer = parseSocketAnswer(text);
      if (answer) this.onAnswer({ ...answer, boundAt });
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      // Its queue of connections is full: it lives.
      if (code === 'EAGAIN') this.#reachability.answered();
      else this.#reachability.refused();
    });
    socket.on('close', () => {
      this.#socket = undefined;
    });
  }

  close(): void {
    this.#socket?.destroy();
  }
}

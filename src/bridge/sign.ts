/** What a source says of its worker: it was never there, it is alive, or it was and is gone. */
export type Sign = 'unseen' | 'alive' | 'gone';

/** Every question costs the worker too: OpenRTC looks at its host and at each session to answer. */
export const ASK_EVERY_MS = 1_000;
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

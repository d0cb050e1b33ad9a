/** What a source says of its worker: it was never there, it is alive, or it was and is gone. */
export type Sign = 'unseen' | 'alive' | 'gone';

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

/** Even: of one more, every second entry includes the first and the last. */
const MAX_ENTRIES = 32;

/** A sum of a worker's life: when it was first known, and when it grew. Its memory is bounded. */
export class Growth {
  /** The oldest first. */
  #entries: { readonly at: number; readonly sum: number }[] = [];

  note(sum: number | undefined, nowMs: number): void {
    if (sum === undefined || sum === this.#entries.at(-1)?.sum) return;
    this.#entries.push({ at: nowMs, sum });
    // Without an entry its growth counts as later. The first one stays: what it has cannot be dated.
    if (this.#entries.length > MAX_ENTRIES) this.#entries = this.#entries.filter((_, i) => i % 2 === 0);
  }

  /** What it was when it was first known. */
  get first(): number {
    return this.#entries[0]?.sum ?? 0;
  }

  /** What it was before a moment, as far as that is known: in doubt it grew after it. */
  before(sinceMs: number): number | undefined {
    return this.#entries.findLast(({ at }) => at < sinceMs)?.sum;
  }
}

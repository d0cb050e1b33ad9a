const MAX_ENTRIES = 32;

/** A sum of a worker's life: when it was first known, and when it grew. Its memory is bounded. */
export class Growth {
  /** The oldest first. */
  readonly #entries: { readonly at: number; readonly sum: number }[] = [];

  note(sum: number | undefined, nowMs: number): void {
    if (sum === undefined || sum === this.#entries.at(-1)?.sum) return;
    this.#entries.push({ at: nowMs, sum });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.splice(this.#leastAskedFor(nowMs), 1);
  }

  /**
   * The entry without which the fewest questions get another answer. Its growth then counts as that of the next one: so
   * the moments between the two are few, for their age. The first one stays: what it has cannot be dated.
   */
  #leastAskedFor(nowMs: number): number {
    let least = 1;
    let share = Number.POSITIVE_INFINITY;
    for (const [index, { at }] of this.#entries.entries()) {
      const next = this.#entries[index + 1];
      if (index === 0 || !next) continue;
      const its = (next.at - at) / (nowMs - at);
      if (its < share) [least, share] = [index, its];
    }
    return least;
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

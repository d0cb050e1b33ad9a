/** So many reports are remembered, so that copies of them are known: an hour at the usual interval. */
const MAX_REMEMBERED = 240;

/** Tells reports that come late from those of a clock that was set back: the latter come as they are made. */
export class ReportOrder {
  #newest = Number.NEGATIVE_INFINITY;
  #newestArrivedAt = Number.NEGATIVE_INFINITY;
  /** The newest before the clock was set back. */
  #highest = Number.NEGATIVE_INFINITY;
  /** The last report that was older than the newest. */
  #late: { readonly madeAt: number; readonly arrivedAt: number } | undefined;
  #isSetBack = false;
  /** When the last reports were made. */
  readonly #remembered: number[] = [];
  #oldest = 0;

  get isSetBack(): boolean {
    return this.#isSetBack;
  }

  /** Whether a report of that time came before, as by a second path; it is remembered. */
  isCopy(madeAt: number): boolean {
    if (this.#remembered.includes(madeAt)) return true;
    this.#remembered[this.#oldest] = madeAt;
    this.#oldest = (this.#oldest + 1) % MAX_REMEMBERED;
    return false;
  }

  /**
   * Takes in a report that is no copy. Returns whether it shows that the clock was set back, so that order begins anew with it.
   *
   * @param madeAt - In Unix ms by the clock of its worker
   * @param arrivedAt - In Unix ms
   * @param intervalMs - How often the worker reports
   */
  add(madeAt: number, arrivedAt: number, intervalMs: number): boolean {
    if (madeAt >= this.#newest) {
      this.#newest = madeAt;
      this.#newestArrivedAt = arrivedAt;
      this.#late = undefined;
      // The clock is where it was: what was taken for a clock that was set back were reports that were sent again.
      if (madeAt >= this.#highest) this.#isSetBack = false;
      return false;
    }
    const before = this.#late;
    this.#late = { madeAt, arrivedAt };
    if (!before || madeAt <= before.madeAt) return false;
    // A backlog comes all at once, or ever more slowly; a living worker's reports come at the pace they are made at.
    const apart = madeAt - before.madeAt;
    const pace = (arrivedAt - before.arrivedAt) / apart;
    if (pace < 0.8 || pace > 1.25 || apart > 1.5 * intervalMs) return false;
    // And a worker whose clock is right has newer ones too.
    if (arrivedAt - this.#newestArrivedAt < intervalMs) return false;
    this.#highest = Math.max(this.#highest, this.#newest);
    this.#newest = madeAt;
    this.#newestArrivedAt = arrivedAt;
    this.#isSetBack = true;
    return true;
  }
}

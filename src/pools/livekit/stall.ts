import { ORPHANED_AFTER_MS } from './ending.js';

/** LiveKit hears of the ends of its processes only after that of the stall. */
const AFTERMATH_MS = 10_000;

/** Notices by looks a few times a second that this process was stopped or blocked: then its job processes end. */
export class Stall {
  #lookedAt = Number.POSITIVE_INFINITY;
  #endedAt = Number.NEGATIVE_INFINITY;

  look(): void {
    const now = performance.now();
    if (now - this.#lookedAt >= ORPHANED_AFTER_MS) this.#endedAt = now;
    this.#lookedAt = now;
  }

  /** Whether what ends now has most likely ended for that. */
  get isJustOver(): boolean {
    const now = performance.now();
    return now - this.#endedAt < AFTERMATH_MS || now - this.#lookedAt >= ORPHANED_AFTER_MS;
  }
}

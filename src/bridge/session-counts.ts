import type { SessionOutcome } from '../attributes.js';

/** Sums of a worker's life, as a source tells them. */
export interface Sums {
  readonly started: number;
  readonly finished: number;
  /** Undefined where a source does not tell: then an outcome is `unknown`. */
  readonly failed: number | undefined;
}

/**
 * The sessions of one worker, counted. Events tell each start and end once; a snapshot tells the sums of the worker's
 * life, and so what events were lost. Whichever is ahead is right, so nothing is counted twice.
 */
export class SessionCounts {
  #started = 0;
  #finished = 0;
  #failed = 0;
  /** Failures whose end is still to come: OpenRTC tells both. */
  #failing = 0;
  /** Sessions that were counted as dropped and have not ended. */
  #doomed = 0;
  #isCutOff = false;
  readonly #ended = { success: 0, failed: 0, dropped: 0, unknown: 0 };

  get started(): number {
    return this.#started;
  }

  get ended(): Readonly<Partial<Record<SessionOutcome, number>>> {
    return { ...this.#ended };
  }

  /** Sessions that have started and not ended. */
  get active(): number {
    return this.#started - this.#finished;
  }

  /** @param isAtTimeout whether what ends now was cut off by the drain timeout. */
  take({ started, finished, failed }: Sums, isAtTimeout: boolean): void {
    this.#started = Math.max(this.#started, started);
    if (failed !== undefined && failed > this.#failed) {
      if (!isAtTimeout) this.#failing += failed - this.#failed;
      this.#failed = failed;
    }
    const ends = Math.min(finished, this.#started) - this.#finished;
    if (ends <= 0) return;
    this.#finished += ends;
    const failures = Math.min(ends, this.#failing);
    this.#failing -= failures;
    this.#ended.failed += failures;
    const doomed = Math.min(ends - failures, this.#doomed);
    this.#doomed -= doomed;
    const outcome = isAtTimeout && !this.#isCutOff ? 'dropped' : failed === undefined ? 'unknown' : 'success';
    this.#ended[outcome] += ends - failures - doomed;
  }

  /** The drain timeout: what is active is dropped, whatever is said of its end. */
  cutOff(active: number): void {
    this.#isCutOff = true;
    this.#failing = 0;
    this.#doomed = active;
    this.#ended.dropped += active;
  }

  /** The worker is gone: what was active ended with it. Returns how many sessions that are. */
  end(active: number, outcome: 'dropped' | 'unknown'): number {
    const left = Math.max(0, active - this.#doomed);
    this.#doomed = 0;
    this.#ended[outcome] += left;
    return left;
  }
}

import type { SessionOutcome } from '../attributes.js';

/** Sums of a worker's life, as a source reports them. */
export interface Sums {
  readonly started: number;
  readonly finished: number;
  /** Undefined where a source does not report it: then an outcome is `unknown`. */
  readonly failed: number | undefined;
}

/** How sessions ended whatever is reported of them; undefined where the reports are right. */
export type EndedAs = 'dropped' | 'unknown' | undefined;

/**
 * The sessions of one worker, counted. Each start and end has one event; a snapshot has the sums of the worker's
 * life, and so what events were lost. Whichever is ahead is right, so nothing is counted twice.
 */
export class SessionCounts {
  #started = 0;
  #finished = 0;
  #failed = 0;
  /** Failures whose end is still to come: OpenRTC reports both. */
  #failing = 0;
  /** Sessions that were counted as dropped and have not ended. */
  #cutOffLeft = 0;
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

  take({ started, finished, failed }: Sums, endedAs?: EndedAs): void {
    this.#started = Math.max(this.#started, started);
    if (failed !== undefined && failed > this.#failed) {
      if (endedAs !== 'dropped') this.#failing += failed - this.#failed;
      this.#failed = failed;
    }
    const ends = Math.min(finished, this.#started) - this.#finished;
    if (ends <= 0) return;
    this.#finished += ends;
    const failures = Math.min(ends, this.#failing);
    this.#failing -= failures;
    this.#ended.failed += failures;
    const cutOff = Math.min(ends - failures, this.#cutOffLeft);
    this.#cutOffLeft -= cutOff;
    const reported = failed === undefined ? 'unknown' : 'success';
    const outcome = endedAs === 'dropped' && this.#isCutOff ? reported : (endedAs ?? reported);
    this.#ended[outcome] += ends - failures - cutOff;
  }

  /** The drain timeout: what is active is dropped, whatever is reported of its end. */
  cutOff(active: number): void {
    this.#isCutOff = true;
    this.#failing = 0;
    this.#cutOffLeft = active;
    this.#ended.dropped += active;
  }

  /** The worker is gone: what was active ended with it. Returns how many sessions that are. */
  end(active: number, outcome: 'dropped' | 'unknown'): number {
    const left = Math.max(0, active - this.#cutOffLeft);
    this.#cutOffLeft = 0;
    this.#ended[outcome] += left;
    return left;
  }
}

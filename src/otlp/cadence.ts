import { SDK_INTERVAL_SECONDS } from '../worker/environment.js';

const REMEMBERED_GAPS = 8;
/** Collections closer than this are of several readers at one moment. */
const SHORTEST_GAP_SECONDS = 0.1;

/**
 * How often a provider collects, measured. The longest of the last gaps counts: a worker whose interval is told
 * too short looks silent.
 */
export class Cadence {
  readonly #gaps: number[] = [];
  #last: number | undefined;

  collected(now = performance.now()): void {
    const gap = (now - (this.#last ?? now)) / 1000;
    this.#last = now;
    if (gap > SHORTEST_GAP_SECONDS) this.#gaps.push(gap);
    if (this.#gaps.length > REMEMBERED_GAPS) this.#gaps.shift();
  }

  get seconds(): number {
    return this.#gaps.length === 0 ? SDK_INTERVAL_SECONDS : Math.max(...this.#gaps);
  }
}

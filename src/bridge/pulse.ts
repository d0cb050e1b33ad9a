import type { Sign } from './poll.js';

/** A stream that stops for this long has lost its writer: by default OpenRTC writes a line a second. */
export const SILENCE_MS = 3_500;
/** The same where lines come more rarely, in intervals. */
const SILENT_INTERVALS = 2.5;

/** When a stream was last written to, in milliseconds of a clock that only goes forward, and how often it is. */
export class Pulse {
  #lastAt: number | undefined;
  #interval = 0;
  #wallTime: number | undefined;

  /** @param wallTime when the line was written, in Unix seconds by the worker's clock. */
  beat(at: number, wallTime?: number): void {
    this.#lastAt = at;
    if (wallTime === undefined) return;
    if (this.#wallTime !== undefined) this.#interval = Math.max(0, wallTime - this.#wallTime) * 1000;
    this.#wallTime = wallTime;
  }

  /** @param now on the clock of `beat`. */
  sign(now: number): Sign {
    if (this.#lastAt === undefined) return 'unseen';
    const patience = Math.max(SILENCE_MS, SILENT_INTERVALS * this.#interval);
    return now - this.#lastAt < patience ? 'alive' : 'gone';
  }
}

/**
 * One sign of life is enough. So a worker that stalls and writes nothing lives as long as its socket accepts, and one
 * whose socket broke lives as long as it writes.
 */
export function combineSigns(signs: readonly Sign[]): Sign {
  if (signs.includes('alive')) return 'alive';
  return signs.includes('gone') ? 'gone' : 'unseen';
}

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a call lasts at most, in report intervals. */
const LONGEST_CALL = 10;
const PAUSE_MS = 200;

/** @typedef {import('./worker.js').Worker} Worker */

/** Callers who call again and again, each call of a random length. */
export class Traffic {
  /** Whom they call. @type {readonly Worker[]} */
  workers = [];
  #calls;
  #intervalMs;
  #end = new AbortController();
  #lines;

  /** @param {import('./calls.js').Calls} calls @param {import('./random.js').Random} random @param {number} callers @param {number} intervalMs */
  constructor(calls, random, callers, intervalMs) {
    this.#calls = calls;
    this.#intervalMs = intervalMs;
    setMaxListeners(callers, this.#end.signal);
    this.#lines = Array.from({ length: callers }, () => this.#line(random.fork()));
    // They are waited for in `stop`.
    for (const line of this.#lines) line.catch(() => {});
  }

  /** All hang up; resolves when the last call is over. */
  async stop() {
    this.#end.abort();
    await Promise.all(this.#lines);
  }

  /** @param {import('./random.js').Random} random */
  async #line(random) {
    while (!this.#end.signal.aborted) {
      await this.#pass(random.int(0, PAUSE_MS));
      const free = this.workers.filter(({ isHeld, isAlive }) => isAlive && !isHeld);
      if (free.length === 0) continue;
      const call = await this.#calls.place(random.pick(free));
      await this.#pass(random.next() * LONGEST_CALL * this.#intervalMs);
      while (call.worker.isHeld && call.is === 'answered' && !this.#end.signal.aborted) await sleep(PAUSE_MS);
      if (call.is === 'answered') await this.#calls.hangUp(call);
    }
  }

  /** @param {number} ms */
  #pass(ms) {
    return sleep(ms, undefined, { signal: this.#end.signal }).catch(() => {});
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;
/** The machine may be slow, and a recoverer that failed pauses for up to 30 s. */
const PATIENCE_MS = 90_000;

/**
 * Waits until something holds. What it throws meanwhile counts as not yet.
 * @template T @param {string} what What is waited for. @param {() => T | Promise<T>} look
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, look) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    /** @type {unknown} */
    let cause;
    try {
      const seen = await look();
      if (seen) return seen;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`, { cause });
    await sleep(LOOK_EVERY_MS);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;
/** The machine may be slow, and a recoverer that failed pauses for up to 30 s. */
const PATIENCE_MS = 90_000;

/**
 * Waits until a condition holds.
 * @template T @param {() => T | Promise<T>} condition @param {() => string} describe What was waited for.
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(condition, describe) {
  const since = performance.now();
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() - since > PATIENCE_MS) throw new Error(`waited for ${describe()}`);
    await sleep(LOOK_EVERY_MS);
  }
}

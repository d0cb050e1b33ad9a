import type { Report } from '../attributes.js';
import { unref } from '../lib/timer.js';
import { ignoreRejection } from '../lib/validate.js';
import { errorClass, warn } from '../lib/warn.js';
import type { PoolLike, PoolWorker, SessionObserver } from '../worker/pool.js';

/** Observes a pool and gives it its worker. Nothing here throws. Returns a function that ends the observing. */
export function observe(pool: PoolLike, observer: SessionObserver, worker: PoolWorker): () => void {
  let stop: unknown;
  try {
    stop = pool.observe?.(observer);
    ignoreRejection(stop);
  } catch (error) {
    warn(`the pool cannot be observed (${errorClass(error)}): its sessions get no spans and counters`);
  }
  try {
    ignoreRejection(pool.onInstrument?.(worker));
  } catch (error) {
    warn(`onInstrument() of the pool threw ${errorClass(error)}: the pool sends no goodbye by itself`);
  }
  return () => {
    try {
      if (typeof stop === 'function') ignoreRejection(stop());
    } catch (error) {
      warn(`the observing of the pool did not end: ${errorClass(error)}`);
    }
  };
}

const LOOK_EVERY_MS = 250;
/** Sessions that end while draining or are dropped are reported at most this often. */
const FLUSH_EVERY_MS = 1_000;

/**
 * Flushes what cannot wait for the next interval: that the drain started or was called off, each session that ends
 * while draining, and each that is dropped. Reads the snapshot, so it works for a pool that cannot be observed too.
 * Returns a function that ends it. Does not keep the process alive.
 */
export function watchTransitions(read: () => Report, flush: () => void): () => void {
  // What is not known for a while has not turned.
  let seen = read();
  let flushedAt = Number.NEGATIVE_INFINITY;
  const look = () => {
    const told = read();
    const now = { ...told, draining: told.draining ?? seen.draining, active: told.active ?? seen.active };
    const hasTurned = now.draining !== seen.draining;
    const hasEnded = now.draining === 1 && (now.active ?? 0) < (seen.active ?? 0);
    const hasDropped = (now.dropped ?? 0) > (seen.dropped ?? 0);
    if (!hasTurned && !hasEnded && !hasDropped) {
      if ((now.active ?? 0) > (seen.active ?? 0)) seen = now;
      return;
    }
    if (!hasTurned && performance.now() - flushedAt < FLUSH_EVERY_MS) return;
    seen = now;
    flushedAt = performance.now();
    flush();
  };
  const timer = unref(setInterval(look, LOOK_EVERY_MS));
  return () => clearInterval(timer);
}

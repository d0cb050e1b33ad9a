import type { Report } from './worker.js';

const LOOK_EVERY_MS = 250;
/** Sessions that end while draining or are dropped are said at most this often. */
const FLUSH_EVERY_MS = 1_000;

/**
 * Says what can not wait for the next interval: that the drain started or was called off, each session that
 * ends while draining, and each that is dropped. Looks at the snapshot, so it works for a pool that can not be observed too. Returns a
 * function that ends it. Does not keep the process alive.
 */
export function watchTransitions(read: () => Report, flush: () => void): () => void {
  let seen = read();
  let flushedAt = Number.NEGATIVE_INFINITY;
  const look = () => {
    const now = read();
    const hasTurned = now.draining !== seen.draining;
    const hasEnded = now.draining === true && (now.active ?? 0) < (seen.active ?? 0);
    const hasDropped = now.dropped > seen.dropped;
    if (!hasTurned && !hasEnded && !hasDropped) {
      if ((now.active ?? 0) > (seen.active ?? 0)) seen = now;
      return;
    }
    if (!hasTurned && performance.now() - flushedAt < FLUSH_EVERY_MS) return;
    seen = now;
    flushedAt = performance.now();
    flush();
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

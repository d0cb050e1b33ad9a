import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchTransitions } from '../../src/instrument/observe.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';
import { createWorker } from '../support/workers.js';

listenToWarnings();

let stop: (() => void) | undefined;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  stop?.();
  vi.useRealTimers();
});

/** Watches a pool; `flushes` holds what each flush told, and when. */
function watch(activeSessions: number, draining: boolean) {
  const pool = new TestPool({ activeSessions, draining });
  const worker = createWorker(pool);
  const flushes: Array<{ readonly at: number; readonly active: number | undefined }> = [];
  const start = performance.now();
  const flush = () => flushes.push({ at: performance.now() - start, active: worker.read().active });
  stop = watchTransitions(() => worker.read(), flush);
  const now = (active: number, isDraining: boolean) =>
    pool.give({ activeSessions: active, draining: isDraining });
  return { pool, worker, flushes, now };
}

describe('watching the transitions', () => {
  it('flushes within 0.3 s when the drain starts', () => {
    const { flushes, now } = watch(3, false);
    vi.advanceTimersByTime(10_000);
    expect(flushes).toEqual([]);
    now(3, true);
    vi.advanceTimersByTime(300);
    expect(flushes).toHaveLength(1);
  });

  it('flushes within 0.3 s when the drain is called off', () => {
    const { flushes, now } = watch(3, true);
    vi.advanceTimersByTime(5_000);
    now(3, false);
    vi.advanceTimersByTime(300);
    expect(flushes).toHaveLength(1);
  });

  it('flushes a drain at once, although one was flushed a moment before', () => {
    const { flushes, now } = watch(3, false);
    for (const draining of [true, false, true]) {
      now(3, draining);
      vi.advanceTimersByTime(300);
    }
    expect(flushes).toHaveLength(3);
  });

  it('flushes when the only session ends while draining', () => {
    const { flushes, now } = watch(1, true);
    vi.advanceTimersByTime(5_000);
    now(0, true);
    vi.advanceTimersByTime(300);
    expect(flushes).toMatchObject([{ active: 0 }]);
    vi.advanceTimersByTime(10_000);
    expect(flushes).toHaveLength(1);
  });

  it('flushes at most once a second, and loses no end, when many sessions end while draining', () => {
    const { flushes, now } = watch(40, true);
    for (let active = 39; active >= 0; active--) {
      now(active, true);
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(1_300);
    const gaps = flushes.slice(1).map(({ at }, i) => at - (flushes[i]?.at ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(1_000);
    expect(flushes.length).toBeGreaterThanOrEqual(4);
    expect(flushes.at(-1)?.active).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(flushes.at(-1)?.active).toBe(0);
  });

  it('loses no end of a session that ends right after the drain was flushed', () => {
    const { flushes, now } = watch(1, false);
    now(1, true);
    vi.advanceTimersByTime(300);
    now(0, true);
    vi.advanceTimersByTime(1_300);
    expect(flushes.map(({ active }) => active)).toEqual([1, 0]);
  });

  it('sees the end of a session that started while draining', () => {
    const { flushes, now } = watch(1, true);
    vi.advanceTimersByTime(2_000);
    now(2, true);
    vi.advanceTimersByTime(2_000);
    now(1, true);
    vi.advanceTimersByTime(300);
    expect(flushes).toMatchObject([{ active: 1 }]);
  });

  it('flushes within 0.3 s when a session is dropped, draining or not, and at most once a second', () => {
    const { worker, flushes, now } = watch(5, false);
    for (let active = 4; active >= 0; active--) {
      worker.totals.ended.dropped++;
      now(active, false);
      vi.advanceTimersByTime(300);
    }
    expect(flushes[0]?.active).toBe(4);
    vi.advanceTimersByTime(1_300);
    expect(flushes.at(-1)?.active).toBe(0);
    expect(flushes.length).toBeLessThanOrEqual(3);
    const { length } = flushes;
    vi.advanceTimersByTime(10_000);
    expect(flushes).toHaveLength(length);
  });

  it('does not flush when sessions come and go without a drain', () => {
    const { flushes, now } = watch(0, false);
    for (const active of [5, 0, 9, 3, 0]) {
      now(active, false);
      vi.advanceTimersByTime(1_500);
    }
    expect(flushes).toEqual([]);
  });

  it('does not flush while draining when nothing changes', () => {
    const { flushes } = watch(3, true);
    vi.advanceTimersByTime(60_000);
    expect(flushes).toEqual([]);
  });

  it('goes on through bad snapshots', () => {
    const { pool, flushes, now } = watch(1, false);
    pool.fail(new Error('down'));
    vi.advanceTimersByTime(2_000);
    expect(flushes).toEqual([]);
    now(1, true);
    vi.advanceTimersByTime(300);
    expect(flushes).toHaveLength(1);
  });

  it('ends when it is told to', () => {
    const { pool, flushes, now } = watch(3, false);
    stop?.();
    now(3, true);
    const { reads } = pool;
    vi.advanceTimersByTime(10_000);
    expect(flushes).toEqual([]);
    expect(pool.reads).toBe(reads);
  });

  it('does not keep the process alive', () => {
    vi.useRealTimers();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const pinned = setInterval(() => {}, 1_000);
    expect(timers()).toBe(before + 1);
    clearInterval(pinned);
    watch(3, false);
    expect(timers()).toBe(before);
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { type DrainOptions, SessionPool, type SessionPoolOptions } from '../../src/pools/index.js';
import { createWorker } from '../support/workers.js';
import { type Log, record, tick } from './support.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('drain', () => {
  it('resolves at once when nothing is active', async () => {
    await expect(new SessionPool().drain()).resolves.toEqual({ drained: true, stillActive: [] });
  });

  it('resolves when the last session has ended, and leaves no timer', async () => {
    vi.useFakeTimers();
    const pool = new SessionPool({ drainTimeoutSeconds: 600 });
    const [a, b] = [pool.start({}), pool.start({})];
    const settled = vi.fn();
    const drain = pool.drain().then(settled);
    expect(vi.getTimerCount()).toBe(1);
    a.end();
    await vi.advanceTimersByTimeAsync(1000);
    expect(settled).not.toHaveBeenCalled();
    b.end('failed');
    await drain;
    expect(settled).toHaveBeenCalledWith({ drained: true, stillActive: [] });
    expect(vi.getTimerCount()).toBe(0);
    expect(b.signal.aborted).toBe(false);
  });

  it('holds no timer outside of a drain, nor in one without a limit', async () => {
    vi.useFakeTimers();
    const pool = new SessionPool();
    const session = pool.start({});
    const drain = pool.drain();
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    session.end();
    await expect(drain).resolves.toMatchObject({ drained: true });
  });

  it.each<[SessionPoolOptions, DrainOptions, number]>([
    [{ drainTimeoutSeconds: 30 }, {}, 30],
    [{ drainTimeoutSeconds: 30 }, { timeoutSeconds: 5 }, 5],
    [{}, { timeoutSeconds: 0.5 }, 0.5],
    [{}, { timeoutSeconds: 2_147_483 }, 2_147_483],
  ])('of a pool with %o told %o cuts off after %d s', async (poolOptions, options, seconds) => {
    vi.useFakeTimers();
    const pool = new SessionPool(poolOptions);
    const session = pool.start({});
    const drain = pool.drain(options);
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(session.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(session.signal.aborted).toBe(true);
    await expect(drain).resolves.toEqual({ drained: false, stillActive: [session.info] });
  });

  it.each<[SessionPoolOptions, SessionPoolOptions]>([
    [{ drainTimeoutSeconds: 30 }, {}],
    [{}, { drainTimeoutSeconds: 30 }],
    [{ drainTimeoutSeconds: 600 }, { drainTimeoutSeconds: 30 }],
  ])('is reported with the timeout it has, where the pool has %o and the telemetry %o', (options, others) => {
    const pool = new SessionPool(options);
    const worker = createWorker(pool, others);
    pool.start({});
    expect(worker.read().drainTimeout).toBe(others.drainTimeoutSeconds ?? 30);
    void pool.drain({ timeoutSeconds: 300 });
    expect(worker.read().drainTimeout).toBe(300);
    expect(pool.runtimeSnapshot().drainTimeoutSeconds).toBe(300);
  });

  it('is reported with the end that comes first, counted from the start of the first', async () => {
    vi.useFakeTimers();
    const pool = new SessionPool({ drainTimeoutSeconds: 30 });
    const session = pool.start({});
    pool.beginDrain();
    expect(pool.runtimeSnapshot().drainTimeoutSeconds).toBe(30);
    await vi.advanceTimersByTimeAsync(10_000);
    const drains = [pool.drain({ timeoutSeconds: 600 }), pool.drain({ timeoutSeconds: 60 })];
    void pool.drain({ timeoutSeconds: 300 });
    expect(pool.runtimeSnapshot().drainTimeoutSeconds).toBe(70);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(session.signal.aborted).toBe(true);
    await expect(drains[0]).resolves.toMatchObject({ drained: false });
    expect(pool.runtimeSnapshot().drainTimeoutSeconds).toBe(70);
  });

  it('ends what is still active as dropped, whatever its code does later', async () => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    const ended = pool.start({ id: 'ended' });
    const aborted = pool.run(
      { id: 'aborts' },
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            event.end('success');
            reject(signal.reason);
          });
        }),
    );
    const event = pool.start({ id: 'event' });
    const finished = pool.run({ id: 'finishes' }, async ({ signal }) => {
      while (!signal.aborted) await tick();
      return 'late';
    });
    const failure = expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    const drain = pool.drain({ timeoutSeconds: 0.02 });
    ended.end();
    const { drained, stillActive } = await drain;
    expect(drained).toBe(false);
    expect(stillActive.map(({ id }) => id)).toEqual(['aborts', 'event', 'finishes']);
    expect(pool.runtimeSnapshot()).toMatchObject({
      activeSessions: 0,
      totalSessionFailures: 0,
      sessionsByTenant: {},
    });
    await failure;
    await expect(finished).resolves.toBe('late');
    await tick();
    expect(log.filter(([hook]) => hook === 'end')).toEqual([
      ['end', 'ended', 'success', undefined],
      ['end', 'aborts', 'dropped', undefined],
      ['end', 'event', 'dropped', undefined],
      ['end', 'finishes', 'dropped', undefined],
    ]);
  });

  it('twice at once: the shorter timeout cuts off, and both tell of it', async () => {
    vi.useFakeTimers();
    const pool = new SessionPool();
    const { info } = pool.start({});
    const long = pool.drain({ timeoutSeconds: 60 });
    const short = pool.drain({ timeoutSeconds: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    await expect(short).resolves.toEqual({ drained: false, stillActive: [info] });
    await expect(long).resolves.toEqual({ drained: false, stillActive: [info] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each<[object, RegExp]>([
    [{ timeoutSeconds: -1 }, /timeoutSeconds: expected seconds from 0 to 2147483, got -1/],
    [{ timeoutSeconds: '5' }, /timeoutSeconds: expected .*, got '5'/],
    [{ timeoutSeconds: Number.NaN }, /timeoutSeconds: expected .*, got NaN/],
    [{ timeoutSeconds: 2_147_484 }, /timeoutSeconds: expected .*, got 2147484/],
    [{ timeout: 5 }, /timeout: expected one of timeoutSeconds/],
  ])('refuses %o and does not begin', async (options, message) => {
    const pool = new SessionPool();
    await expect(pool.drain(options as DrainOptions)).rejects.toThrow(message);
    await expect(pool.drain(options as DrainOptions)).rejects.toBeInstanceOf(TypeError);
    expect(pool.runtimeSnapshot().draining).toBe(false);
  });
});

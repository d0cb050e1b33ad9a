import { describe, expect, it, vi } from 'vitest';
import { JobRejectedError, SessionPool } from '../../src/pools/index.js';
import type { SessionInfo, SessionObserver } from '../../src/worker/pool.js';
import { boom, hang, type Log, record, rejection, tick, unhandledRejections } from '../pools/support.js';

describe('observe', () => {
  it('tells of live sessions at once, and of nothing after the end of observing', () => {
    const pool = new SessionPool();
    pool.start({ id: 'ended' }).end();
    const live = pool.start({ id: 'live' });
    const log: Log = [];
    const stop = pool.observe(record(log));
    expect(log).toEqual([['start', 'live']]);
    pool.beginDrain();
    expect(() => pool.start({})).toThrow(JobRejectedError);
    stop();
    stop();
    live.end();
    expect(log).toEqual([
      ['start', 'live'],
      ['rejected', 'draining'],
    ]);
  });

  it('tells an observer added twice, or by another observer, once', () => {
    const pool = new SessionPool();
    const log: Log = [];
    const late = record(log);
    pool.observe({ onSessionStart: () => void pool.observe(late) });
    pool.observe(late);
    pool.start({ id: 'a' }).end();
    expect(log.map(([hook]) => hook)).toEqual(['start', 'end']);

    const second: Log = [];
    const other = new SessionPool();
    other.observe({ onSessionStart: () => void other.observe(record(second)) });
    other.start({ id: 'b' });
    expect(second).toEqual([['start', 'b']]);
  });

  const reject = async () => boom();
  const broken: [string, SessionObserver][] = [
    ['throws', { onSessionStart: boom, runSession: boom, onSessionEnd: boom, onJobRejected: boom }],
    ['rejects', { onSessionStart: reject, onSessionEnd: reject, onJobRejected: reject }],
    ['hangs', { onSessionStart: hang, onSessionEnd: hang, onJobRejected: hang }],
    ['has no hooks', {}],
    ['has wrong hooks', { onSessionStart: 5, runSession: 'x', onSessionEnd: null } as never],
  ];

  it.each(broken)('an observer that %s touches neither sessions nor other observers', async (_, observer) => {
    const pool = new SessionPool({ maxConcurrentSessions: 2 });
    const log: Log = [];
    pool.start({ id: 'live' });
    const seen = await unhandledRejections(async () => {
      pool.observe(observer);
      pool.observe(record(log));
      await expect(pool.run({ id: 'a' }, async () => 'result')).resolves.toBe('result');
      await expect(pool.run({ id: 'b' }, () => Promise.reject('error'))).rejects.toBe('error');
      const c = pool.start({ id: 'c' });
      expect(rejection(() => pool.start({})).reason).toBe('at_capacity');
      c.end();
    });
    expect(seen).toEqual([]);
    expect(log.map(([hook, id]) => `${hook} ${id}`)).toEqual([
      'start live',
      'start a',
      'end a',
      'start b',
      'end b',
      'start c',
      'rejected at_capacity',
      'end c',
    ]);
  });
});

describe("an observer's runSession", () => {
  const kinds: Record<string, (session: SessionInfo, fn: () => unknown) => unknown> = {
    'gives what fn gave': (_, fn) => fn(),
    'never calls fn': () => undefined,
    'calls fn twice': (_, fn) => [fn(), fn()],
    'throws before fn': boom,
    'throws after fn': (_, fn) => boom(fn()),
    'gives something else': (_, fn) => fn() && 'else',
    'hides the error of fn': (_, fn) => {
      try {
        return fn();
      } catch {
        return 'hidden';
      }
    },
    'rejects after fn': async (_, fn) => boom(await fn()),
    'hangs after fn': (_, fn) => fn() && hang(),
    'calls fn late': async (_, fn) => tick().then(fn),
  };

  it.each(Object.keys(kinds))('that %s, inside and outside of any other, runs fn once', async (kind) => {
    for (const other of Object.keys(kinds)) {
      const pool = new SessionPool();
      pool.observe({ runSession: kinds[kind] as never });
      pool.observe({ runSession: kinds[other] as never });
      const session = pool.start({});
      const error = new Error('session');
      const values = vi.fn(() => 'value');
      const errors = vi.fn(() => {
        throw error;
      });
      const seen = await unhandledRejections(async () => {
        expect(session.run(values)).toBe('value');
        expect(() => session.run(errors)).toThrow(error);
        await expect(pool.run({}, async () => values())).resolves.toBe('value');
        await expect(pool.run({}, async () => errors())).rejects.toBe(error);
        await tick();
      });
      expect(seen, other).toEqual([]);
      expect(values, other).toHaveBeenCalledTimes(2);
      expect(errors, other).toHaveBeenCalledTimes(2);
    }
  });

  it('runs fn inside every observer, although one breaks', async () => {
    const pool = new SessionPool();
    const around: string[] = [];
    const wrap = (name: string): SessionObserver => ({
      runSession(session, fn) {
        around.push(`${name} ${session.id}`);
        try {
          return fn();
        } finally {
          around.push(`${name} done`);
        }
      },
    });
    pool.observe(wrap('one'));
    pool.observe({ runSession: () => undefined as never });
    pool.observe(wrap('two'));
    pool.start({ id: 'a' }).run(() => around.push('fn'));
    expect(around.splice(0)).toEqual(['two a', 'one a', 'fn', 'one done', 'two done']);
    await pool.run({ id: 'b' }, () => around.push('fn'));
    expect(around).toEqual(['two b', 'one b', 'fn', 'one done', 'two done']);
  });

  it('does not hide a promise of the session that nobody handles', async () => {
    const pool = new SessionPool();
    pool.observe({ runSession: (_, fn) => fn() });
    const session = pool.start({});
    const error = new Error('session');
    const seen = await unhandledRejections(() => void session.run(() => Promise.reject(error)));
    expect(seen).toEqual([error]);
  });
});

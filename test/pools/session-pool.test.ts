import { describe, expect, it, vi } from 'vitest';
import type { SessionOutcome } from '../../src/attributes.js';
import { JobRejectedError, SessionPool, type SessionPoolOptions } from '../../src/pools/index.js';
import type { SessionStart } from '../../src/worker/pool.js';
import { type Log, record, rejection, tick } from './support.js';

describe('options', () => {
  it.each<[object, RegExp]>([
    [{ deploymentVersion: '' }, /deploymentVersion: expected a string that is not empty, got ''/],
    [{ deploymentVersion: 2 }, /deploymentVersion: expected .*, got 2/],
    [{ maxConcurrentSessions: 0 }, /maxConcurrentSessions: expected a whole number from 1, got 0/],
    [{ maxConcurrentSessions: 1.5 }, /maxConcurrentSessions: .* got 1.5/],
    [{ maxConcurrentSessions: '5' }, /maxConcurrentSessions: .* got '5'/],
    [{ drainTimeoutSeconds: -1 }, /drainTimeoutSeconds: expected seconds from 0 to 2147483, got -1/],
    [{ drainTimeoutSeconds: Number.NaN }, /drainTimeoutSeconds: .* got NaN/],
    [{ drainTimeoutSeconds: Number.POSITIVE_INFINITY }, /drainTimeoutSeconds: .* got Infinity/],
    [{ drainTimeoutSeconds: null }, /drainTimeoutSeconds: .* got null/],
    [{ auditSink: {} }, /auditSink: expected a function, got {}/],
    [{ maxSessions: 5 }, /maxSessions: expected one of .*maxConcurrentSessions/],
    [{ toString: 5 }, /toString: expected one of/],
  ])('refuses %o', (options, message) => {
    expect(() => new SessionPool(options as SessionPoolOptions)).toThrow(TypeError);
    expect(() => new SessionPool(options as SessionPoolOptions)).toThrow(message);
  });

  it('takes undefined for left out, and does not follow later changes of the object', () => {
    const options = { maxConcurrentSessions: 1, deploymentVersion: undefined };
    const pool = new SessionPool(options as unknown as SessionPoolOptions);
    options.maxConcurrentSessions = 5;
    pool.start({});
    expect(rejection(() => pool.start({})).reason).toBe('at_capacity');
  });
});

describe('start', () => {
  it('fills in what is left out', () => {
    const before = Date.now();
    const { info } = new SessionPool().start({});
    expect(info).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      tenant: 'default',
      startedAt: expect.any(Date),
    });
    expect(info.startedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(info.startedAt.getTime()).toBeLessThanOrEqual(Date.now());
    expect(Object.isFrozen(info)).toBe(true);
  });

  it('keeps what is given, but the version is that of the pool', () => {
    const given = {
      id: 'a',
      tenant: 'acme',
      agentName: 'bot',
      startedAt: new Date(5),
      metadata: { room: 'r' },
    };
    const pool = new SessionPool({ deploymentVersion: 'v2' });
    expect(pool.start({ ...given, deploymentVersion: 'v1' }).info).toEqual({
      ...given,
      deploymentVersion: 'v2',
    });
    expect(new SessionPool().start({ deploymentVersion: 'v1' }).info).not.toHaveProperty('deploymentVersion');
  });

  it.each([[null], [undefined]])('takes nothing to be known of a session that is %s', (info) => {
    const { id, tenant } = new SessionPool().start(info as never).info;
    expect([typeof id, tenant]).toEqual(['string', 'default']);
  });

  it('rejects while draining', () => {
    const pool = new SessionPool();
    pool.beginDrain();
    const error = rejection(() => pool.start({}));
    expect(error).toMatchObject({ name: 'JobRejectedError', reason: 'draining' });
    expect(error.message).toMatch(/expected .* got .*drains/);
  });

  it('rejects at capacity until a session ends', () => {
    const pool = new SessionPool({ maxConcurrentSessions: 2 });
    const first = pool.start({});
    pool.start({});
    const error = rejection(() => pool.start({}));
    expect(error.reason).toBe('at_capacity');
    expect(error.message).toBe('expected fewer than 2 sessions, got 2');
    first.end();
    expect(() => pool.start({})).not.toThrow();
  });

  it.each<[unknown]>([
    [{ id: '' }],
    [{ id: 7 }],
    [{ agentName: '' }],
    [{ agentName: {} }],
    [{ startedAt: new Date(Number.NaN) }],
    [{ startedAt: 5 }],
  ])('rejects %o as invalid and says why', (info) => {
    const pool = new SessionPool();
    const error = rejection(() => pool.start(info as SessionStart));
    expect(error.reason).toBe('invalid');
    expect(error.message).toMatch(
      new RegExp(`^session ${Object.keys(info as object)[0]}: expected .+, got .+`),
    );
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, totalSessionsStarted: 0 });
  });

  it('does not put all of a long value into the message', () => {
    const error = rejection(() => new SessionPool().start({ agentName: ['!'.repeat(10_000)] } as never));
    expect(error.message.length).toBeLessThan(300);
  });

  it.each<[unknown, string]>([
    ['acme.com', 'acme.com'],
    ['Müller GmbH', 'Müller GmbH'],
    ['x'.repeat(300), 'x'.repeat(255)],
    ['', 'default'],
    [null, 'default'],
    [7, '7'],
    [Object.create(null), 'default'],
  ])('turns no call away for its tenant: %o', (tenant, kept) => {
    expect(new SessionPool().start({ tenant } as SessionStart).info.tenant).toBe(kept);
  });

  it('rejects an id that is active, and takes it again after its end', () => {
    const pool = new SessionPool();
    const first = pool.start({ id: 'a' });
    expect(rejection(() => pool.start({ id: 'a' }))).toMatchObject({
      reason: 'invalid',
      message: "session id: expected one not active, got 'a'",
    });
    first.end();
    pool.start({ id: 'a' });
    first.end();
    expect(pool.runtimeSnapshot().activeSessions).toBe(1);
  });
});

describe('end', () => {
  it('counts once, as success unless told otherwise', () => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    const error = new Error('boom');
    const session = pool.start({ id: 'a' });
    session.end();
    session.end('failed', error);
    pool.start({ id: 'b' }).end('failed', error);
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'success', undefined],
      ['start', 'b'],
      ['end', 'b', 'failed', error],
    ]);
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, totalSessionFailures: 1 });
  });

  it('works without its session, and makes of an outcome that is none unknown', () => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    const { end } = pool.start({ id: 'a' });
    end(1000 as never);
    expect(log.at(-1)).toEqual(['end', 'a', 'unknown', undefined]);
  });
});

describe('run', () => {
  it('gives what fn gave and ends as success', async () => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    const result = { a: 1 };
    await expect(pool.run({ id: 'a' }, async () => result)).resolves.toBe(result);
    await expect(pool.run({ id: 'b' }, () => 5)).resolves.toBe(5);
    expect(log.filter(([hook]) => hook === 'end').map(([, id, outcome]) => [id, outcome])).toEqual([
      ['a', 'success'],
      ['b', 'success'],
    ]);
  });

  it('has the session active until fn has settled', async () => {
    const pool = new SessionPool();
    let finish = () => {};
    const done = pool.run(
      {},
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    expect(pool.runtimeSnapshot().activeSessions).toBe(1);
    await tick();
    expect(pool.runtimeSnapshot().activeSessions).toBe(1);
    finish();
    await done;
    expect(pool.runtimeSnapshot().activeSessions).toBe(0);
  });

  it.each<[unknown, SessionOutcome]>([
    [new TypeError('boom'), 'failed'],
    ['a text', 'failed'],
    [undefined, 'failed'],
    [null, 'failed'],
    [new DOMException('stop', 'AbortError'), 'cancelled'],
    [Object.assign(new Error('stop'), { name: 'AbortError' }), 'cancelled'],
  ])('passes the error %s on and ends as %s', async (error, outcome) => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    for (const fn of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      await pool.run({ id: 'a' }, fn).then(
        () => expect.unreachable(),
        (thrown) => expect(thrown).toBe(error),
      );
      expect(log.at(-1)).toEqual(['end', 'a', outcome, error]);
    }
    expect(log).toHaveLength(4);
  });

  it('rejects when the session is not accepted, and does not run fn', async () => {
    const pool = new SessionPool();
    pool.beginDrain();
    const fn = vi.fn();
    await expect(pool.run({}, fn)).rejects.toBeInstanceOf(JobRejectedError);
    expect(fn).not.toHaveBeenCalled();
  });

  it('lets fn end its session otherwise', async () => {
    const log: Log = [];
    const pool = new SessionPool();
    pool.observe(record(log));
    await pool.run({ id: 'a' }, (session) => session.end('cancelled'));
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'cancelled', undefined],
    ]);
  });
});

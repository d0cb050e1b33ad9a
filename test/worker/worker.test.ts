import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { REJECTION_REASONS, type Report, SESSION_OUTCOMES } from '../../src/attributes.js';
import { goodbyeOf } from '../../src/worker/worker.js';
import { BAD_SNAPSHOTS, TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';
import { createWorker } from '../support/workers.js';

const said = listenToWarnings();

describe('a worker', () => {
  it('reports what the snapshot says', () => {
    const worker = createWorker(
      new TestPool({ activeSessions: 3, draining: true, drainTimeoutSeconds: 600 }),
    );
    expect(worker.read()).toEqual({
      active: 3,
      draining: 1,
      running: 1,
      dropped: 0,
      startTime: 1_700_000_000.5,
      interval: 15,
      drainElapsed: expect.any(Number),
      drainTimeout: 600,
      tenants: [],
      started: 0,
      ended: SESSION_OUTCOMES.map((outcome) => [outcome, 0]),
      rejected: REJECTION_REASONS.map((reason) => [reason, 0]),
    });
  });

  it('takes one snapshot a report', () => {
    const pool = new TestPool();
    const worker = createWorker(pool, { tenantLimit: 5 });
    worker.read();
    expect(pool.reads).toBe(1);
  });

  it('counts the sessions that ended as dropped', () => {
    const worker = createWorker(new TestPool());
    worker.totals.ended.dropped = 2;
    expect(worker.read().dropped).toBe(2);
  });
});

describe('a bad snapshot', () => {
  const good = { activeSessions: 2, draining: false };

  it.each(BAD_SNAPSHOTS)('of %s is no fact, however good the last one was', (_, bad) => {
    const pool = new TestPool(good);
    const worker = createWorker(pool);
    const before = worker.read();
    pool.give(bad);
    const { active, draining } = worker.read();
    expect([active, draining]).toContain(undefined);
    expect(worker.read()).toEqual({ ...before, active, draining });
    expect(worker.lastActive).toBe(2);
  });

  it.each(BAD_SNAPSHOTS)('of %s is said once, and once when it heals', async (_, bad) => {
    const pool = new TestPool(good);
    const worker = createWorker(pool);
    pool.give(bad);
    for (let i = 0; i < 3; i++) worker.read();
    expect(await said()).toEqual([expect.stringMatching(/^bad snapshot of the pool: .+$/)]);
    pool.give(good);
    for (let i = 0; i < 3; i++) worker.read();
    expect(await said()).toEqual([expect.any(String), 'the pool gives good snapshots again']);
  });

  it.each([
    [{ activeSessions: Number.NaN, draining: false }, 'activeSessions: expected a whole number, got NaN'],
    [{ activeSessions: -1, draining: false }, 'activeSessions: expected a whole number, got -1'],
    [{ activeSessions: 'secret', draining: false }, 'activeSessions: expected a whole number, got string'],
    [{ activeSessions: null, draining: false }, 'activeSessions: expected a whole number, got null'],
    [{ draining: false }, 'activeSessions: expected a whole number, got undefined'],
    [{ activeSessions: 1, draining: { secret: true } }, 'draining: expected a boolean, got object'],
  ])('is said with the field, the expectation and the kind of what was given: %j', async (bad, fault) => {
    createWorker(new TestPool(bad)).read();
    expect(await said()).toEqual([`bad snapshot of the pool: ${fault}`]);
  });

  it('is said with the class of what was thrown, and never its message', async () => {
    const pool = new TestPool();
    pool.fail(new RangeError('secret'));
    createWorker(pool).read();
    expect(await said()).toEqual(['bad snapshot of the pool: runtimeSnapshot() threw RangeError']);
  });

  it.each([
    ['a string', 'secret'],
    ['nothing', undefined],
    ['an object without a prototype', Object.create(null)],
    ['a revoked proxy', revokedProxy()],
    ['an error that does not let itself be read', unreadableError()],
  ])('never makes a report throw: %s was thrown', (_, thrown) => {
    const pool = new TestPool(good);
    const worker = createWorker(pool);
    worker.read();
    pool.fail(thrown);
    expect(worker.read()).toMatchObject({ active: undefined, draining: undefined, running: 1 });
  });

  it('still tells the fields that are good', () => {
    const pool = new TestPool(good);
    const worker = createWorker(pool);
    worker.read();
    pool.give({ activeSessions: 'many', draining: true });
    expect(worker.read()).toMatchObject({ active: undefined, draining: 1 });
    pool.give({ activeSessions: 5, draining: 'no' });
    expect(worker.read()).toMatchObject({ active: 5, draining: undefined });
  });

  it('is no fact where there never was a good one', () => {
    const pool = new TestPool();
    pool.fail(new Error('not yet'));
    const report = createWorker(pool).read();
    expect(report).toMatchObject({ running: 1, active: undefined, draining: undefined });
  });

  it.each(['600', -1, Number.NaN, Number.POSITIVE_INFINITY, {}])(
    'keeps the last good drain timeout: %s',
    (drainTimeoutSeconds) => {
      const pool = new TestPool({ ...good, drainTimeoutSeconds: 30 });
      const worker = createWorker(pool);
      worker.read();
      pool.give({ ...good, drainTimeoutSeconds });
      expect(worker.read().drainTimeout).toBe(30);
    },
  );

  it('is said where only its drain timeout is bad', async () => {
    createWorker(new TestPool({ ...good, drainTimeoutSeconds: -1 })).read();
    expect(await said()).toEqual([expect.stringContaining('drainTimeoutSeconds: expected ')]);
  });
});

describe('the drain', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('has lasted no time before it starts', () => {
    const worker = createWorker(new TestPool());
    worker.read();
    vi.advanceTimersByTime(5_000);
    expect(worker.read().drainElapsed).toBe(0);
  });

  it('is timed from the report that first saw it', () => {
    const pool = new TestPool();
    const worker = createWorker(pool);
    worker.read();
    vi.advanceTimersByTime(5_000);
    pool.give({ activeSessions: 1, draining: true });
    expect(worker.read().drainElapsed).toBe(0);
    vi.advanceTimersByTime(2_500);
    expect(worker.read().drainElapsed).toBe(2.5);
    pool.give({ activeSessions: 0, draining: true });
    vi.advanceTimersByTime(1_000);
    expect(worker.read().drainElapsed).toBe(3.5);
  });

  it('goes on through bad snapshots', () => {
    const pool = new TestPool({ activeSessions: 1, draining: true });
    const worker = createWorker(pool);
    worker.read();
    pool.fail(new Error('down'));
    vi.advanceTimersByTime(4_000);
    expect(worker.read().drainElapsed).toBe(4);
  });

  it('starts anew after it was called off', () => {
    const pool = new TestPool({ activeSessions: 1, draining: true });
    const worker = createWorker(pool);
    worker.read();
    vi.advanceTimersByTime(9_000);
    pool.give({ activeSessions: 1, draining: false });
    expect(worker.read().drainElapsed).toBe(0);
    pool.give({ activeSessions: 1, draining: true });
    worker.read();
    vi.advanceTimersByTime(1_000);
    expect(worker.read().drainElapsed).toBe(1);
  });
});

describe('the drain timeout', () => {
  const snapshot = { activeSessions: 0, draining: false, drainTimeoutSeconds: 60 };

  it('is that of the option before that of the snapshot', () => {
    const worker = createWorker(new TestPool(snapshot), { drainTimeoutSeconds: 30 });
    expect(worker.read().drainTimeout).toBe(30);
  });

  it('can be no time at all', () => {
    const worker = createWorker(new TestPool(snapshot), { drainTimeoutSeconds: 0 });
    expect(worker.read().drainTimeout).toBe(0);
  });

  it.each([null, undefined])('is not known where the snapshot says %s', async (drainTimeoutSeconds) => {
    const worker = createWorker(new TestPool({ ...snapshot, drainTimeoutSeconds }));
    expect(worker.read().drainTimeout).toBeUndefined();
    expect(await said()).toEqual([]);
  });
});

it('a snapshot that is a promise is bad, and its rejection ends no process', async () => {
  const pool = new TestPool();
  pool.runtimeSnapshot = (async () => {
    throw new Error('no store');
  }) as never;
  expect(createWorker(pool).read().active).toBeUndefined();
  expect(await said()).toEqual([expect.stringContaining('activeSessions: expected a whole number')]);
});

describe('the goodbye', () => {
  const report: Report = {
    active: 3,
    draining: 1,
    running: 1,
    dropped: 2,
    startTime: 1_700_000_000,
    interval: 15,
    drainElapsed: 7,
    drainTimeout: 60,
    tenants: [['acme', 3]],
    started: 9,
    ended: [['dropped', 2]],
    rejected: [],
  };

  it('counts what was still active as dropped, and has gauges only', () => {
    const { started, ended, rejected, ...gauges } = report;
    expect(goodbyeOf(report)).toEqual({
      ...gauges,
      running: 0,
      active: 0,
      dropped: 5,
      tenants: [['acme', 0]],
    });
  });

  it('leaves out what was never known', () => {
    const goodbye = goodbyeOf({ ...report, active: undefined });
    expect(goodbye).not.toHaveProperty('active');
    expect(goodbye).not.toHaveProperty('dropped');
  });

  it('leaves the report it was made of alone', () => {
    const before = structuredClone(report);
    goodbyeOf(report);
    expect(report).toEqual(before);
  });
});

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function unreadableError(): Error {
  return Object.defineProperty(new Error('x'), 'name', {
    get() {
      throw new Error('secret');
    },
  });
}

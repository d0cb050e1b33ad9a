import { afterEach, describe, expect, it, vi } from 'vitest';
import { SessionPool } from '../../src/pools/index.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('runtimeSnapshot', () => {
  it('of a new pool', () => {
    expect(new SessionPool().runtimeSnapshot()).toEqual({
      timestamp: expect.any(Number),
      uptimeSeconds: expect.any(Number),
      registeredAgents: 0,
      activeSessions: 0,
      draining: false,
      deploymentVersion: null,
      drainTimeoutSeconds: null,
      totalSessionsStarted: 0,
      totalSessionFailures: 0,
      lastRoutedAgent: null,
      lastError: null,
      sessionsByAgent: {},
      sessionsByTenant: {},
    });
  });

  it('counts, and leaves out what is at zero', () => {
    const pool = new SessionPool({ deploymentVersion: 'v1', drainTimeoutSeconds: 9 });
    const a = pool.start({ tenant: 'x', agentName: 'one' });
    pool.start({ tenant: 'x', agentName: 'two' });
    const c = pool.start({ tenant: 'y', agentName: 'one' });
    const d = pool.start({ tenant: '__proto__' });
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 4, sessionsByAgent: { one: 2, two: 1 } });
    expect(Object.entries(pool.runtimeSnapshot().sessionsByTenant)).toEqual([
      ['x', 2],
      ['y', 1],
      ['__proto__', 1],
    ]);
    a.end('failed', new RangeError('boom'));
    c.end('dropped');
    d.end('cancelled', new Error('no failure'));
    pool.beginDrain();
    expect(pool.runtimeSnapshot()).toMatchObject({
      registeredAgents: 2,
      activeSessions: 1,
      draining: true,
      deploymentVersion: 'v1',
      drainTimeoutSeconds: 9,
      totalSessionsStarted: 4,
      totalSessionFailures: 1,
      lastRoutedAgent: 'one',
      lastError: 'RangeError: boom',
    });
    expect(pool.runtimeSnapshot().sessionsByAgent).toStrictEqual({ two: 1 });
    expect(pool.runtimeSnapshot().sessionsByTenant).toStrictEqual({ x: 1 });
  });

  it('tells the time in seconds', () => {
    vi.useFakeTimers({ now: 1_700_000_000_500 });
    vi.advanceTimersByTime(1000);
    const pool = new SessionPool();
    vi.advanceTimersByTime(1500);
    const { timestamp, uptimeSeconds } = pool.runtimeSnapshot();
    expect(timestamp).toBe(1_700_000_003);
    expect(uptimeSeconds).toBeCloseTo(1.5);
  });

  it('tells the last error, also one that can not be made a string', () => {
    const pool = new SessionPool();
    pool.start({}).end('failed', 'a text');
    expect(pool.runtimeSnapshot().lastError).toBe('a text');
    pool.start({}).end('failed');
    expect(pool.runtimeSnapshot().lastError).toBeNull();
    pool.start({}).end('failed', Object.create(null));
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, totalSessionFailures: 3 });
  });

  it('does not change under its reader', () => {
    const pool = new SessionPool();
    const { sessionsByTenant } = pool.runtimeSnapshot();
    pool.start({});
    expect(sessionsByTenant).toEqual({});
  });
});

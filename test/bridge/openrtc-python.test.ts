import { describe, expect, it } from 'vitest';
import type { PoolFacts, SessionEvent } from '../../src/bridge/facts.js';
import { type OpenRtcPythonOptions, OpenRtcPythonPool } from '../../src/bridge/openrtc-python.js';

/** A pool with a clock that a test moves, and what its observer was told. */
function createPool(options: Partial<OpenRtcPythonOptions> = {}) {
  const clock = { now: 0 };
  const pool = new OpenRtcPythonPool({
    startedAt: 1_700_000_000,
    deploymentVersion: 'v1',
    drainTimeoutSeconds: undefined,
    hasStream: true,
    now: () => clock.now,
    ...options,
  });
  const told: string[] = [];
  pool.observe({
    onSessionStart: ({ id, isResumed }) => told.push(`${id} ${isResumed ? 'resumed' : 'started'}`),
    onSessionEnd: ({ id }, outcome, error) => {
      const name = error instanceof Error ? ` ${error.name}` : '';
      told.push(`${id} ${outcome}${name}`);
    },
  });
  const ended = () => {
    const { sessionsEnded = {} } = pool.runtimeSnapshot();
    return Object.fromEntries(Object.entries(sessionsEnded).filter(([, count]) => count > 0));
  };
  return { pool, clock, told, ended };
}

const facts = (active: number, started: number, failed = 0): PoolFacts => ({
  ...{ active, started, failed, draining: false, tenants: undefined },
  ...{ version: undefined, startedAt: undefined, uptimeSeconds: undefined },
});
/** Where OpenRTC tells no totals. */
const bareFacts = (active: number): PoolFacts => ({
  ...facts(active, 0),
  ...{ started: undefined, failed: undefined },
});
const listed = (...ids: string[]) => ids.map((id) => ({ id, tenant: 'acme', agentName: 'hold', seconds: 1 }));
const event = (
  name: 'started' | 'finished' | 'failed',
  tenant = 'acme',
  errorName?: string,
): SessionEvent => ({
  event: `session_${name}`,
  ...{ tenant, agentName: 'hold', errorName },
});

describe('the sessions of a stream', () => {
  it('are counted once, whether snapshot or event tells them first', () => {
    const { pool, ended } = createPool();
    pool.takeSnapshot(facts(1, 1));
    pool.takeEvent(event('started'));
    pool.takeEvent(event('started'));
    expect(pool.runtimeSnapshot()).toMatchObject({ totalSessionsStarted: 2, activeSessions: 2 });
    pool.takeSnapshot(facts(2, 2));
    pool.takeEvent(event('finished'));
    expect(pool.runtimeSnapshot()).toMatchObject({ totalSessionsStarted: 2, activeSessions: 1 });
    pool.takeSnapshot(facts(0, 2));
    pool.takeEvent(event('finished'));
    expect(pool.runtimeSnapshot()).toMatchObject({ totalSessionsStarted: 2, activeSessions: 0 });
    expect(ended()).toEqual({ success: 2 });
  });

  it('whose events were lost are counted by the next snapshot, failures included', () => {
    const { pool, ended } = createPool();
    pool.takeSnapshot(facts(0, 0));
    pool.takeSnapshot(facts(3, 300, 7));
    expect(pool.runtimeSnapshot()).toMatchObject({ totalSessionsStarted: 300, activeSessions: 3 });
    expect(ended()).toEqual({ success: 290, failed: 7 });
  });

  it('that a snapshot without totals tells are counted by their events alone', () => {
    const { pool, ended } = createPool();
    pool.takeSnapshot(bareFacts(2));
    pool.takeEvent(event('started'));
    pool.takeEvent(event('failed'));
    pool.takeEvent(event('finished'));
    expect(ended()).toEqual({ failed: 1 });
  });

  it('end as the events of their tenant and agent say, before or after they are listed no more', () => {
    const { pool, clock, told } = createPool();
    pool.takeSnapshot(facts(3, 3));
    pool.takeSocketAnswer(facts(3, 3), listed('a', 'b', 'c'));
    pool.takeSocketAnswer(facts(2, 3), listed('b', 'c'));
    expect(told).toHaveLength(3);
    pool.takeEvent(event('finished', 'other'));
    pool.takeEvent(event('failed', 'acme', 'ValueError'));
    pool.takeEvent(event('finished'));
    pool.takeEvent(event('finished'));
    pool.takeSocketAnswer(facts(1, 3), listed('c'));
    pool.takeSocketAnswer(facts(0, 3), listed());
    clock.now = 6_000;
    pool.takeSocketAnswer(facts(0, 3), listed());
    expect(told.slice(3)).toEqual(['a failed ValueError', 'b success', 'c unknown']);
  });
});

describe('the sessions of a socket alone', () => {
  it('that are old when it is first asked were told before', () => {
    const { pool, told } = createPool({ hasStream: false });
    const old = { id: 'old', tenant: 'acme', agentName: 'hold', seconds: 30 };
    pool.takeSocketAnswer(facts(2, 2), [old, ...listed('new')]);
    pool.takeSocketAnswer(facts(3, 3), [old, ...listed('new'), { ...old, id: 'late' }]);
    expect(told).toEqual(['old resumed', 'new started', 'late started']);
  });

  it('are counted by its totals, and end well where no failure came up', () => {
    const { pool, told, ended } = createPool({ hasStream: false });
    pool.takeSocketAnswer(facts(2, 2), listed('a', 'b'));
    for (let answer = 0; answer < 2; answer++) pool.takeSocketAnswer(facts(1, 2), listed('b'));
    for (let answer = 0; answer < 2; answer++) pool.takeSocketAnswer(facts(0, 2, 1), listed());
    expect(told).toEqual(['a started', 'b started', 'a success', 'b unknown']);
    expect(ended()).toEqual({ success: 1, failed: 1 });
  });

  it('are not ended by a start that is counted before it is listed', () => {
    const { pool, ended } = createPool({ hasStream: false });
    pool.takeSocketAnswer(facts(1, 1), listed('a'));
    pool.takeSocketAnswer(facts(1, 2), listed('a'));
    pool.takeSocketAnswer(facts(2, 2), listed('a', 'b'));
    expect(ended()).toEqual({});
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 2, totalSessionsStarted: 2 });
  });

  it('that is a bare list end as unknown', () => {
    const { pool, told, ended } = createPool({ hasStream: false });
    pool.takeSocketAnswer(bareFacts(2), listed('a', 'b'));
    for (let answer = 0; answer < 2; answer++) {
      pool.takeSocketAnswer(bareFacts(1), listed('b'));
    }
    expect(told.at(-1)).toBe('a unknown');
    expect(ended()).toEqual({ unknown: 1 });
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1, totalSessionsStarted: 2 });
  });
});

describe('a drain', () => {
  it('with a timeout drops what is live then, and what ends in the second before it', () => {
    const { pool, clock, told, ended } = createPool({ drainTimeoutSeconds: 60 });
    pool.takeSnapshot(facts(4, 4));
    pool.takeSocketAnswer(facts(4, 4), listed('a', 'b', 'c', 'd'));
    pool.drain();
    clock.now = 30_000;
    pool.takeSnapshot(facts(3, 4));
    pool.takeSocketAnswer(facts(3, 4), listed('b', 'c', 'd'));
    pool.takeEvent(event('finished'));
    clock.now = 59_500;
    pool.takeSnapshot(facts(2, 4));
    pool.takeSocketAnswer(facts(2, 4), listed('c', 'd'));
    expect(ended()).toEqual({ success: 1, dropped: 1 });
    clock.now = 60_000;
    pool.look();
    expect(ended()).toEqual({ success: 1, dropped: 3 });
    expect(pool.runtimeSnapshot().activeSessions).toBe(2);
    pool.takeSnapshot(facts(0, 4));
    pool.takeSocketAnswer(facts(0, 4), listed());
    pool.end(false);
    expect(ended()).toEqual({ success: 1, dropped: 3 });
    expect(told.slice(4)).toEqual(['a success', 'b dropped', 'c dropped', 'd dropped']);
  });

  it('starts when it is first told, by whoever that is', () => {
    const { pool, clock, ended } = createPool({ drainTimeoutSeconds: 10 });
    pool.takeSnapshot(facts(1, 1));
    clock.now = 20_000;
    pool.drain(15_000);
    pool.takeSnapshot({ ...facts(1, 1), draining: true });
    clock.now = 24_900;
    pool.look();
    expect(ended()).toEqual({});
    clock.now = 25_000;
    pool.look();
    expect(ended()).toEqual({ dropped: 1 });
  });
});

describe('a worker that is gone', () => {
  it('has dropped what was active, in its stream and in its socket', () => {
    const { pool, told, ended } = createPool();
    pool.takeSnapshot(facts(2, 2));
    pool.takeSocketAnswer(facts(2, 2), listed('a', 'b'));
    pool.end(false);
    expect(ended()).toEqual({ dropped: 2 });
    expect(told.slice(2)).toEqual(['a dropped', 'b dropped']);
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, sessionsByTenant: {} });
  });

  it('whose last snapshot tells fewer sessions than its socket listed has dropped those', () => {
    const { pool, told, ended } = createPool();
    pool.takeSnapshot(facts(3, 3));
    pool.takeSocketAnswer(facts(3, 3), listed('a', 'b', 'c'));
    pool.takeSnapshot(facts(1, 3));
    pool.takeEvent(event('finished'));
    pool.end(false);
    expect(ended()).toEqual({ success: 2, dropped: 1 });
    expect(told.slice(3)).toEqual(['a success', 'b unknown', 'c dropped']);
  });

  it.each([
    ['closed while it drained', true, true, { unknown: 1 }],
    ['closed without a drain', true, false, { dropped: 1 }],
    ['was killed while it drained', false, true, { dropped: 1 }],
  ])('by its socket alone, and %s', (_, hasClosed, isDraining, expected) => {
    const { pool, ended } = createPool({ hasStream: false });
    pool.takeSocketAnswer(facts(1, 1), listed('a'));
    if (isDraining) pool.drain();
    pool.end(hasClosed);
    expect(ended()).toEqual(expected);
  });
});

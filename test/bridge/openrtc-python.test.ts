import { describe, expect, it } from 'vitest';
import { type OpenRtcPythonOptions, OpenRtcPythonPool } from '../../src/bridge/openrtc-python.js';
import type { PoolFacts, SessionEvent } from '../../src/bridge/parse.js';
import { internalsOf } from '../../src/worker/pool.js';

/** A pool with a clock that a test moves, and what its observer was told. */
function createPool(options: Partial<OpenRtcPythonOptions> = {}) {
  const clock = { now: 0 };
  const pool = new OpenRtcPythonPool({
    startedAt: 1_700_000_000,
    deploymentVersion: 'v1',
    hasStream: true,
    watchedSince: Date.now(),
    now: () => clock.now,
    ...options,
  });
  const told: string[] = [];
  pool.observe({
    onSessionStart: (session) => {
      const isResumed = internalsOf(pool)?.isResumed?.(session);
      told.push(`${session.id} ${isResumed ? 'resumed' : 'started'}`);
    },
    onSessionEnd: ({ id }, outcome, error) => {
      const name = error instanceof Error ? ` ${error.name}` : '';
      told.push(`${id} ${outcome}${name}`);
    },
  });
  const ended = () => {
    const totals = internalsOf(pool)?.totals?.().ended ?? {};
    return Object.fromEntries(Object.entries(totals).filter(([, count]) => count > 0));
  };
  return { pool, clock, told, ended };
}

const facts = (active: number, started: number, failed = 0): PoolFacts => ({
  active,
  started,
  failed,
  draining: false,
});
/** Where OpenRTC tells no totals. */
const bareFacts = (active: number): PoolFacts => ({ active, draining: false });
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

  it('that are old only because the first answer was late were told by nobody', () => {
    const { pool, told } = createPool({ hasStream: false, watchedSince: Date.now() - 60_000 });
    pool.takeSocketAnswer(facts(1, 1), [{ id: 'a', tenant: 'acme', agentName: 'hold', seconds: 30 }]);
    expect(told).toEqual(['a started']);
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

describe('the sessions of a socket that snapshots do not count', () => {
  it('are those of the worker, and nobody knows how they end', () => {
    const { pool, told, ended } = createPool();
    const zero = () => pool.takeSnapshot({ ...facts(0, 0), tenants: {} });
    zero();
    const ofTwo = () => pool.takeSocketAnswer({ ...facts(2, 2), tenants: { acme: 2 } }, listed('a', 'b'));
    ofTwo();
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 2 });
    ofTwo();
    expect(pool.isContradicted).toBe(false);
    for (let second = 0; second < 3; second++) zero();
    expect(pool.isContradicted).toBe(true);
    expect(pool.runtimeSnapshot()).toMatchObject({
      activeSessions: 2,
      totalSessionsStarted: 2,
      sessionsByTenant: { acme: 2 },
    });
    for (let answer = 0; answer < 2; answer++) pool.takeSocketAnswer(facts(1, 2), listed('b'));
    zero();
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1 });
    pool.end(false);
    expect(ended()).toEqual({ unknown: 1, dropped: 1 });
    expect(told.slice(2)).toEqual(['a unknown', 'b dropped']);
  });

  it('are no contradiction where the next snapshot counts them', () => {
    const { pool, ended } = createPool();
    for (let call = 1; call < 6; call++) {
      pool.takeSocketAnswer(facts(1, call), listed(`${call}`));
      pool.takeSnapshot(facts(0, call - 1));
      expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1 });
      pool.takeSnapshot(facts(1, call));
      pool.takeEvent(event('started'));
      pool.takeSnapshot(facts(0, call));
      pool.takeEvent(event('finished'));
      expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0 });
    }
    expect(pool.isContradicted).toBe(false);
    expect(ended()).toEqual({ success: 5 });
  });

  it('may have ended any way where they are processes, though no failure comes up', () => {
    const { pool, told, ended } = createPool({ hasStream: false });
    const ofProcesses = (active: number) => ({ ...facts(active, 1), hasJobProcesses: true });
    pool.takeSocketAnswer(ofProcesses(1), listed('a'));
    for (let answer = 0; answer < 2; answer++) pool.takeSocketAnswer(ofProcesses(0), listed());
    expect(told).toEqual(['a started', 'a unknown']);
    expect(ended()).toEqual({ unknown: 1 });
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
    pool.takeEvent(event('finished'));
    pool.takeSocketAnswer(facts(2, 4), listed('c', 'd'));
    expect(ended()).toEqual({ success: 1, dropped: 1 });
    clock.now = 60_000;
    pool.update();
    expect(ended()).toEqual({ success: 1, dropped: 3 });
    expect(pool.runtimeSnapshot().activeSessions).toBe(2);
    pool.takeSnapshot(facts(0, 4));
    pool.takeSocketAnswer(facts(0, 4), listed());
    pool.end(false);
    expect(ended()).toEqual({ success: 1, dropped: 3 });
    expect(told.slice(4)).toEqual(['a success', 'b dropped', 'c dropped', 'd dropped']);
  });

  it('starts when it is first told, where the worker does not report it', () => {
    const { pool, clock, ended } = createPool({ drainTimeoutSeconds: 10 });
    pool.takeSnapshot(facts(1, 1));
    clock.now = 20_000;
    pool.drain(15_000);
    pool.drain(18_000);
    clock.now = 24_900;
    pool.update();
    expect(ended()).toEqual({});
    clock.now = 25_000;
    pool.update();
    expect(ended()).toEqual({ dropped: 1 });
  });
});

describe('a drain that the worker reports', () => {
  const draining = (active: number) => ({ ...facts(active, 4), draining: true });
  /** A worker with four sessions that reports its drain at 1 s; its timeout is between 60 and 61 s. */
  function draw(options: Partial<OpenRtcPythonOptions> = {}) {
    const scene = createPool({ drainTimeoutSeconds: 60, ...options });
    const { pool, clock } = scene;
    const list = (...ids: string[]) => pool.takeSocketAnswer(draining(ids.length), listed(...ids));
    pool.takeSnapshot(facts(4, 4));
    pool.takeSocketAnswer(facts(4, 4), listed('a', 'b', 'c', 'd'));
    const read = (at: number, ...ids: string[]) => {
      clock.now = at;
      const before = pool.runtimeSnapshot().activeSessions;
      pool.takeSnapshot(draining(ids.length));
      for (let end = ids.length; end < before; end++) pool.takeEvent(event('finished'));
      list(...ids);
      pool.update();
    };
    read(1_000, 'a', 'b', 'c', 'd');
    return { ...scene, read };
  }

  it('has dropped whom the timeout cut off, and not who hung up before or after it', () => {
    const { pool, read, told, ended } = draw();
    read(30_000, 'b', 'c', 'd');
    read(59_000, 'b', 'c', 'd');
    read(60_400, 'c', 'd');
    expect(ended()).toEqual({ success: 1, dropped: 1 });
    for (const at of [61_400, 62_400]) read(at, 'c', 'd');
    read(63_400, 'd');
    read(90_000);
    pool.end(true);
    expect(ended()).toEqual({ success: 3, dropped: 1 });
    expect(told.slice(4)).toEqual(['a success', 'b dropped', 'c success', 'd success']);
  });

  it.each([
    [0, { unknown: 4 }, 'd unknown'],
    [1, { success: 3 }, 'c success'],
  ])('may have cut off all that end as it begins, unless some are left: %i', (left, expected, lastTold) => {
    const { pool, clock, told, ended } = createPool({ drainTimeoutSeconds: 60 });
    pool.takeSnapshot(facts(4, 4));
    pool.takeSocketAnswer(facts(4, 4), listed('a', 'b', 'c', 'd'));
    clock.now = 1_000;
    pool.takeSnapshot(draining(left));
    for (let end = left; end < 4; end++) pool.takeEvent(event('finished'));
    expect(ended()).toEqual(expected);
    pool.takeSocketAnswer(draining(left), listed(...['d'].slice(0, left)));
    expect(told.at(-1)).toBe(lastTold);
  });

  it('has dropped the last one where the worker closes with it', () => {
    const { pool, read, clock, told, ended } = draw();
    for (const at of [40_000, 59_500]) read(at, 'd');
    clock.now = 60_500;
    pool.takeSnapshot(draining(0));
    pool.takeEvent(event('finished'));
    pool.end(true);
    expect(ended()).toEqual({ success: 3, dropped: 1 });
    expect(told.at(-1)).toBe('d dropped');
  });

  it('has dropped whom the timeout cut off, however rarely its snapshots come', () => {
    const { read, ended } = draw();
    read(50_000, 'a', 'b', 'c', 'd');
    read(80_000, 'b', 'c', 'd');
    read(110_000, 'c', 'd');
    expect(ended()).toEqual({ success: 1, dropped: 1 });
  });

  it('has dropped whom the timeout cut off, by the socket alone', () => {
    const { pool, clock, ended } = createPool({ hasStream: false, drainTimeoutSeconds: 60 });
    pool.takeSocketAnswer(facts(2, 4), listed('a', 'b'));
    const read = (at: number, ...ids: string[]) => {
      clock.now = at;
      pool.takeSocketAnswer(draining(ids.length), listed(...ids));
    };
    for (let at = 1_000; at < 61_000; at += 1_000) read(at, 'a', 'b');
    for (const at of [61_100, 62_100, 63_100]) read(at, 'b');
    for (const at of [64_100, 65_100]) read(at);
    expect(ended()).toEqual({ success: 3, dropped: 1 });
  });

  it('is presumed to drop all where the timeout cut off none: its clock began at another time', () => {
    const { pool, read, told, ended } = draw();
    for (const at of [59_000, 60_000, 61_000, 62_000]) read(at, 'a', 'b', 'c', 'd');
    expect(ended()).toEqual({});
    read(63_000, 'b', 'c', 'd');
    expect(ended()).toEqual({ dropped: 4 });
    read(64_000);
    pool.end(true);
    expect(ended()).toEqual({ dropped: 4 });
    expect(told.slice(4)).toEqual(['a dropped', 'b dropped', 'c dropped', 'd dropped']);
  });

  it('cuts off all sessions where these are processes', () => {
    const { pool, clock, ended } = createPool({ drainTimeoutSeconds: 60 });
    pool.takeSnapshot(facts(0, 0));
    pool.takeSocketAnswer({ ...facts(2, 2), hasJobProcesses: true }, listed('a', 'b'));
    clock.now = 1_000;
    pool.takeSnapshot({ ...facts(0, 0), draining: true });
    clock.now = 60_999;
    pool.update();
    expect(ended()).toEqual({});
    clock.now = 61_000;
    pool.update();
    expect(ended()).toEqual({ dropped: 2 });
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

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/attributes.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { ObservedPool, TestPool } from '../support/pools.js';
import { createSession } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';

listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };
const counting = (activeSessions: number) => ({ activeSessions, draining: true });
/** The pool is looked at more often. */
const look = () => sleep(300);
const reported = () => {
  const report = lastOrdinary(pipeline.collector.reports);
  return { active: valueIn(report, METRICS.active), dropped: valueIn(report, METRICS.dropped) };
};

describe('a session that ended as dropped while the pool still counts it', () => {
  it.each([1, 3])('is told once by the goodbye: %d of them', async (calls) => {
    const pool = new TestPool(counting(0));
    const telemetry = pipeline.instrument(pool, VERSION);
    const sessions = Array.from({ length: calls }, () => telemetry.startSession());
    pool.give(counting(calls));
    await look();
    for (const session of sessions) session.end('dropped');
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: calls });
    expect(valueIn(last(pipeline.collector.reports), METRICS.dropped)).toBe(calls);
  });

  it('is told once by every report, beside those that are live', async () => {
    const pool = new TestPool(counting(0));
    const telemetry = pipeline.instrument(pool, VERSION);
    const [first, second] = [telemetry.startSession(), telemetry.startSession(), telemetry.startSession()];
    pool.give(counting(3));
    await look();
    first.end('dropped');
    await eventually(() => expect(reported()).toEqual({ active: 2, dropped: 1 }));
    second.end('dropped');
    await eventually(() => expect(reported()).toEqual({ active: 1, dropped: 2 }));
    pool.give(counting(1));
    await look();
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 3 });
  });

  it('is told once where the pool tells of it by itself', async () => {
    const pool = new ObservedPool(counting(0));
    const telemetry = pipeline.instrument(pool, VERSION);
    const session = createSession();
    pool.tell((observer) => observer.onSessionStart?.(session));
    pool.give(counting(1));
    await look();
    pool.tell((observer) => observer.onSessionEnd?.(session, 'dropped'));
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 1 });
  });
});

describe('a session that is lost with the worker', () => {
  it('is never taken for one that was dropped before and that the pool no longer counts', async () => {
    const pool = new TestPool(counting(0));
    const telemetry = pipeline.instrument(pool, VERSION);
    const session = telemetry.startSession();
    pool.give(counting(1));
    await look();
    session.end('dropped');
    pool.give(counting(0));
    await look();
    pool.give(counting(1));
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 2 });
  });

  it('is never taken for one that was dropped, where the pool has sessions that nobody told of', async () => {
    const pool = new TestPool(counting(2));
    const telemetry = pipeline.instrument(pool, VERSION);
    const session = telemetry.startSession();
    pool.give(counting(3));
    await look();
    pool.give(counting(2));
    await look();
    session.end('dropped');
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 3 });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { METRICS, SESSION_OUTCOME, SESSION_SPAN } from '../../src/attributes.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { IDLE, ObservedPool, TestPool } from '../support/pools.js';
import { createSession } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';

const said = listenToWarnings();
const pipeline = usePipeline();
const NO_DRAIN = /^shutdown\(\) of a pool that does not drain: /;
const VERSION = { deploymentVersion: '1.2.3' };
const wholeSpans = () => pipeline.collector.spans.filter(({ name }) => name === SESSION_SPAN);

describe('shutdown', () => {
  it('says goodbye once, however often it is called', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const first = telemetry.shutdown();
    expect(telemetry.shutdown()).toBe(first);
    expect(telemetry.shutdown({ now: true })).toBe(first);
    expect(await first).toEqual({ delivered: true, droppedSessions: 0 });
    expect(telemetry.shutdown()).toBe(first);
    const goodbyes = pipeline.collector.reports.filter((report) => valueIn(report, METRICS.running) === 0);
    expect(goodbyes).toHaveLength(1);
  });

  it('waits for live sessions', async () => {
    const pool = new TestPool({ activeSessions: 1, draining: true });
    const telemetry = pipeline.instrument(pool, VERSION);
    const goodbye = telemetry.shutdown();
    const isWaiting = async () => (await Promise.race([goodbye, sleep(300, 'waiting')])) === 'waiting';
    expect(await isWaiting()).toBe(true);
    expect(telemetry.startSession().span.isRecording()).toBe(true);
    pool.give({ activeSessions: 0, draining: true });
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: 0 });
  });

  it('says once of a pool that does not drain that calls go on to come', async () => {
    const pool = new TestPool({ activeSessions: 1, draining: false });
    const telemetry = pipeline.instrument(pool, VERSION);
    const goodbye = telemetry.shutdown();
    await eventually(async () => expect(await said()).toEqual([expect.stringMatching(NO_DRAIN)]));
    pool.give(IDLE);
    await goodbye;
    expect(await said()).toHaveLength(1);
  });

  it('says the same where no call is live at that moment', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    telemetry.startSession().end();
    await telemetry.shutdown();
    expect(await said()).toEqual([expect.stringMatching(NO_DRAIN)]);
  });

  it('says nothing of a pool that begins to drain, that had no call, or that is not to be waited for', async () => {
    const pool = new TestPool({ activeSessions: 1, draining: false });
    const goodbye = pipeline.instrument(pool, VERSION).shutdown();
    pool.give({ activeSessions: 1, draining: true });
    await sleep(200);
    pool.give({ activeSessions: 0, draining: true });
    await goodbye;
    await pipeline.instrument(new TestPool(), VERSION).shutdown();
    const busy = new TestPool({ activeSessions: 1, draining: false });
    await pipeline.instrument(busy, VERSION).shutdown({ now: true });
    expect(await said()).toEqual([]);
  });

  it('waits for the sessions it was told of where the pool never told their number', async () => {
    const pool = new ObservedPool({});
    const telemetry = pipeline.instrument(pool, VERSION);
    const session = telemetry.startSession();
    const goodbye = telemetry.shutdown();
    expect(await Promise.race([goodbye, sleep(300, 'waiting')])).toBe('waiting');
    session.end();
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: undefined });
  });

  it.each([
    ['the option', { drainTimeoutSeconds: 0.4 }, {}],
    ['the snapshot', {}, { drainTimeoutSeconds: 0.4 }],
  ])('waits up to the drain timeout of %s and drops the rest', async (_, options, snapshot) => {
    const pool = new ObservedPool({ activeSessions: 2, draining: false, ...snapshot });
    const telemetry = pipeline.instrument(pool, { ...VERSION, ...options });
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    const since = performance.now();
    const goodbye = await telemetry.shutdown();
    expect(performance.now() - since).toBeGreaterThanOrEqual(400);
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(goodbye).toEqual({ delivered: true, droppedSessions: 2 });
    expect(wholeSpans().map(({ attributes }) => attributes[SESSION_OUTCOME])).toEqual(['dropped', 'dropped']);
    const report = last(pipeline.collector.reports);
    expect(valueIn(report, METRICS.active)).toBe(0);
    expect(valueIn(report, METRICS.dropped)).toBe(2);
  });

  it('counts the drain that has gone by before it was called', async () => {
    const pool = new TestPool({ activeSessions: 1, draining: true });
    const telemetry = pipeline.instrument(pool, { ...VERSION, drainTimeoutSeconds: 1.5 });
    await sleep(1_500);
    const since = performance.now();
    expect((await telemetry.shutdown()).droppedSessions).toBe(1);
    expect(performance.now() - since).toBeLessThan(1_200);
  });

  it('does not wait with now', async () => {
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 3, draining: true }), VERSION);
    const since = performance.now();
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 3 });
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  it('ends a wait under way with now', async () => {
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 3, draining: true }), VERSION);
    const goodbye = telemetry.shutdown();
    expect(await Promise.race([goodbye, sleep(300, 'waiting')])).toBe('waiting');
    void telemetry.shutdown({ now: true });
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: 3 });
  });

  it('counts the sessions that were dropped before', async () => {
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 1, draining: true }), VERSION);
    telemetry.startSession().end('dropped');
    expect((await telemetry.shutdown({ now: true })).droppedSessions).toBe(2);
  });

  it('has the last word on a session that it dropped', async () => {
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 1, draining: true }), VERSION);
    const session = telemetry.startSession();
    const goodbye = telemetry.shutdown({ now: true });
    await sleep(0);
    session.end('success');
    expect((await goodbye).droppedSessions).toBe(1);
    expect(wholeSpans().map(({ attributes }) => attributes[SESSION_OUTCOME])).toEqual(['dropped']);
  });

  it('tells what was started and ended in the same turn as the instrumenting', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    telemetry.startSession().end();
    await telemetry.shutdown();
    expect(valueIn(lastOrdinary(pipeline.collector.reports), METRICS.started)).toBe(1);
    expect(wholeSpans()).toHaveLength(1);
  });

  it('is what await using does at the end of a block', async () => {
    {
      await using telemetry = pipeline.instrument(new TestPool(), VERSION);
      telemetry.startSession().end();
    }
    const { reports } = pipeline.collector;
    expect(valueIn(last(reports), METRICS.running)).toBe(0);
    expect(valueIn(lastOrdinary(reports), METRICS.started)).toBe(1);
  });

  it('has the last word: nothing is sent after the goodbye, not even what had failed before', async () => {
    const { collector } = pipeline;
    collector.answer = () => ({ status: 503 });
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    telemetry.startSession().end();
    await vi.waitFor(() => expect(collector.requests.length).toBeGreaterThanOrEqual(2));
    collector.answer = () => ({});
    expect((await telemetry.shutdown()).delivered).toBe(true);
    const sent = collector.requests.length;
    await sleep(1_500);
    expect(collector.requests).toHaveLength(sent);
    expect(valueIn(last(collector.reports), METRICS.running)).toBe(0);
    expect(new Set(wholeSpans().map(({ spanId }) => spanId)).size).toBe(1);
  });

  it('does not believe who was not told of the sessions from before, where the snapshot breaks', async () => {
    const pool = new ObservedPool({ activeSessions: 3, draining: true });
    const telemetry = pipeline.instrument(pool, VERSION);
    const session = createSession({ id: 'a' });
    pool.tell((observer) => observer.onSessionStart?.(session));
    pool.tell((observer) => observer.onSessionEnd?.(session, 'success'));
    pool.fail(new Error('the store is closed'));
    await telemetry.shutdown({ now: true });
    expect(valueIn(last(pipeline.collector.reports), METRICS.running)).toBe(0);
    expect(valueIn(last(pipeline.collector.reports), METRICS.dropped)).toBeUndefined();
  });

  it('believes what it was told of the sessions where the snapshot breaks', async () => {
    const pool = new ObservedPool({ activeSessions: 2, draining: true });
    const telemetry = pipeline.instrument(pool, VERSION);
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    pool.fail(new Error('the store is closed'));
    const goodbye = telemetry.shutdown();
    for (const id of ['a', 'b']) {
      pool.tell((observer) => observer.onSessionEnd?.(createSession({ id }), 'success'));
    }
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: 0 });
  });
});

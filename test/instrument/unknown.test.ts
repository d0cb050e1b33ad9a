import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/attributes.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';

const said = listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };
const calls = new Set([1, 2, 3, 4, 5]);
const isWaiting = async (goodbye: Promise<unknown>) =>
  (await Promise.race([goodbye, sleep(300, 'waiting')])) === 'waiting';

describe('a bad fact beside a good number of sessions', () => {
  it.each<[string, object]>([
    ['an endless drain timeout', { draining: true, drainTimeoutSeconds: Number.POSITIVE_INFINITY }],
    ['no draining', {}],
    ['a draining that is no boolean', { draining: 'yes' }],
    [
      'a fact that cannot be read',
      Object.defineProperty({ draining: true }, 'drainTimeoutSeconds', {
        get: () => {
          throw new Error('secret');
        },
      }),
    ],
  ])('never hides it: %s', async (_, facts) => {
    const snapshot = Object.defineProperty(facts, 'activeSessions', { value: calls.size });
    const telemetry = pipeline.instrument(new TestPool(snapshot), VERSION);
    telemetry.startSession({ id: 'told' }).end();
    const goodbye = telemetry.shutdown();
    expect(await isWaiting(goodbye)).toBe(true);
    void telemetry.shutdown({ now: true });
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: 5 });
    expect(valueIn(lastOrdinary(pipeline.collector.reports), METRICS.active)).toBe(5);
    expect(valueIn(last(pipeline.collector.reports), METRICS.dropped)).toBe(5);
  });

  it.each([0, 5])(
    'is not what it was once, where the number itself turns bad after %d',
    async (activeSessions) => {
      const pool = new TestPool({ activeSessions, draining: true });
      const telemetry = pipeline.instrument(pool, VERSION);
      await eventually(() => expect(lastOrdinary(pipeline.collector.reports)).toBeDefined());
      pool.give({ activeSessions: 'five', draining: true });
      const before = pipeline.collector.reports.length;
      telemetry.startSession({ id: 'told' });
      await eventually(() => expect(pipeline.collector.reports.length).toBeGreaterThan(before + 1));
      expect(valueIn(lastOrdinary(pipeline.collector.reports), METRICS.active)).toBeUndefined();
      expect(await telemetry.shutdown({ now: true })).toEqual({
        delivered: true,
        droppedSessions: undefined,
      });
      expect(valueIn(last(pipeline.collector.reports), METRICS.dropped)).toBeUndefined();
    },
  );

  it('is waited for by the last good number, where the number itself turns bad', async () => {
    const pool = new TestPool({ activeSessions: 5, draining: true });
    const telemetry = pipeline.instrument(pool, VERSION);
    await eventually(() => expect(lastOrdinary(pipeline.collector.reports)).toBeDefined());
    pool.give({ activeSessions: 'five', draining: true });
    const goodbye = telemetry.shutdown();
    expect(await isWaiting(goodbye)).toBe(true);
    pool.give({ activeSessions: 0, draining: true });
    expect(await goodbye).toEqual({ delivered: true, droppedSessions: 0 });
  });
});

describe('a number of sessions that was never told', () => {
  it.each<[string, object]>([
    ['misnamed', { active: calls.size, draining: true }],
    ['a bigint', { activeSessions: 5n, draining: true }],
  ])('is in no report and not in the goodbye, and it is said: %s', async (_, snapshot) => {
    const telemetry = pipeline.instrument(new TestPool(snapshot), VERSION);
    await eventually(() => expect(pipeline.collector.reports.length).toBeGreaterThan(0));
    expect(await telemetry.shutdown()).toEqual({ delivered: true, droppedSessions: undefined });
    const { reports } = pipeline.collector;
    for (const report of reports) expect(valueIn(report, METRICS.active)).toBeUndefined();
    expect(valueIn(last(reports), METRICS.running)).toBe(0);
    expect(valueIn(last(reports), METRICS.dropped)).toBeUndefined();
    expect(await said()).toEqual([
      expect.stringMatching(/^bad snapshot of the pool: activeSessions: expected a whole number/),
      'the goodbye does not tell how many sessions were dropped: the pool does not tell how many are active',
    ]);
  });
});

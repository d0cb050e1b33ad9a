import { ValueType } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  METRICS,
  REJECTION_REASON,
  REJECTION_REASONS,
  REPORT_INTERVAL,
  SESSION_OUTCOME,
  SESSION_OUTCOMES,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
  START_TIME,
  TENANT_ACTIVE_SESSIONS,
  TENANT_ID,
} from '../src/attributes.js';
import { Datapoints, registerGauges, sumsFrom, valueTypeOf } from '../src/gauges.js';
import { noTotals } from '../src/worker.js';
import { ManualReader, seriesOf, valueIn } from './support/points.js';
import { BAD_SNAPSHOTS, TestPool } from './support/pools.js';
import { listenToWarnings } from './support/warnings.js';
import { createGauges, createWorker, IDENTITY } from './support/workers.js';

listenToWarnings();

const FULL = { activeSessions: 2, draining: true, drainTimeoutSeconds: 600, sessionsByTenant: { acme: 2 } };

describe('the gauges', () => {
  it('tell every metric as its description says', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    const told = points.map(({ name, kind, unit, description }) => ({ name, kind, unit, description }));
    for (const metric of METRICS) expect(told).toContainEqual(metric);
    expect(new Set(told.map(({ name }) => name)).size).toBe(METRICS.length);
  });

  it('tell what the snapshot says', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    expect(valueIn(points, ACTIVE_SESSIONS)).toBe(2);
    expect(valueIn(points, DRAINING)).toBe(1);
    expect(valueIn(points, DEPLOYMENT_VERSION)).toBe(1);
    expect(valueIn(points, DROPPED_SESSIONS)).toBe(0);
    expect(valueIn(points, START_TIME)).toBe(1_700_000_000.5);
    expect(valueIn(points, REPORT_INTERVAL)).toBe(15);
    expect(valueIn(points, DRAIN_ELAPSED)).toBeGreaterThanOrEqual(0);
    expect(valueIn(points, DRAIN_TIMEOUT)).toBe(600);
    expect(valueIn(points, TENANT_ACTIVE_SESSIONS, { [TENANT_ID]: 'acme' })).toBe(2);
  });

  it('tell draining and drain time when the worker does not drain', async () => {
    const points = await createGauges(new TestPool()).reader.read();
    expect(valueIn(points, DRAINING)).toBe(0);
    expect(valueIn(points, DRAIN_ELAPSED)).toBe(0);
  });

  it('leave out what is not known', async () => {
    const pool = new TestPool();
    pool.fail(new Error('not yet'));
    const points = await createGauges(pool).reader.read();
    const left = METRICS.filter((metric) => !points.some(({ name }) => name === metric.name));
    expect(left).toEqual([ACTIVE_SESSIONS, DRAINING, DRAIN_TIMEOUT, TENANT_ACTIVE_SESSIONS]);
    expect(valueIn(points, DEPLOYMENT_VERSION)).toBe(1);
  });

  it('carry the attributes of the worker on each datapoint', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    for (const { attributes } of points) expect(attributes).toMatchObject(IDENTITY.attributes);
  });

  it('count in whole numbers and time in fractions', () => {
    for (const metric of METRICS) {
      expect(valueTypeOf(metric)).toBe(metric.unit === 's' ? ValueType.DOUBLE : ValueType.INT);
    }
  });

  it('are taken off a meter', async () => {
    const pool = new TestPool();
    const { reader, unregister } = createGauges(pool);
    await reader.read();
    unregister();
    await reader.read();
    expect(pool.reads).toBe(1);
  });
});

describe('one collection', () => {
  it('takes one snapshot', async () => {
    const pool = new TestPool(FULL);
    const { reader } = createGauges(pool, { tenantLimit: 5 });
    for (let i = 1; i <= 3; i++) {
      await reader.read();
      expect(pool.reads).toBe(i);
    }
  });

  it.each(BAD_SNAPSHOTS)('keeps its datapoints when a snapshot has %s', async (_, bad) => {
    const pool = new TestPool(FULL);
    const { reader } = createGauges(pool, { tenantLimit: 5 });
    const before = await reader.read();
    pool.give(bad);
    const after = await reader.read();
    expect(seriesOf(after)).toEqual(seriesOf(before));
    expect(valueIn(after, ACTIVE_SESSIONS)).toBe(2);
    for (const { value } of after) expect(Number.isFinite(value)).toBe(true);
  });

  it('keeps its datapoints when the pool throws', async () => {
    const pool = new TestPool(FULL);
    const { reader } = createGauges(pool, { tenantLimit: 5 });
    const before = await reader.read();
    pool.fail(new Error('down'));
    expect(seriesOf(await reader.read())).toEqual(seriesOf(before));
  });

  it('tells the number of sessions, however many', async () => {
    const activeSessions = Number.MAX_SAFE_INTEGER;
    const points = await createGauges(new TestPool({ activeSessions, draining: false })).reader.read();
    expect(valueIn(points, ACTIVE_SESSIONS)).toBe(activeSessions);
  });
});

describe('the series of a worker', () => {
  it('stay the same whatever changes', async () => {
    const pool = new TestPool(FULL);
    const { reader, worker } = createGauges(pool, { tenantLimit: 5 });
    const before = seriesOf(await reader.read());
    worker.totals.started = 7;
    worker.totals.ended.failed = 3;
    worker.totals.rejected.draining = 2;
    pool.give({ ...FULL, activeSessions: 40, draining: false, deploymentVersion: '9', sessionsByTenant: {} });
    expect(seriesOf(await reader.read())).toEqual(before);
  });

  it('are at most 60 with 40 tenants and everything on', async () => {
    const sessionsByTenant = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`t${i}`, 1]));
    const pool = new TestPool({ ...FULL, sessionsByTenant });
    const { reader } = createGauges(pool, { tenantLimit: 40 });
    const points = await reader.read();
    expect(points.filter(({ name }) => name === TENANT_ACTIVE_SESSIONS.name)).toHaveLength(41);
    expect(new Set(seriesOf(points)).size).toBe(points.length);
    expect(points.length).toBeLessThanOrEqual(60);
    pool.give({ ...FULL, sessionsByTenant: { late: 1, later: 2 } });
    expect(seriesOf(await reader.read())).toEqual(seriesOf(points));
  });

  it('are told apart by tenant, whatever its name', async () => {
    const sessionsByTenant = Object.defineProperty({ 'a"b\n': 1 }, '__proto__', {
      value: 2,
      enumerable: true,
    });
    const { reader } = createGauges(new TestPool({ ...FULL, sessionsByTenant }), { tenantLimit: 5 });
    const points = await reader.read();
    expect(valueIn(points, TENANT_ACTIVE_SESSIONS, { [TENANT_ID]: '__proto__' })).toBe(2);
    expect(valueIn(points, TENANT_ACTIVE_SESSIONS, { [TENANT_ID]: 'a"b\n' })).toBe(1);
  });
});

describe('the sums', () => {
  it('start at zero for each outcome and each reason', async () => {
    const points = await createGauges(new TestPool()).reader.read();
    expect(valueIn(points, SESSIONS_STARTED)).toBe(0);
    for (const outcome of SESSION_OUTCOMES) {
      expect(valueIn(points, SESSIONS_ENDED, { [SESSION_OUTCOME]: outcome })).toBe(0);
    }
    for (const reason of REJECTION_REASONS) {
      expect(valueIn(points, JOBS_REJECTED, { [REJECTION_REASON]: reason })).toBe(0);
    }
  });

  it('tell what was counted', async () => {
    const { reader, worker } = createGauges(new TestPool());
    worker.totals.started = 7;
    worker.totals.ended.failed = 3;
    worker.totals.rejected.at_capacity = 2;
    const points = await reader.read();
    expect(valueIn(points, SESSIONS_STARTED)).toBe(7);
    expect(valueIn(points, SESSIONS_ENDED, { [SESSION_OUTCOME]: 'failed' })).toBe(3);
    expect(valueIn(points, SESSIONS_ENDED, { [SESSION_OUTCOME]: 'success' })).toBe(0);
    expect(valueIn(points, JOBS_REJECTED, { [REJECTION_REASON]: 'at_capacity' })).toBe(2);
  });

  it('are zero in the first report although something was counted, so that increase() sees it', async () => {
    const worker = createWorker(new TestPool(FULL));
    worker.totals.started = 7;
    worker.totals.ended.success = 4;
    const reader = new ManualReader();
    const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
    const sums = sumsFrom(noTotals(), () => worker.read());
    registerGauges(meter, new Datapoints(IDENTITY), sums.read);
    for (const first of [await reader.read(), await reader.read()]) {
      expect(valueIn(first, SESSIONS_STARTED)).toBe(0);
      expect(valueIn(first, SESSIONS_ENDED, { [SESSION_OUTCOME]: 'success' })).toBe(0);
      expect(valueIn(first, ACTIVE_SESSIONS)).toBe(2);
    }
    sums.start(async () => {});
    await Promise.resolve();
    await Promise.resolve();
    const second = await reader.read();
    expect(valueIn(second, SESSIONS_STARTED)).toBe(7);
    expect(valueIn(second, SESSIONS_ENDED, { [SESSION_OUTCOME]: 'success' })).toBe(4);
  });
});

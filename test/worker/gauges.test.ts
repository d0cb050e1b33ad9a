import { ValueType } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import {
  METRICS,
  REJECTION_REASON,
  REJECTION_REASONS,
  SESSION_OUTCOME,
  SESSION_OUTCOMES,
  TENANT_ID,
} from '../../src/attributes.js';
import { valueTypeOf } from '../../src/worker/gauges.js';
import { seriesOf, valueIn } from '../support/points.js';
import { BAD_SNAPSHOTS, TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';
import { createGauges, IDENTITY } from '../support/workers.js';

listenToWarnings();

const FULL = { activeSessions: 2, draining: true, drainTimeoutSeconds: 600, sessionsByTenant: { acme: 2 } };

describe('the gauges', () => {
  it('tell every metric as its description says', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    const told = points.map(({ name, kind, unit, description }) => ({ name, kind, unit, description }));
    for (const metric of Object.values(METRICS)) {
      const { name, kind, unit, description } = metric;
      expect(told).toContainEqual({ name, kind, unit, description });
    }
    expect(new Set(told.map(({ name }) => name)).size).toBe(Object.keys(METRICS).length);
  });

  it('tell what the snapshot says', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    expect(valueIn(points, METRICS.active)).toBe(2);
    expect(valueIn(points, METRICS.draining)).toBe(1);
    expect(valueIn(points, METRICS.running)).toBe(1);
    expect(valueIn(points, METRICS.dropped)).toBe(0);
    expect(valueIn(points, METRICS.startTime)).toBe(1_700_000_000.5);
    expect(valueIn(points, METRICS.interval)).toBe(15);
    expect(valueIn(points, METRICS.drainElapsed)).toBeGreaterThanOrEqual(0);
    expect(valueIn(points, METRICS.drainTimeout)).toBe(600);
    expect(valueIn(points, METRICS.tenants, { [TENANT_ID]: 'acme' })).toBe(2);
  });

  it('tell draining and drain time when the worker does not drain', async () => {
    const points = await createGauges(new TestPool()).reader.read();
    expect(valueIn(points, METRICS.draining)).toBe(0);
    expect(valueIn(points, METRICS.drainElapsed)).toBe(0);
  });

  it('leave out what is not known', async () => {
    const pool = new TestPool();
    pool.fail(new Error('not yet'));
    const points = await createGauges(pool).reader.read();
    const left = Object.values(METRICS).filter((metric) => !points.some(({ name }) => name === metric.name));
    expect(left).toEqual([METRICS.active, METRICS.draining, METRICS.drainTimeout, METRICS.tenants]);
    expect(valueIn(points, METRICS.running)).toBe(1);
  });

  it('carry the attributes of the worker on each datapoint', async () => {
    const points = await createGauges(new TestPool(FULL), { tenantLimit: 5 }).reader.read();
    for (const { attributes } of points) expect(attributes).toMatchObject(IDENTITY.attributes);
  });

  it('count in whole numbers and time in fractions', () => {
    for (const metric of Object.values(METRICS)) {
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
    expect(valueIn(after, METRICS.active)).toBe(2);
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
    expect(valueIn(points, METRICS.active)).toBe(activeSessions);
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
    expect(points.filter(({ name }) => name === METRICS.tenants.name)).toHaveLength(41);
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
    expect(valueIn(points, METRICS.tenants, { [TENANT_ID]: '__proto__' })).toBe(2);
    expect(valueIn(points, METRICS.tenants, { [TENANT_ID]: 'a"b\n' })).toBe(1);
  });
});

describe('the sums', () => {
  it('start at zero for each outcome and each reason', async () => {
    const points = await createGauges(new TestPool()).reader.read();
    expect(valueIn(points, METRICS.started)).toBe(0);
    for (const outcome of SESSION_OUTCOMES) {
      expect(valueIn(points, METRICS.ended, { [SESSION_OUTCOME]: outcome })).toBe(0);
    }
    for (const reason of REJECTION_REASONS) {
      expect(valueIn(points, METRICS.rejected, { [REJECTION_REASON]: reason })).toBe(0);
    }
  });

  it('tell what was counted', async () => {
    const { reader, worker } = createGauges(new TestPool());
    worker.totals.started = 7;
    worker.totals.ended.failed = 3;
    worker.totals.rejected.at_capacity = 2;
    const points = await reader.read();
    expect(valueIn(points, METRICS.started)).toBe(7);
    expect(valueIn(points, METRICS.ended, { [SESSION_OUTCOME]: 'failed' })).toBe(3);
    expect(valueIn(points, METRICS.ended, { [SESSION_OUTCOME]: 'success' })).toBe(0);
    expect(valueIn(points, METRICS.rejected, { [REJECTION_REASON]: 'at_capacity' })).toBe(2);
  });
});

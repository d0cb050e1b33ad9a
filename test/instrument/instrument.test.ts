import { hostname } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { METRICS, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import type { InstrumentOptions } from '../../src/instrument/options.js';
import { instrument } from '../../src/instrument.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { IDLE, ObservedPool, TestPool } from '../support/pools.js';
import { createSession } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };

describe('instrument', () => {
  it('takes a literal pool over a set', async () => {
    const sockets = new Set(['a', 'b']);
    pipeline.instrument(
      { runtimeSnapshot: () => ({ activeSessions: sockets.size, draining: false }) },
      { ...VERSION, poolName: 'voice' },
    );
    const { collector } = pipeline;
    await vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
    expect(valueIn(last(collector.reports), METRICS.active, { [POOL_NAME]: 'voice' })).toBe(2);
  });

  it('throws a TypeError for a wrong option and leaves the pool as it was', () => {
    const pool = new TestPool();
    expect(() => instrument(pool, { tenantLimit: 0 })).toThrow(TypeError);
    expect(() => instrument(pool, { tenantLimit: 0 })).toThrow('option tenantLimit: expected a whole number');
    expect(pool.reads).toBe(0);
    expect(() => pipeline.instrument(pool, VERSION)).not.toThrow();
  });

  it('throws a TypeError for what is no pool', () => {
    expect(() => instrument({} as TestPool)).toThrow(TypeError);
  });

  it('gives the same telemetry for the same pool', () => {
    const pool = new ObservedPool();
    const first = pipeline.instrument(pool, { ...VERSION, attributes: { region: 'eu' } });
    expect(instrument(pool)).toBe(first);
    expect(instrument(pool, { ...VERSION, attributes: { region: 'eu' } })).toBe(first);
    expect(pool.observers.size).toBe(1);
  });

  it.each<[string, InstrumentOptions]>([
    ['another value', { deploymentVersion: '2' }],
    ['an option more', { tenantLimit: 5 }],
    ['other attributes', { attributes: { region: 'us' } }],
  ])('throws for the same pool with %s', (_, options) => {
    const pool = new TestPool();
    pipeline.instrument(pool, VERSION);
    expect(() => instrument(pool, options)).toThrow('this pool is instrumented already, with other options');
  });

  it('starts a new worker after the shutdown', async () => {
    const pool = new TestPool();
    const first = pipeline.instrument(pool, VERSION);
    await first.shutdown();
    const second = pipeline.instrument(pool, { deploymentVersion: '2' });
    expect(second).not.toBe(first);
    expect(second.workerId).not.toBe(first.workerId);
    expect(second.deploymentVersion).toBe('2');
    await first.shutdown();
    expect(instrument(pool)).toBe(second);
  });

  it('makes two workers of two pools', async () => {
    const one = pipeline.instrument(new TestPool({ activeSessions: 1, draining: false }), VERSION);
    const two = pipeline.instrument(new TestPool({ activeSessions: 2, draining: false }), VERSION);
    expect(one.workerId).not.toBe(two.workerId);
    const { collector } = pipeline;
    await vi.waitFor(() => {
      const points = collector.reports.flat();
      const values = (id: string) =>
        points
          .filter(({ name, attributes }) => name === METRICS.active.name && attributes[WORKER_ID] === id)
          .map(({ value }) => value);
      expect(new Set(values(one.workerId))).toEqual(new Set([1]));
      expect(new Set(values(two.workerId))).toEqual(new Set([2]));
    }, 5_000);
  });
});

describe('the worker', () => {
  it('is called by the host and something that is never used again', () => {
    const ids = [1, 2, 3].map(() => pipeline.instrument(new TestPool(), VERSION).workerId);
    for (const id of ids) {
      expect(id.slice(0, -9)).toBe(hostname());
      expect(id.slice(-9)).toMatch(/^-[0-9a-f]{8}$/);
    }
    expect(new Set(ids).size).toBe(3);
  });

  it.each([
    [{ poolName: 'voice' }, { OTEL_SERVICE_NAME: 'service' }, 'voice'],
    [{}, { OTEL_SERVICE_NAME: 'service' }, 'service'],
    [{}, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=resource' }, 'resource'],
    [{}, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=' }, 'default'],
    [{}, {}, 'default'],
  ])('is of the pool that %j and %j name', async (options, variables, name) => {
    pipeline.environment(variables);
    const { collector } = pipeline;
    pipeline.instrument(new TestPool(), { ...VERSION, ...options, workerId: 'w-1' });
    await vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
    expect(last(collector.reports)[0]?.attributes).toEqual({
      [POOL_NAME]: name,
      [WORKER_ID]: 'w-1',
      [WORKER_VERSION]: '1.2.3',
    });
  });
});

describe('the deployment version', () => {
  const RESOURCE = { OTEL_RESOURCE_ATTRIBUTES: 'service.version=from-env' };
  const of = (snapshot: unknown, options: InstrumentOptions = {}) =>
    pipeline.instrument(new TestPool(snapshot), options).deploymentVersion;

  it('is that of the options first', async () => {
    pipeline.environment(RESOURCE);
    expect(of({ ...IDLE, deploymentVersion: 'from-snapshot' }, { deploymentVersion: 'from-options' })).toBe(
      'from-options',
    );
    expect(await said()).toEqual([]);
  });

  it('is that of the snapshot next', async () => {
    pipeline.environment(RESOURCE);
    expect(of({ ...IDLE, deploymentVersion: 'from-snapshot' })).toBe('from-snapshot');
    expect(await said()).toEqual([]);
  });

  it.each([null, undefined, '', 7, {}])(
    'is that of the environment where the snapshot has %j',
    async (none) => {
      pipeline.environment(RESOURCE);
      expect(of({ ...IDLE, deploymentVersion: none })).toBe('from-env');
      expect(await said()).toEqual([]);
    },
  );

  it.each([
    ['null', {}],
    ['an empty service.version', { OTEL_RESOURCE_ATTRIBUTES: 'service.version=' }],
  ])('is unversioned where there is none, with one warning: %s', async (_, variables) => {
    pipeline.environment(variables);
    expect(of({ ...IDLE, deploymentVersion: null })).toBe('unversioned');
    expect(await said()).toEqual([
      'no deployment version: set the option deploymentVersion; the worker reports "unversioned"',
    ]);
  });

  it('is not asked again of a pool that changes its mind', async () => {
    const pool = new TestPool({ ...IDLE, deploymentVersion: '1' });
    const telemetry = pipeline.instrument(pool);
    pool.give({ ...IDLE, deploymentVersion: '2' });
    const { collector } = pipeline;
    await telemetry.shutdown();
    expect(telemetry.deploymentVersion).toBe('1');
    for (const { attributes } of collector.reports.flat()) expect(attributes[WORKER_VERSION]).toBe('1');
  });

  it('is cut where it is a megabyte, and it is said', async () => {
    expect(of({ ...IDLE, deploymentVersion: 'x'.repeat(1_000_000) })).toBe('x'.repeat(255));
    expect(await said()).toEqual([
      'the deployment version has 1000000 characters; the worker reports the first 255',
    ]);
  });

  it('is looked for elsewhere where the snapshot can not be read', () => {
    pipeline.environment(RESOURCE);
    const pool = new TestPool();
    pool.fail(new Error('not yet'));
    expect(pipeline.instrument(pool).deploymentVersion).toBe('from-env');
  });
});

describe('a pool', () => {
  it('is observed, also before the SDK is loaded', async () => {
    const pool = new ObservedPool();
    const telemetry = pipeline.instrument(pool, VERSION);
    pool.tell((observer) => observer.onSessionStart?.(createSession()));
    pool.tell((observer) => observer.onSessionEnd?.(createSession(), 'success'));
    await telemetry.shutdown();
    expect(valueIn(lastOrdinary(pipeline.collector.reports), METRICS.started)).toBe(1);
    expect(pipeline.collector.spans).toHaveLength(2);
  });

  it('is no longer observed after the shutdown', async () => {
    const pool = new ObservedPool();
    const telemetry = pipeline.instrument(pool, VERSION);
    expect(pool.observers.size).toBe(1);
    await telemetry.shutdown();
    expect(pool.observers.size).toBe(0);
  });

  it('may throw when it is observed: it is said, and its gauges are reported', async () => {
    const pool = {
      runtimeSnapshot: () => ({ activeSessions: 3, draining: false }),
      observe: () => {
        throw new RangeError('secret');
      },
    };
    const telemetry = pipeline.instrument(pool, VERSION);
    const { collector } = pipeline;
    await vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
    expect(valueIn(last(collector.reports), METRICS.active)).toBe(3);
    expect((await telemetry.shutdown({ now: true })).delivered).toBe(true);
    expect(await said()).toEqual([
      'the pool cannot be observed (RangeError): its sessions get no spans and counters',
    ]);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['what is no function', { dispose: true }],
    [
      'a function that throws',
      () => {
        throw new Error('secret');
      },
    ],
  ])('may return %s when it is observed', async (_, returned) => {
    const pool = { runtimeSnapshot: () => IDLE, observe: () => returned as never };
    const telemetry = pipeline.instrument(pool, VERSION);
    await expect(telemetry.shutdown()).resolves.toEqual({ delivered: true, droppedSessions: 0 });
  });

  it.each([
    ['gives nothing good', () => ({}) as never],
    ['gives nothing', () => undefined as never],
  ])('may give bad snapshots from the start: it %s', async (_, runtimeSnapshot) => {
    const telemetry = pipeline.instrument({ runtimeSnapshot }, VERSION);
    await expect(telemetry.shutdown()).resolves.toEqual({ delivered: true, droppedSessions: undefined });
  });
});

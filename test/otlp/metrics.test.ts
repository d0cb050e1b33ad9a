import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { METRICS, type Metric, SESSION_OUTCOME } from '../../src/attributes.js';
import { type PoolTotals, withInternals } from '../../src/worker/pool.js';
import type { Answer } from '../support/collector.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { seriesOf, valueIn } from '../support/points.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };
const METRICS_PATH = '/v1/metrics';
const TRACES_PATH = '/v1/traces';

/** Waits for reports: a worker starts with one. */
const reported = (count = 1) => {
  const { collector } = pipeline;
  return vi.waitFor(() => expect(collector.reports.length).toBeGreaterThanOrEqual(count), 5_000);
};
const answer = (path: string, given: Answer) => {
  pipeline.collector.answer = (asked) => (asked === path ? given : {});
};

describe('the reports of a worker', () => {
  it('are sent at once, with the sums of what happened before', async () => {
    pipeline.instrument(new TestPool({ activeSessions: 2, draining: false }), VERSION).startSession();
    await reported();
    const [first = []] = pipeline.collector.reports;
    expect(valueIn(first, METRICS.started)).toBe(1);
    expect(valueIn(first, METRICS.active)).toBe(2);
    expect(valueIn(first, METRICS.interval)).toBe(15);
  });

  it('describe each metric as it is', async () => {
    const snapshot = {
      activeSessions: 1,
      draining: true,
      drainTimeoutSeconds: 9,
      sessionsByTenant: { a: 1 },
    };
    pipeline.instrument(new TestPool(snapshot), { ...VERSION, tenantLimit: 1 });
    await reported();
    const told = last(pipeline.collector.reports).map(({ name, kind, unit, description }) => ({
      name,
      kind,
      unit,
      description,
    }));
    for (const { name, kind, unit, description } of Object.values(METRICS)) {
      expect(told).toContainEqual({ name, kind, unit, description });
    }
  });

  it('are true also after the clock was set back', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '100' });
    const pool = new TestPool({ activeSessions: 0, draining: false });
    pipeline.instrument(pool, VERSION);
    await reported(2);
    const now = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    pool.give({ activeSessions: 3, draining: false });
    // One report may be under way, and the SDK repeats one.
    await reported(pipeline.collector.reports.length + 3);
    expect(valueIn(last(pipeline.collector.reports), METRICS.active)).toBe(3);
  });

  it('are sent at the interval of the environment', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '100' });
    pipeline.instrument(new TestPool(), VERSION);
    await reported(6);
    expect(valueIn(last(pipeline.collector.reports), METRICS.interval)).toBe(0.1);
  });

  it('are sent when the drain starts, and when its last session ends', async () => {
    const pool = new TestPool({ activeSessions: 1, draining: false });
    pipeline.instrument(pool, VERSION);
    await reported();
    pool.give({ activeSessions: 1, draining: true });
    await reported(2);
    expect(valueIn(last(pipeline.collector.reports), METRICS.draining)).toBe(1);
    pool.give({ activeSessions: 0, draining: true });
    await reported(3);
    expect(valueIn(last(pipeline.collector.reports), METRICS.active)).toBe(0);
  });

  it('name the worker and its version in the resource', async () => {
    const { workerId } = pipeline.instrument(new TestPool(), { ...VERSION, poolName: 'voice' });
    await reported();
    expect(pipeline.collector.resource).toMatchObject({
      'service.name': 'voice',
      'service.version': '1.2.3',
      'service.instance.id': workerId,
      'telemetry.sdk.language': 'nodejs',
    });
  });

  it('have the resource of the environment before that of the worker', async () => {
    pipeline.environment({
      OTEL_SERVICE_NAME: 'service',
      OTEL_RESOURCE_ATTRIBUTES:
        'service.version=9,service.instance.id=host%2C1,deployment.environment.name=x',
    });
    pipeline.instrument(new TestPool(), { ...VERSION, poolName: 'voice' });
    await reported();
    expect(pipeline.collector.resource).toMatchObject({
      'service.name': 'service',
      'service.version': '9',
      'service.instance.id': 'host,1',
      'deployment.environment.name': 'x',
    });
  });

  it('carry the headers of the environment', async () => {
    pipeline.environment({
      OTEL_EXPORTER_OTLP_HEADERS: 'x-a=all,x-b=all',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-b=metrics%20only',
    });
    pipeline.instrument(new TestPool(), VERSION);
    await reported();
    expect(last(pipeline.collector.requests).headers).toMatchObject({
      'content-type': 'application/json',
      'x-a': 'all',
      'x-b': 'metrics only',
    });
  });

  it('leave without a header of the environment that HTTP cannot carry, and it is said', async () => {
    pipeline.environment({ OTEL_EXPORTER_OTLP_HEADERS: 'x-a=1,x-b=secret%0A' });
    pipeline.instrument(new TestPool(), VERSION);
    await reported();
    const { headers } = last(pipeline.collector.requests);
    expect(headers).toMatchObject({ 'x-a': '1' });
    expect(headers).not.toHaveProperty('x-b');
    expect(await said()).toEqual([expect.stringMatching(/^OTEL_EXPORTER_OTLP_HEADERS: expected name=value/)]);
  });

  it('are compressed where the environment asks for it', async () => {
    pipeline.environment({ OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
    pipeline.instrument(new TestPool(), VERSION);
    await reported();
    expect(last(pipeline.collector.requests).headers['content-encoding']).toBe('gzip');
    expect(valueIn(last(pipeline.collector.reports), METRICS.active)).toBe(0);
  });

  it('are missed once and welcomed once while the collector is down', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '100' });
    answer(METRICS_PATH, { status: 400 });
    pipeline.instrument(new TestPool(), VERSION);
    await reported(4);
    const url = `${pipeline.collector.url}/v1/metrics`;
    expect(await said()).toEqual([`metrics do not arrive at ${url}: HTTP 400`]);
    pipeline.collector.answer = () => ({});
    await vi.waitFor(async () => expect(await said()).toHaveLength(2), 3_000);
    expect(last(await said())).toBe(`metrics arrive at ${url} again`);
  });
});

describe('a pool that counts its sessions itself', () => {
  /** A pool with internals, as the bridge's. */
  const counting = (totals: PoolTotals, snapshot = {}) => {
    const pool = new TestPool({ activeSessions: 2, draining: false, ...snapshot });
    let now = totals;
    return { pool: withInternals(pool, { totals: () => now }), give: (next: PoolTotals) => (now = next) };
  };
  const reports = (metric: Metric, attributes = {}) =>
    pipeline.collector.reports.map((report) => valueIn(report, metric, attributes));

  it('is reported with its counts, and started when it says', async () => {
    const { pool, give } = counting(
      { started: 5, ended: { success: 3 } },
      { timestamp: 1_700_000_100, uptimeSeconds: 100 },
    );
    const telemetry = pipeline.instrument(pool, VERSION);
    await reported();
    give({ started: 6, ended: { success: 3, dropped: 1 } });
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 3 });
    expect(reports(METRICS.started)).toEqual([5, 6, undefined]);
    expect(reports(METRICS.ended, { [SESSION_OUTCOME]: 'success' })).toEqual([3, 3, undefined]);
    expect(reports(METRICS.ended, { [SESSION_OUTCOME]: 'dropped' })).toEqual([0, 1, undefined]);
    expect(reports(METRICS.dropped)).toEqual([0, 1, 3]);
    expect(reports(METRICS.startTime)).toEqual([1_700_000_000, 1_700_000_000, 1_700_000_000]);
  });

  it.each([
    ['in milliseconds', { timestamp: Date.now(), uptimeSeconds: 100 }],
    ['before the clock began', { timestamp: 10, uptimeSeconds: 100 }],
    ['that is no number', { timestamp: '10', uptimeSeconds: 1 }],
  ])('started now where it gives a start %s', async (_, wrong) => {
    const { pool } = counting({ started: 0, ended: {} }, wrong);
    await pipeline.instrument(pool, VERSION).shutdown({ now: true });
    const [start = 0] = reports(METRICS.startTime);
    expect(Math.abs(start - Date.now() / 1000)).toBeLessThan(20);
  });
});

describe('the goodbye of a worker', () => {
  it('is on the series of the reports before, and later', async () => {
    const pool = new TestPool({ activeSessions: 2, draining: true, sessionsByTenant: { acme: 2 } });
    const telemetry = pipeline.instrument(pool, { ...VERSION, tenantLimit: 3, drainTimeoutSeconds: 60 });
    telemetry.startSession();
    await reported();
    const before = last(pipeline.collector.reports);
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 2 });
    const goodbye = last(pipeline.collector.reports);
    expect(valueIn(goodbye, METRICS.running)).toBe(0);
    const gauges = before.filter(({ kind }) => kind === 'gauge');
    expect(seriesOf(goodbye)).toEqual(seriesOf(gauges));
    for (const { time } of gauges) expect(goodbye[0]?.time).toBeGreaterThan(time);
  });

  it.each(['cumulative', 'delta'])('comes after a last report of the counters, %s', async (temporality) => {
    pipeline.environment({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality });
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 1, draining: true }), VERSION);
    for (let i = 0; i < 3; i++) telemetry.startSession().end();
    await reported();
    for (let i = 0; i < 2; i++) telemetry.startSession().end('failed');
    await telemetry.shutdown({ now: true });
    const { reports } = pipeline.collector;
    const sum = (metric: Metric, attributes = {}) => {
      const values = reports.map((report) => valueIn(report, metric, attributes) ?? 0);
      return temporality === 'delta' ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
    };
    expect(sum(METRICS.started)).toBe(5);
    expect(sum(METRICS.ended, { [SESSION_OUTCOME]: 'success' })).toBe(3);
    expect(sum(METRICS.ended, { [SESSION_OUTCOME]: 'failed' })).toBe(2);
    expect(last(reports).filter(({ kind }) => kind === 'counter')).toEqual([]);
  });

  it('is the last that is sent', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '100' });
    const pool = new TestPool();
    const telemetry = pipeline.instrument(pool, VERSION);
    await reported();
    await telemetry.shutdown();
    const { length } = pipeline.collector.requests;
    // The end of the pipeline collects once more, and sends nothing.
    await sleep(100);
    const { reads } = pool;
    await sleep(300);
    expect(pipeline.collector.requests).toHaveLength(length);
    expect(pool.reads).toBe(reads);
    expect(valueIn(last(pipeline.collector.reports), METRICS.running)).toBe(0);
  });

  it('does not wait behind a slow report', async () => {
    answer(METRICS_PATH, { delayMs: 5_000 });
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    await reported(1);
    pipeline.collector.answer = () => ({});
    const since = performance.now();
    expect((await telemetry.shutdown()).delivered).toBe(true);
    expect(performance.now() - since).toBeLessThan(2_500);
    // What is given up for the goodbye is no trouble.
    expect(await said()).toEqual([]);
  });

  it.each<[string, Answer, string]>([
    ['an error', { status: 400 }, 'HTTP 400'],
    ['no permission', { status: 401, body: 'secret' }, 'HTTP 401'],
    ['a web page', { body: '<html>', headers: { 'content-type': 'text/html' } }, 'web page'],
    ['a rejection', { body: '{"partialSuccess":{"rejectedDataPoints":"3"}}' }, 'rejected 3'],
  ])('is not delivered where the answer is %s, and it is said', async (_, given, reason) => {
    answer(METRICS_PATH, given);
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    expect((await telemetry.shutdown()).delivered).toBe(false);
    const messages = await said();
    expect(messages.at(-1)).toContain(
      `the goodbye did not arrive at ${pipeline.collector.url}${METRICS_PATH}: `,
    );
    expect(messages.at(-1)).toContain(reason);
    expect(messages.join()).not.toContain('secret');
  });

  it.each<[string, Answer]>([
    ['nothing', { body: '' }],
    ['an empty partial success', { body: '{"partialSuccess":{}}' }],
    ['a text of its own', { body: 'ok', headers: { 'content-type': 'text/plain' } }],
    ['202', { status: 202 }],
  ])('is delivered where the answer is %s', async (_, given) => {
    answer(METRICS_PATH, given);
    expect((await pipeline.instrument(new TestPool(), VERSION).shutdown()).delivered).toBe(true);
    expect(await said()).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['hangs', { delayMs: 60_000 }],
    ['is overloaded', { status: 503 }],
    ['asks to wait', { status: 429, headers: { 'retry-after': '60' } }],
  ])('takes less than 3 s and is not delivered where the collector %s', async (_, given) => {
    answer(METRICS_PATH, given);
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    await reported(1);
    const since = performance.now();
    expect((await telemetry.shutdown()).delivered).toBe(false);
    expect(performance.now() - since).toBeLessThan(3_000);
  });

  it('is not delivered where no collector is there', async () => {
    await pipeline.collector.stop();
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    expect((await telemetry.shutdown()).delivered).toBe(false);
    expect(await said()).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('is delivered although the spans are not', async () => {
    answer(TRACES_PATH, { delayMs: 60_000 });
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    telemetry.startSession().end();
    expect((await telemetry.shutdown()).delivered).toBe(true);
    expect(valueIn(last(pipeline.collector.reports), METRICS.running)).toBe(0);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { metrics, ProxyTracerProvider, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  METRICS,
  POOL_NAME,
  SESSION_OUTCOME,
  SESSION_SPAN,
  SESSION_START_SPAN,
  WORKER_ID,
  WORKER_VERSION,
} from '../../src/attributes.js';
import type { Telemetry } from '../../src/instrument/handle.js';
import type { InstrumentOptions } from '../../src/instrument/options.js';
import { instrument } from '../../src/instrument.js';
import { Cadence } from '../../src/otlp/cadence.js';
import type { PoolLike } from '../../src/worker/pool.js';
import { setEnvironment } from '../support/environment.js';
import { last, only } from '../support/lists.js';
import { seriesOf, valueIn } from '../support/points.js';
import { ObservedPool, TestPool } from '../support/pools.js';
import { createMeterProvider, createTracerProvider, createTwoReaders } from '../support/provided-sdk.js';
import { createSession } from '../support/spans.js';

let telemetries: Telemetry[] = [];

beforeEach(() => {
  telemetries = [];
  // A provider that is passed in is all that these tests use: what is not passed in is not exported.
  setEnvironment({ OTEL_METRICS_EXPORTER: 'none', OTEL_TRACES_EXPORTER: 'none' });
});

afterEach(async () => {
  await Promise.all(telemetries.map((telemetry) => telemetry.shutdown({ now: true })));
  vi.unstubAllEnvs();
});

function start(pool: PoolLike, options: InstrumentOptions): Telemetry {
  const telemetry = instrument(pool, { deploymentVersion: '1.2.3', ...options });
  telemetries.push(telemetry);
  return telemetry;
}

describe('the cadence of a provider', () => {
  const SECOND = 1_000;

  it('is the minute of the SDK’s default until it has collected twice', () => {
    const cadence = new Cadence();
    expect(cadence.seconds).toBe(60);
    cadence.collected(0);
    expect(cadence.seconds).toBe(60);
    cadence.collected(5 * SECOND);
    expect(cadence.seconds).toBe(5);
  });

  it('is the longest of the last gaps', () => {
    const cadence = new Cadence();
    for (const second of [0, 10, 40, 50]) cadence.collected(second * SECOND);
    expect(cadence.seconds).toBe(30);
  });

  it('forgets a long gap in the end', () => {
    const cadence = new Cadence();
    cadence.collected(0);
    cadence.collected(300 * SECOND);
    for (let i = 1; i <= 7; i++) cadence.collected((300 + i) * SECOND);
    expect(cadence.seconds).toBe(300);
    cadence.collected(308 * SECOND);
    expect(cadence.seconds).toBe(1);
  });

  it('takes the time by itself', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const cadence = new Cadence();
    cadence.collected();
    vi.advanceTimersByTime(2_500);
    cadence.collected();
    vi.useRealTimers();
    expect(cadence.seconds).toBe(2.5);
  });
});

describe('a meter provider that was passed in', () => {
  it('gets a report at once, with the sums of what happened before', async () => {
    const { provider, reports } = createMeterProvider();
    const pool = new ObservedPool({ activeSessions: 2, draining: false });
    const telemetry = start(pool, { meterProvider: provider, poolName: 'voice' });
    pool.tell((observer) => observer.onSessionStart?.(createSession()));
    await vi.waitFor(() => expect(reports().length).toBeGreaterThanOrEqual(1));
    const [first = []] = reports();
    expect(valueIn(first, METRICS.started)).toBe(1);
    expect(valueIn(first, METRICS.active)).toBe(2);
    expect(only(first.filter(({ name }) => name === METRICS.running.name)).attributes).toEqual({
      [POOL_NAME]: 'voice',
      [WORKER_ID]: telemetry.workerId,
      [WORKER_VERSION]: '1.2.3',
    });
  });

  it('is asked how often it reports', async () => {
    const { provider, reports } = createMeterProvider(200);
    start(new TestPool(), { meterProvider: provider });
    await vi.waitFor(() => expect(reports().length).toBeGreaterThanOrEqual(5), 5_000);
    const interval = valueIn(last(reports()), METRICS.interval);
    expect(interval).toBeGreaterThan(0.1);
    expect(interval).toBeLessThan(1);
  });

  it('is not told to report as often as we flush it', async () => {
    const { provider, reports } = createMeterProvider();
    const pool = new TestPool({ activeSessions: 1, draining: false });
    start(pool, { meterProvider: provider });
    await sleep(500);
    pool.give({ activeSessions: 1, draining: true });
    await vi.waitFor(() => expect(reports().length).toBeGreaterThanOrEqual(2), 3_000);
    await provider.forceFlush();
    for (const report of reports()) expect(valueIn(report, METRICS.interval)).toBe(60);
  });

  it('is not told to report every moment because two readers collect in the same one', async () => {
    const { provider, reports } = createTwoReaders();
    start(new TestPool(), { meterProvider: provider });
    await vi.waitFor(() => expect(reports().length).toBeGreaterThanOrEqual(6), 5_000);
    for (const report of reports()) expect(valueIn(report, METRICS.interval)).toBeGreaterThan(0.5);
  });

  it('gets the goodbye on the series of the reports before', async () => {
    const { provider, reports } = createMeterProvider();
    const pool = new ObservedPool({ activeSessions: 2, draining: true });
    const telemetry = start(pool, { meterProvider: provider });
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    await vi.waitFor(() => expect(reports()).toHaveLength(1));
    const goodbye = await telemetry.shutdown({ now: true });
    expect(goodbye).toEqual({ delivered: undefined, droppedSessions: 2 });
    const report = last(reports());
    expect(valueIn(report, METRICS.running)).toBe(0);
    expect(valueIn(report, METRICS.active)).toBe(0);
    expect(valueIn(report, METRICS.dropped)).toBe(2);
    expect(seriesOf(report)).toEqual(seriesOf(reports()[0] ?? []));
  });

  it('goes on to tell the goodbye, whatever the pool says later', async () => {
    const { provider, reports } = createMeterProvider();
    const pool = new TestPool();
    await start(pool, { meterProvider: provider }).shutdown();
    pool.give({ activeSessions: 5, draining: false });
    await provider.forceFlush();
    expect(valueIn(last(reports()), METRICS.running)).toBe(0);
    expect(valueIn(last(reports()), METRICS.active)).toBe(0);
  });

  it('is never shut down by us', async () => {
    const { provider } = createMeterProvider();
    const shutdown = vi.spyOn(provider, 'shutdown');
    await start(new TestPool(), { meterProvider: provider }).shutdown();
    expect(shutdown).not.toHaveBeenCalled();
  });

  it('has not taken the goodbye where it was shut down before', async () => {
    const { provider } = createMeterProvider();
    const telemetry = start(new TestPool(), { meterProvider: provider });
    await provider.shutdown();
    expect(await telemetry.shutdown()).toEqual({ delivered: false, droppedSessions: 0 });
  });

  it('has not taken the goodbye where it does nothing', async () => {
    const telemetry = start(new TestPool(), { meterProvider: metrics.getMeterProvider() });
    expect(await telemetry.shutdown()).toEqual({ delivered: false, droppedSessions: 0 });
  });

  it('may fail to flush', async () => {
    const { provider, reports } = createMeterProvider();
    vi.spyOn(provider, 'forceFlush').mockRejectedValue(new Error('down'));
    const telemetry = start(new TestPool(), { meterProvider: provider });
    expect(await telemetry.shutdown()).toEqual({ delivered: false, droppedSessions: 0 });
    expect(reports()).toEqual([]);
  });

  it('does not hold up the shutdown where its flush hangs', async () => {
    const { provider } = createMeterProvider();
    vi.spyOn(provider, 'forceFlush').mockReturnValue(new Promise(() => {}));
    const telemetry = start(new TestPool(), { meterProvider: provider });
    const since = performance.now();
    expect((await telemetry.shutdown()).delivered).toBe(false);
    expect(performance.now() - since).toBeLessThan(3_000);
  });

  it('takes the reports of two pools', async () => {
    const { provider, reports } = createMeterProvider();
    const one = start(new TestPool({ activeSessions: 1, draining: false }), { meterProvider: provider });
    const two = start(new TestPool({ activeSessions: 2, draining: false }), { meterProvider: provider });
    await vi.waitFor(() => {
      const report = last(reports());
      expect(valueIn(report, METRICS.active, { [WORKER_ID]: one.workerId })).toBe(1);
      expect(valueIn(report, METRICS.active, { [WORKER_ID]: two.workerId })).toBe(2);
    });
  });
});

describe('a tracer provider that was passed in', () => {
  it('gets the spans of the sessions', () => {
    const { provider, exporter } = createTracerProvider();
    const telemetry = start(new TestPool(), { tracerProvider: provider });
    telemetry.startSession({ id: 's-1' }).end('failed');
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name }) => name)).toEqual([SESSION_START_SPAN, SESSION_SPAN]);
    expect(last(spans).instrumentationScope).toMatchObject({ name: 'openrtc-otel' });
    expect(last(spans).attributes).toMatchObject({
      [WORKER_ID]: telemetry.workerId,
      [SESSION_OUTCOME]: 'failed',
    });
  });

  it('is flushed once for the sessions that start within a second', async () => {
    const { provider } = createTracerProvider();
    const forceFlush = vi.spyOn(provider, 'forceFlush');
    const telemetry = start(new TestPool(), { tracerProvider: provider });
    await sleep(50);
    for (let i = 0; i < 20; i++) telemetry.startSession();
    expect(forceFlush).not.toHaveBeenCalled();
    await sleep(1_500);
    expect(forceFlush).toHaveBeenCalledTimes(1);
    telemetry.startSession();
    await vi.waitFor(() => expect(forceFlush).toHaveBeenCalledTimes(2), 3_000);
  });

  it('is flushed for a session that starts at once', async () => {
    const { provider } = createTracerProvider();
    const forceFlush = vi.spyOn(provider, 'forceFlush');
    start(new TestPool(), { tracerProvider: provider }).startSession();
    await vi.waitFor(() => expect(forceFlush).toHaveBeenCalledTimes(1), 3_000);
  });

  it('is flushed at the goodbye and never shut down by us', async () => {
    const { provider, exporter } = createTracerProvider();
    const forceFlush = vi.spyOn(provider, 'forceFlush');
    const shutdown = vi.spyOn(provider, 'shutdown');
    const telemetry = start(new TestPool(), { tracerProvider: provider });
    telemetry.startSession();
    expect(await telemetry.shutdown()).toEqual({ delivered: false, droppedSessions: 0 });
    expect(forceFlush).toHaveBeenCalled();
    expect(shutdown).not.toHaveBeenCalled();
    expect(last(exporter.getFinishedSpans()).attributes[SESSION_OUTCOME]).toBe('unknown');
  });

  it('is flushed behind the proxy of the API', async () => {
    const { provider } = createTracerProvider();
    const forceFlush = vi.spyOn(provider, 'forceFlush');
    const proxy = new ProxyTracerProvider();
    proxy.setDelegate(provider);
    await start(new TestPool(), { tracerProvider: proxy }).shutdown();
    expect(forceFlush).toHaveBeenCalledTimes(1);
  });

  it('may do nothing', async () => {
    const telemetry = start(new TestPool(), { tracerProvider: trace.getTracerProvider() });
    const session = telemetry.startSession();
    expect(session.span.isRecording()).toBe(false);
    session.end();
    await expect(telemetry.shutdown()).resolves.toMatchObject({ droppedSessions: 0 });
  });

  it('may fail to flush', async () => {
    const { provider } = createTracerProvider();
    vi.spyOn(provider, 'forceFlush').mockRejectedValue(new Error('down'));
    const telemetry = start(new TestPool(), { tracerProvider: provider });
    await expect(telemetry.shutdown()).resolves.toMatchObject({ droppedSessions: 0 });
  });

  it('does not lose the goodbye of a meter provider where its flush hangs', async () => {
    const { provider } = createTracerProvider();
    const meters = createMeterProvider();
    vi.spyOn(provider, 'forceFlush').mockReturnValue(new Promise(() => {}));
    const telemetry = start(new TestPool(), { tracerProvider: provider, meterProvider: meters.provider });
    expect((await telemetry.shutdown()).delivered).toBeUndefined();
    expect(valueIn(last(meters.reports()), METRICS.running)).toBe(0);
  });
});

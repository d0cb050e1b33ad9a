import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRICS, SESSION_OUTCOME, SESSION_SPAN } from '../../src/attributes.js';
import type { LastKnown } from '../../src/journal/replay.js';
import { usePipeline } from '../support/pipeline.js';
import { valueIn } from '../support/points.js';
import { ObservedPool, TestPool } from '../support/pools.js';
import { createMeterProvider, createTracerProvider } from '../support/provided-sdk.js';
import { createSession } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';
import { replay, useFolder } from './support.js';

const said = listenToWarnings();
const folder = useFolder();
const pipeline = usePipeline();
const active = (activeSessions: number, more = {}) => ({ activeSessions, draining: false, ...more });

const instrument = (pool: TestPool, more = {}) =>
  pipeline.instrument(pool, { deploymentVersion: 'v1', poolName: 'voice', journal: folder.path, ...more });

/** Waits until what is written says so. */
const written = (assertion: (known: LastKnown) => unknown) =>
  eventually(() => assertion(replay(readFileSync(folder.the('.journal'), 'utf8'))));

const goodbyes = () => pipeline.collector.reports.filter((report) => valueIn(report, METRICS.running) === 0);

describe('the journal of an instrumented pool', () => {
  it('knows the sessions of a pool that can not be observed by their number', async () => {
    const pool = new TestPool(active(3));
    instrument(pool);
    await written((known) => expect(known.last.active).toBe(3));
    pool.give(active(1, { draining: true, drainTimeoutSeconds: 30 }));
    await written((known) => {
      expect(known.last.active).toBe(1);
      expect(known.last).toMatchObject({ draining: 1, drainTimeout: 30, drainElapsed: expect.any(Number) });
      expect(known.sessions).toEqual([]);
    });
  });

  it('counts no session twice that the pool counts and that is told of, whichever comes first', async () => {
    const pool = new TestPool(active(2));
    const telemetry = instrument(pool);
    await written((known) => expect([known.sessions.length, known.last.active]).toEqual([0, 2]));
    const session = telemetry.startSession({ id: 'told' });
    await written((known) => expect([known.sessions.length, known.last.active]).toEqual([1, 2]));
    pool.give(active(3));
    await written((known) => expect([known.sessions.length, known.last.active]).toEqual([1, 3]));
    pool.give(active(2));
    session.end();
    await written((known) => expect([known.sessions.length, known.last.active]).toEqual([0, 2]));
  });

  it('knows sessions from before it was open, as they are sampled in the end', async () => {
    pipeline.environment({ OTEL_TRACES_SAMPLER: 'always_off' });
    const pool = new ObservedPool(active(1));
    const telemetry = instrument(pool);
    telemetry.startSession({ id: 'early' });
    await written((known) => {
      expect(known.sessions).toEqual([expect.objectContaining({ id: 'early', isSampled: false })]);
    });
  });

  it('names the worker as its resource does', async () => {
    pipeline.environment({ OTEL_RESOURCE_ATTRIBUTES: 'a=b,service.version=2', OTEL_SERVICE_NAME: 'named' });
    instrument(new TestPool(active(0)), {
      attributes: { region: 'eu' },
      tenantLimit: 3,
      poolName: undefined,
    });
    await written(({ worker }) =>
      expect(worker).toMatchObject({
        identity: { poolName: 'named', attributes: { region: 'eu' } },
        resource: { a: 'b', 'service.version': '2', 'service.name': 'named' },
      }),
    );
  });

  it.each([
    ['nothing is exported', { OTEL_SDK_DISABLED: 'true' }],
    ['metrics are not exported', { OTEL_METRICS_EXPORTER: 'none' }],
  ])('is not kept where %s', async (_, environment) => {
    pipeline.environment(environment);
    const telemetry = instrument(new TestPool(active(1)));
    await telemetry.shutdown({ now: true });
    expect(folder.files()).toEqual([]);
  });

  it('is gone after a goodbye on a provider that was passed in', async () => {
    const { provider } = createMeterProvider();
    const tracing = createTracerProvider();
    const pool = new ObservedPool(active(1));
    const telemetry = instrument(pool, { meterProvider: provider, tracerProvider: tracing.provider });
    const { span } = telemetry.startSession({ id: 'a' });
    await written((known) => expect(known.sessions[0]?.spanId).toBe(span.spanContext().spanId));
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: undefined, droppedSessions: 1 });
    await eventually(() => expect(folder.files()).toEqual([]));
  });

  it('is gone after a shutdown that was faster than its opening', async () => {
    const telemetry = instrument(new TestPool(active(0)));
    await telemetry.shutdown();
    await eventually(() => expect(folder.files()).toEqual([]));
    expect(goodbyes()).toHaveLength(1);
  });

  it('does not say again what a shutdown that was faster than its opening dropped', async () => {
    pipeline.collector.answer = () => ({ status: 400 });
    const pool = new ObservedPool(active(2));
    const telemetry = instrument(pool);
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    expect(await telemetry.shutdown({ now: true })).toEqual({ delivered: false, droppedSessions: 2 });
    const counted = folder.files().filter((file) => file.endsWith('.dead') || file.endsWith('.journal'));
    for (const file of counted) {
      const known = replay(readFileSync(join(folder.path, file), 'utf8'));
      expect(known.last).toMatchObject({ active: 2, dropped: 0 });
    }
  });

  it('is left by a shutdown that nobody heard, and told of by the next that is instrumented over it', async () => {
    pipeline.collector.answer = () => ({ status: 400 });
    const pool = new ObservedPool(active(2));
    const first = instrument(pool, { workerId: 'first' });
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    await written((known) => expect(known.last.active).toBe(2));
    expect(await first.shutdown({ now: true })).toEqual({ delivered: false, droppedSessions: 2 });
    pipeline.collector.answer = () => ({});
    pipeline.collector.requests.length = 0;
    const second = instrument(new ObservedPool(active(0)), { workerId: 'second' });
    await eventually(() => expect(goodbyes()).toHaveLength(1));
    expect(valueIn(goodbyes()[0] ?? [], METRICS.dropped)).toBe(2);
    await eventually(async () =>
      expect(await said()).toContain('sent the goodbye of the dead worker first (voice, v1): 2 dropped'),
    );
    await second.shutdown();
    await eventually(() => expect(folder.files()).toEqual([]));
  });

  it('is left for the spans alone where only they were not heard', async () => {
    pipeline.environment({ OTEL_EXPORTER_OTLP_TIMEOUT: '300' });
    pipeline.collector.answer = (path) => (path.includes('traces') ? { status: 503 } : {});
    const pool = new ObservedPool(active(1));
    const first = instrument(pool);
    pool.tell((observer) => observer.onSessionStart?.(createSession()));
    await written((known) => expect(known.last.active).toBe(1));
    expect(await first.shutdown({ now: true })).toEqual({ delivered: true, droppedSessions: 1 });
    await eventually(() => expect(folder.the('.dead')).not.toContain('no .dead'));
    pipeline.collector.answer = () => ({});
    pipeline.collector.requests.length = 0;
    instrument(new ObservedPool(active(0)));
    await eventually(() => {
      const ends = pipeline.collector.spans.filter(({ name }) => name === SESSION_SPAN);
      expect(ends.map(({ attributes }) => attributes[SESSION_OUTCOME])).toEqual(['dropped']);
    });
    expect(goodbyes()).toEqual([]);
  });
});

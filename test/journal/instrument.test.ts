import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEPLOYMENT_VERSION, DROPPED_SESSIONS, SESSION_OUTCOME, SESSION_SPAN } from '../../src/attributes.js';
import { activeIn, finalReport, type LastKnown, replay } from '../../src/journal/replay.js';
import { usePipeline } from '../support/pipeline.js';
import { valueIn } from '../support/points.js';
import { ObservedPool, TestPool } from '../support/pools.js';
import { createMeterProvider, createTracerProvider } from '../support/provided-sdk.js';
import { createSession } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';
import { useFolder } from './support.js';

const said = listenToWarnings();
const folder = useFolder();
const pipeline = usePipeline();
const active = (activeSessions: number, more = {}) => ({ activeSessions, draining: false, ...more });

const instrument = (pool: TestPool, more = {}) =>
  pipeline.instrument(pool, { deploymentVersion: 'v1', poolName: 'voice', journal: folder.path, ...more });

/** Waits until what is written says so. */
const written = (assertion: (known: LastKnown) => unknown) =>
  eventually(() => assertion(replay(readFileSync(folder.the('.journal'), 'utf8'))));

const goodbyes = () =>
  pipeline.collector.reports.filter((report) => valueIn(report, DEPLOYMENT_VERSION) === 0);

describe('the journal of an instrumented pool', () => {
  it('knows the sessions of a pool that can not be observed by their number', async () => {
    const pool = new TestPool(active(3));
    instrument(pool);
    await written((known) => expect(activeIn(known)).toBe(3));
    pool.give(active(1, { draining: true, drainTimeoutSeconds: 30 }));
    await written((known) => {
      expect(activeIn(known)).toBe(1);
      expect(known).toMatchObject({
        live: 0,
        facts: { draining: true, drainTimeoutSeconds: 30, drainingSince: expect.any(Number) },
      });
    });
  });

  it('counts no session twice that the pool counts and that is told of, whichever comes first', async () => {
    const pool = new TestPool(active(2));
    const telemetry = instrument(pool);
    await written((known) => expect(known).toMatchObject({ live: 0, untold: 2 }));
    const session = telemetry.startSession({ id: 'told' });
    await written((known) => expect(known).toMatchObject({ live: 1, untold: 1 }));
    pool.give(active(3));
    await written((known) => expect(known).toMatchObject({ live: 1, untold: 2 }));
    pool.give(active(2));
    session.end();
    await written((known) => expect(known).toMatchObject({ live: 0, untold: 2 }));
  });

  it('knows sessions from before it was open, as they are sampled in the end', async () => {
    pipeline.environment({ OTEL_TRACES_SAMPLER: 'always_off' });
    const pool = new ObservedPool(active(1));
    const telemetry = instrument(pool);
    telemetry.startSession({ id: 'early' });
    telemetry.rejectJob('draining');
    await written((known) => {
      expect(known.sessions).toEqual([expect.objectContaining({ id: 'early', isSampled: false })]);
      expect(known.totals).toMatchObject({ started: 1, rejected: { draining: 1 } });
      expect(known.told).toBeDefined();
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
        temporality: 'cumulative',
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
      expect(finalReport(known)).toMatchObject({ active: 2, dropped: 0 });
    }
  });

  it('is left by a shutdown that nobody heard, and told of by the next that is instrumented over it', async () => {
    pipeline.collector.answer = () => ({ status: 400 });
    const pool = new ObservedPool(active(2));
    const first = instrument(pool, { workerId: 'first' });
    for (const id of ['a', 'b']) pool.tell((observer) => observer.onSessionStart?.(createSession({ id })));
    await written((known) => expect(known.live).toBe(2));
    expect(await first.shutdown({ now: true })).toEqual({ delivered: false, droppedSessions: 2 });
    pipeline.collector.answer = () => ({});
    pipeline.collector.requests.length = 0;
    const second = instrument(new ObservedPool(active(0)), { workerId: 'second' });
    await eventually(() => expect(goodbyes()).toHaveLength(1));
    expect(valueIn(goodbyes()[0] ?? [], DROPPED_SESSIONS)).toBe(2);
    await eventually(async () =>
      expect(await said()).toContain('the goodbye of the dead worker first (voice, v1) was said: 2 dropped'),
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
    await written((known) => expect(known.live).toBe(1));
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

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricPoint } from '../../src/deploy/index.js';
import type { SpanRecord } from '../support/decode-traces.js';
import { lastOrdinary } from '../support/points.js';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { ENCODINGS, reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import {
  BEFORE_THE_FIRST_SESSION,
  DRAINING_WITH_THREE,
  GOODBYE,
  outcomeOf,
  WITH_FIFTY_SESSIONS,
  WORKER,
} from './support/fifty-sessions.js';
import { seriesOf, valuesOf } from './support/points.js';

const FIXTURE = 'fixtures/fifty-sessions.js';

/** Name, unit, kind, and the attribute that tells the series of one metric apart. */
const TABLE = [
  ['openrtc.active_sessions', '{session}', 'gauge'],
  ['openrtc.draining', '{worker}', 'gauge'],
  ['openrtc.deployment_version', '{worker}', 'gauge'],
  ['openrtc.dropped_sessions', '{session}', 'gauge'],
  ['openrtc.start_time', 's', 'gauge'],
  ['openrtc.report.interval', 's', 'gauge'],
  ['openrtc.drain.elapsed', 's', 'gauge'],
  ['openrtc.drain.timeout', 's', 'gauge'],
  ['openrtc.tenant.active_sessions', '{session}', 'gauge', 'openrtc.tenant.id'],
  ['openrtc.sessions.started', '{session}', 'counter'],
  ['openrtc.sessions.ended', '{session}', 'counter', 'openrtc.session.outcome'],
  ['openrtc.jobs.rejected', '{job}', 'counter', 'openrtc.rejection.reason'],
] as const;

describe.each(ENCODINGS)('a worker with 50 sessions of three tenants that reports in %s', (protocol) => {
  let backend: Backend;
  let stderr: string[];
  let goodbye: unknown;
  let lastError: string;
  let startSpansWhileFull: SpanRecord[];
  const began = Date.now();

  const latest = () => valuesOf(backend.reports.at(-1));
  const points = () => backend.reports.flat();
  const spansNamed = (name: string) => {
    const found = backend.spans.filter((span) => span.name === name);
    return new Map(found.map((span) => [span.attributes['openrtc.session.id'], span]));
  };

  beforeAll(async () => {
    backend = await Backend.start();
    await using worker = new Child(
      FIXTURE,
      reportingTo(backend, {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      }),
    );
    await eventually(() => expect(latest()).toEqual(BEFORE_THE_FIRST_SESSION));
    await worker.ask('fill');
    await eventually(() => expect(latest()).toEqual(WITH_FIFTY_SESSIONS));
    startSpansWhileFull = await eventually(() => {
      expect(backend.spans).toHaveLength(50);
      return [...backend.spans];
    });
    await worker.ask('finish');
    lastError = await worker.ask('drain');
    await eventually(() => expect(latest()).toEqual(DRAINING_WITH_THREE));
    await eventually(() => expect(latest()['openrtc.drain.elapsed']).toBeGreaterThan(0.2));
    goodbye = await worker.ask('shutdown');
    void worker.ask('exit').catch(() => {});
    await worker.exit;
    stderr = worker.stderr;
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  it('says goodbye with the last facts, as its last report', () => {
    expect(goodbye).toEqual({ delivered: true, droppedSessions: 3 });
    expect(latest()).toEqual(GOODBYE);
    expect(backend.goodbyes).toHaveLength(1);
    expect(backend.worker).toMatchObject({ exited: true, active: 0, dropped: 3 });
    expect(stderr).toEqual([]);
  });

  it('says it in gauges only, on their series in the reports before', () => {
    const goodbye = backend.reports.at(-1) ?? [];
    expect(new Set(goodbye.map(({ kind }) => kind))).toEqual(new Set(['gauge']));
    const gauges = backend.reports
      .slice(0, -1)
      .flat()
      .filter(({ kind }) => kind === 'gauge');
    expect(new Set(goodbye.map(seriesOf))).toEqual(new Set(gauges.map(seriesOf)));
  });

  it('has sent every counter by then, right before the goodbye', () => {
    const before = lastOrdinary(backend.reports);
    expect(before).toBe(backend.reports.at(-2));
    expect(valuesOf(before)).toEqual(DRAINING_WITH_THREE);
    const [time = Number.NaN] = before.map(({ timeUnixMs }) => timeUnixMs);
    const [goodbyeTime] = backend.goodbyes.flat().map(({ timeUnixMs }) => timeUnixMs);
    expect(goodbyeTime).toBeGreaterThan(time);
  });

  it('reports every metric with its unit and kind, and no other', () => {
    const reported = new Map(points().map((point) => [point.name, describePoint(point)]));
    expect(Object.fromEntries(reported)).toEqual(
      Object.fromEntries(TABLE.map(([name, unit, kind]) => [name, `${kind} of ${unit}`])),
    );
    expect(points().every(({ description }) => description.length > 10)).toBe(true);
  });

  it('puts the attributes of the worker on every datapoint, and besides only what tells its series apart', () => {
    const labels = new Map<string, string | undefined>(TABLE.map(([name, , , label]) => [name, label]));
    for (const { name, attributes } of points()) {
      const label = labels.get(name);
      expect(attributes).toEqual({ ...WORKER, ...(label && { [label]: expect.any(String) }) });
    }
  });

  it('started when it says, and never at another time', () => {
    const times = new Set(
      points()
        .filter(({ name }) => name === 'openrtc.start_time')
        .map(({ value }) => value),
    );
    const [time] = times;
    expect(times.size).toBe(1);
    expect(time).toBeGreaterThanOrEqual(began / 1000);
    expect(time).toBeLessThanOrEqual(Date.now() / 1000);
  });

  it('says who it is in the resource and in the scope, of metrics and of spans', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    for (const { resource, scope } of [...points(), ...backend.spans]) {
      expect(resource).toEqual({
        'service.name': 'voice',
        'service.version': 'v1',
        'service.instance.id': 'w-1',
        'telemetry.sdk.language': 'nodejs',
        'telemetry.sdk.name': 'opentelemetry',
        'telemetry.sdk.version': expect.any(String),
      });
      expect(scope).toEqual({ name: 'openrtc-otel', version });
    }
  });

  it('sends the start of each session while it still runs, as a child without length', () => {
    const whole = spansNamed('openrtc.session');
    expect(startSpansWhileFull.map(({ name }) => name)).toEqual(Array(50).fill('openrtc.session.start'));
    for (const span of startSpansWhileFull) {
      const parent = whole.get(span.attributes['openrtc.session.id'] ?? '');
      expect(span).toMatchObject({
        kind: 'internal',
        traceId: parent?.traceId,
        parentSpanId: parent?.spanId,
        startTimeUnixMs: parent?.startTimeUnixMs,
        endTimeUnixMs: parent?.startTimeUnixMs,
        links: [],
        events: [],
        statusCode: 'unset',
      });
    }
  });

  it('sends each session once, as a trace of its own', () => {
    const whole = backend.spans.filter(({ name }) => name === 'openrtc.session');
    expect(whole).toHaveLength(50);
    expect(backend.spans).toHaveLength(100);
    expect(new Set(whole.map(({ traceId }) => traceId)).size).toBe(50);
    for (const span of whole) {
      expect(span).toMatchObject({ kind: 'consumer', events: [] });
      expect(span).not.toHaveProperty('parentSpanId');
      expect(span.startTimeUnixMs).toBeGreaterThanOrEqual(began);
      expect(span.endTimeUnixMs).toBeGreaterThan(span.startTimeUnixMs);
    }
  });

  it('links a session to the span that was active where it started, and no other session', () => {
    for (const [id, { links }] of spansNamed('openrtc.session')) {
      const isFirst = id === 's-0';
      expect(links).toEqual(
        isFirst ? [{ traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef' }] : [],
      );
    }
  });

  it('tells of each session who and where it was and how it ended', () => {
    const whole = spansNamed('openrtc.session');
    const starts = spansNamed('openrtc.session.start');
    const errorTypes = ['TypeError', '_OTHER', 'string', 'Error'];
    for (let index = 0; index < 50; index++) {
      const outcome = outcomeOf(index);
      const isBad = outcome === 'failed' || outcome === 'dropped';
      const identity = {
        ...WORKER,
        'openrtc.session.id': `s-${index}`,
        'openrtc.tenant.id': `tenant-${index % 3}`,
        ...(index > 0 && { 'openrtc.agent.name': 'receptionist' }),
      };
      const span = whole.get(`s-${index}`);
      expect(starts.get(`s-${index}`)?.attributes).toEqual(identity);
      expect(span?.attributes).toEqual({
        ...identity,
        'openrtc.session.outcome': outcome,
        ...(isBad && { 'error.type': outcome === 'failed' ? errorTypes[index % 4] : 'dropped' }),
      });
      expect(span?.statusCode).toBe(isBad ? 'error' : 'unset');
      expect(span).not.toHaveProperty('statusMessage');
    }
  });

  it('keeps the numbers of the callers to itself', () => {
    expect(lastError, 'the pool itself knows them').toContain('151');
    expect(namesACaller(backend)).toBe(false);
  });
});

it.each(ENCODINGS)('a caller is named only where spanAttributes names it, in %s', async (protocol) => {
  await using backend = await Backend.start();
  await using worker = new Child(
    FIXTURE,
    reportingTo(backend, {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      TELL_ROOMS: 'yes',
    }),
  );
  await worker.ask('fill');
  await worker.ask('shutdown');
  expect(namesACaller(backend)).toBe(true);
  expect(backend.spans[0]?.attributes).toHaveProperty('room', 'call from +49 151 2345678');
});

it('a worker has at most 60 series, however many tenants it has', async () => {
  await using backend = await Backend.start();
  await using worker = new Child(FIXTURE, reportingTo(backend, { TENANTS: '50', TENANT_LIMIT: '40' }));
  await worker.ask('fill');
  await eventually(() => expect(backend.worker?.active).toBe(50));
  await worker.ask('finish');
  await worker.ask('drain');
  await worker.ask('shutdown');
  const series = new Set(backend.reports.flat().map(seriesOf));
  expect([...series].filter((key) => key.startsWith('openrtc.tenant.active_sessions'))).toHaveLength(41);
  expect(series.size).toBeLessThanOrEqual(60);
});

function describePoint({ unit, kind, monotonic, temporality }: MetricPoint): string {
  const isCounter = kind === 'sum' && monotonic && temporality === 'cumulative';
  return `${isCounter ? 'counter' : kind} of ${unit}`;
}

/** Long enough that no id or time holds them by chance. */
const namesACaller = ({ requests }: Backend) =>
  requests.some(({ body }) => body.includes('151 2345678') || body.includes('491512345678'));

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { MetricPoint } from '../../src/deploy/index.js';
import { lastOrdinary } from '../support/points.js';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { seriesOf, valuesOf } from './support/points.js';

const tlsFile = (name: string) => fileURLToPath(new URL(`fixtures/tls/${name}`, import.meta.url));
const TEMPORALITY = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';

/** The life of a worker that has three sessions, of which two end, and that goes on reporting for a while. */
async function live(backend: Backend, variables: Readonly<Record<string, string>> = {}) {
  await using worker = new Child('fixtures/worker.js', reportingTo(backend, variables));
  const reportsMetrics = variables.OTEL_METRICS_EXPORTER !== 'none' && !variables.OTEL_SDK_DISABLED;
  const reports = async (active: number) => {
    if (!reportsMetrics || backend.fault) return;
    await eventually(() => expect(backend.worker?.active).toBe(active));
    const told = backend.reports.length;
    await eventually(() => expect(backend.reports.length).toBeGreaterThan(told));
  };
  await reports(0);
  await worker.ask('start', 2);
  await reports(2);
  await worker.ask('start');
  await worker.ask('end');
  await reports(2);
  await worker.ask('end');
  const { delivered, droppedSessions } = await worker.ask<Record<string, unknown>>('shutdown', { now: true });
  return { delivered, droppedSessions, said: worker.said };
}

const paths = ({ requests }: Backend) => [...new Set(requests.map(({ path }) => path))].sort();
const headers = ({ requests }: Backend, path: string, name: string) => [
  ...new Set(requests.filter((request) => request.path === path).map((request) => request.headers[name])),
];
const spanNames = ({ spans }: Backend) => [...new Set(spans.map(({ name }) => name))].sort();
const BOTH_SPANS = ['openrtc.session', 'openrtc.session.start'];
const BOTH_PATHS = ['/v1/metrics', '/v1/traces'];

/** The datapoints of each series, in the order of their arrival. */
function bySeries(points: readonly MetricPoint[]): MetricPoint[][] {
  const series = new Map<string, MetricPoint[]>();
  for (const point of points) {
    const key = seriesOf(point);
    series.set(key, [...(series.get(key) ?? []), point]);
  }
  return [...series.values()];
}

describe.concurrent('endpoint, headers and compression', () => {
  it('each signal goes to its own endpoint, as it is written', async () => {
    await using metrics = await Backend.start();
    await using traces = await Backend.start();
    metrics.fault = (response) => response.writeHead(200).end();
    const { delivered } = await live(metrics, {
      OTEL_EXPORTER_OTLP_ENDPOINT: '',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${metrics.url}/tenant/metrics?key=1`,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${traces.url}/v1/traces`,
    });
    expect(delivered).toBe(true);
    expect(paths(metrics)).toEqual(['/tenant/metrics?key=1']);
    expect(paths(traces)).toEqual(['/v1/traces']);
    expect(spanNames(traces)).toEqual(BOTH_SPANS);
  });

  it('both signals go under the path of the general endpoint', async () => {
    await using backend = await Backend.start();
    backend.fault = (response) => response.writeHead(200).end();
    await live(backend, { OTEL_EXPORTER_OTLP_ENDPOINT: `${backend.url}/otlp` });
    expect(paths(backend)).toEqual(['/otlp/v1/metrics', '/otlp/v1/traces']);
  });

  it('headers arrive with every request, the goodbye included', async () => {
    await using backend = await Backend.start();
    await live(backend, {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-scope=all',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope=traces',
    });
    expect(headers(backend, '/v1/metrics', 'authorization')).toEqual(['Bearer abc']);
    expect(headers(backend, '/v1/metrics', 'x-scope')).toEqual(['all']);
    expect(headers(backend, '/v1/traces', 'authorization')).toEqual(['Bearer abc']);
    expect(headers(backend, '/v1/traces', 'x-scope')).toEqual(['traces']);
  });

  it.each([
    ['gzip', 'gzip'],
    ['none', undefined],
  ])('with the compression %s the content encoding is %s', async (compression, encoding) => {
    await using backend = await Backend.start();
    await live(backend, { OTEL_EXPORTER_OTLP_COMPRESSION: compression });
    for (const path of BOTH_PATHS) expect(headers(backend, path, 'content-encoding')).toEqual([encoding]);
  });

  it('protobuf is the default', async () => {
    await using backend = await Backend.start();
    await live(backend);
    for (const path of BOTH_PATHS) {
      expect(headers(backend, path, 'content-type')).toEqual(['application/x-protobuf']);
    }
  });

  it('grpc cannot be had: that is said once, with what is used instead', async () => {
    await using backend = await Backend.start();
    const { delivered, said } = await live(backend, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(said).toEqual([
      expect.stringMatching(/OTEL_EXPORTER_OTLP_PROTOCOL.*"grpc".*using http\/protobuf/),
    ]);
    expect(delivered).toBe(true);
    expect(headers(backend, '/v1/metrics', 'content-type')).toEqual(['application/x-protobuf']);
  });
});

describe.concurrent('temporality', () => {
  /** What is dropped at the goodbye is in its gauge alone. */
  const truth = {
    'openrtc.sessions.started': 3,
    'openrtc.sessions.ended success': 2,
    'openrtc.sessions.ended failed': 0,
    'openrtc.sessions.ended cancelled': 0,
    'openrtc.sessions.ended dropped': 0,
    'openrtc.sessions.ended unknown': 0,
    'openrtc.jobs.rejected draining': 0,
    'openrtc.jobs.rejected at_capacity': 0,
    'openrtc.jobs.rejected invalid': 0,
    'openrtc.jobs.rejected unavailable': 0,
    'openrtc.jobs.rejected other': 0,
  };

  const sumsOf = (backend: Backend) => backend.reports.flat().filter(({ kind }) => kind === 'sum');
  /** One datapoint for each series, with the total of all. */
  const totals = (backend: Backend) =>
    bySeries(sumsOf(backend)).flatMap(([first, ...others]) =>
      first ? [{ ...first, value: others.reduce((total, { value }) => total + value, first.value) }] : [],
    );

  it('delta: the sums of all reports add up to the truth, and the goodbye has none', async () => {
    await using backend = await Backend.start();
    await live(backend, { [TEMPORALITY]: 'delta' });
    expect(valuesOf(totals(backend))).toEqual(truth);
    expect(sumsOf(backend).every(({ temporality }) => temporality === 'delta')).toBe(true);
    expect(backend.goodbyes.flat().filter(({ kind }) => kind !== 'gauge')).toEqual([]);
    expect(backend.worker).toMatchObject({ exited: true, dropped: 1, started: 3, ended: { success: 2 } });
  });

  it('delta: no two datapoints of a series tell of the same time', async () => {
    await using backend = await Backend.start();
    await live(backend, { [TEMPORALITY]: 'delta' });
    for (const arrived of bySeries(sumsOf(backend))) {
      // The last ordinary report does not wait for one that is still under way.
      const points = arrived.toSorted((a, b) => a.timeUnixMs - b.timeUnixMs);
      const starts = points.slice(1).map(({ startTimeUnixMs }) => startTimeUnixMs);
      for (const [index, start] of starts.entries()) {
        expect(start).toBeGreaterThanOrEqual(points[index]?.timeUnixMs ?? Number.NaN);
      }
    }
  });

  it('delta: a report that is under way at the goodbye is told neither twice nor not at all', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(
      'fixtures/worker.js',
      reportingTo(backend, { [TEMPORALITY]: 'delta', OTEL_METRIC_EXPORT_INTERVAL: '600' }),
    );
    await eventually(() => expect(backend.reports.length).toBeGreaterThan(1));
    let held = 0;
    backend.fault = async (_, { path }, handOn) => {
      if (path === '/v1/metrics' && held++ === 0) await sleep(500);
      await handOn();
    };
    await worker.ask('start', 3);
    await worker.ask('end', 2);
    await eventually(() => expect(held).toBeGreaterThan(0));
    expect(await worker.ask('shutdown', { now: true })).toMatchObject({ delivered: true });
    await eventually(() => expect(backend.reports.at(-1)).not.toBe(backend.goodbyes[0]));
    expect(valuesOf(totals(backend))).toEqual(truth);
  });

  it('cumulative: every sum goes on to the last ordinary report, from the same start and never back', async () => {
    await using backend = await Backend.start();
    await live(backend, { [TEMPORALITY]: 'cumulative' });
    const points = backend.reports.flat();
    expect(valuesOf(lastOrdinary(backend.reports))).toMatchObject(truth);
    expect(backend.goodbyes.flat().filter(({ kind }) => kind !== 'gauge')).toEqual([]);
    for (const sums of bySeries(points.filter(({ kind }) => kind === 'sum'))) {
      expect(new Set(sums.map(({ startTimeUnixMs }) => startTimeUnixMs)).size).toBe(1);
      expect(new Set(sums.map(({ temporality }) => temporality))).toEqual(new Set(['cumulative']));
      const values = sums.map(({ value }) => value);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      expect(values[0]).toBe(0);
    }
    for (const samples of bySeries(points)) {
      const times = new Set(samples.map(({ timeUnixMs }) => timeUnixMs));
      expect(times.size, 'no two samples of one moment').toBe(samples.length);
    }
  });
});

describe.concurrent('what is not sent', () => {
  it.each([
    ['always_off', undefined, []],
    ['traceidratio', '0', []],
    ['traceidratio', '1', BOTH_SPANS],
    ['parentbased_always_on', undefined, BOTH_SPANS],
  ])('with the sampler %s %s the spans are %j', async (sampler, ratio, spans) => {
    await using backend = await Backend.start();
    const { delivered } = await live(backend, {
      OTEL_TRACES_SAMPLER: sampler,
      ...(ratio && { OTEL_TRACES_SAMPLER_ARG: ratio }),
    });
    expect(delivered).toBe(true);
    expect(spanNames(backend)).toEqual(spans);
    expect(backend.worker).toMatchObject({ exited: true, dropped: 1, started: 3, ended: { success: 2 } });
  });

  it.each([
    ['OTEL_TRACES_EXPORTER', 'none', ['/v1/metrics'], true],
    ['OTEL_METRICS_EXPORTER', 'none', ['/v1/traces'], false],
    ['OTEL_SDK_DISABLED', 'true', [], false],
  ])('with %s=%s only %j is asked', async (name, value, asked, isDelivered) => {
    await using backend = await Backend.start();
    const { delivered, droppedSessions, said } = await live(backend, { [name]: value });
    expect(paths(backend)).toEqual(asked);
    expect({ delivered, droppedSessions }).toEqual({ delivered: isDelivered, droppedSessions: 1 });
    expect(said).toEqual([]);
  });
});

it.concurrent('the service that the user names is the resource, and the datapoints keep the worker', async () => {
  await using backend = await Backend.start();
  await live(backend, {
    OTEL_SERVICE_NAME: 'calls',
    OTEL_RESOURCE_ATTRIBUTES:
      'service.name=other,service.version=9.0.0,service.instance.id=i-9,deployment.environment.name=prod%20eu',
  });
  for (const { resource } of [...backend.reports.flat(), ...backend.spans]) {
    expect(resource).toMatchObject({
      'service.name': 'calls',
      'service.version': '9.0.0',
      'service.instance.id': 'i-9',
      'deployment.environment.name': 'prod eu',
    });
  }
  expect(backend.goodbyes).toHaveLength(1);
  expect(backend.worker).toMatchObject({ pool: 'voice', id: 'w-1', version: 'v1' });
});

describe.concurrent('a collector with a certificate of its own', () => {
  const identity = {
    key: readFileSync(tlsFile('key.pem'), 'utf8'),
    cert: readFileSync(tlsFile('cert.pem'), 'utf8'),
  };

  it('gets the reports of a worker that is told to trust it', async () => {
    await using backend = await Backend.start(identity);
    const { delivered, said } = await live(backend, {
      OTEL_EXPORTER_OTLP_CERTIFICATE: tlsFile('cert.pem'),
    });
    expect({ delivered, said }).toEqual({ delivered: true, said: [] });
    expect(spanNames(backend)).toEqual(BOTH_SPANS);
  });

  it('gets none of a worker that is not, which says so once for each signal', async () => {
    await using backend = await Backend.start(identity);
    await using worker = new Child('fixtures/worker.js', reportingTo(backend));
    await worker.ask('start');
    await eventually(() => expect(worker.said).toHaveLength(2));
    expect(await worker.ask('shutdown', { now: true })).toMatchObject({ delivered: false });
    expect(worker.said.sort()).toEqual([
      expect.stringMatching(/^metrics do not arrive at https:.*SELF_SIGNED/),
      expect.stringMatching(/^spans do not arrive at https:.*SELF_SIGNED/),
      expect.stringMatching(/^the goodbye did not arrive at https:/),
    ]);
    expect(backend.requests).toEqual([]);
  });
});

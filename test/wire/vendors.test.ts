import { ValueType } from '@opentelemetry/api';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, type DataPoint, DataPointType } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { METRICS, SESSION_SPAN, SESSION_START_SPAN, WORKER_VERSION } from '../../src/attributes.js';
import { recipeOf } from '../support/recipes.js';
import { StrictBackend } from '../support/strict-backend.js';
import { DATADOG, DYNATRACE } from '../support/vendors.js';
import { Child } from './support/child.js';
import { eventually } from './support/eventually.js';

const INTERVAL = { OTEL_METRIC_EXPORT_INTERVAL: '200' };

/**
 * A worker with the recipe's environment: a session that ends, one that is dropped, and a goodbye.
 *
 * @param complaint that it makes before the goodbye
 */
async function live(env: Record<string, string>, complaint?: RegExp) {
  await using worker = new Child('fixtures/worker.js', { ...INTERVAL, ...env });
  await worker.ask('start', 2);
  await worker.ask('end');
  if (complaint) await eventually(() => expect(worker.said.join('\n')).toMatch(complaint));
  const goodbye = await worker.ask<{ delivered: boolean }>('shutdown', { now: true });
  await worker.ask('exit').catch(() => {});
  return { delivered: goodbye.delivered, said: worker.said };
}

describe.concurrent.each([DYNATRACE, DATADOG])('a strict stand-in of $name', (vendor) => {
  it('takes all that a worker sends with the environment of the recipe', async () => {
    await using backend = await StrictBackend.start(vendor);
    const { delivered, said } = await live(recipeOf(vendor.name, backend.url));
    expect(backend.refusals).toEqual([]);
    expect({ delivered, said }).toEqual({ delivered: true, said: [] });
    const goodbyes = backend.points.filter(({ name, value }) => name === METRICS.running.name && value === 0);
    expect(goodbyes).toHaveLength(1);
    expect(goodbyes[0]?.attributes[WORKER_VERSION]).toBe('v1');
    const names = backend.spans.map(({ name }) => name).sort();
    expect(names).toEqual([SESSION_SPAN, SESSION_SPAN, SESSION_START_SPAN, SESSION_START_SPAN].sort());
  });

  it.each([
    [
      'cumulative sums',
      { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'cumulative' },
      /delta|CUMULATIVE/,
    ],
    ['a request without a key', { OTEL_EXPORTER_OTLP_HEADERS: '' }, /no key/],
    ['JSON spans', { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, /content type/],
  ])('refuses %s, and the worker says so', async (_, env, reason) => {
    await using backend = await StrictBackend.start(vendor);
    const { said } = await live({ ...recipeOf(vendor.name, backend.url), ...env }, /not arrive/);
    expect(backend.refusals.map((refusal) => refusal.reason)).toContainEqual(expect.stringMatching(reason));
    expect(said).toContainEqual(expect.stringMatching(/not arrive/));
  });

  it.each(['metrics', 'traces'] as const)('refuses a request for %s that is too large', async (signal) => {
    await using backend = await StrictBackend.start(vendor);
    const { path, mostBytes } = vendor[signal];
    expect(await post(backend, path, new Uint8Array(mostBytes + 1))).toBe(413);
  });
});

/** Sends protobuf with a key for each vendor, and gives the status. */
async function post(backend: StrictBackend, path: string, body: Uint8Array<ArrayBuffer>): Promise<number> {
  const keys = { authorization: 'Api-Token secret', 'dd-api-key': 'secret' };
  const headers = { ...keys, 'content-type': 'application/x-protobuf' };
  const answer = await fetch(`${backend.url}${path}`, { method: 'POST', headers, body });
  return answer.status;
}

it.concurrent('a strict stand-in of Dynatrace refuses more datapoints than it documents', async () => {
  await using backend = await StrictBackend.start(DYNATRACE);
  const { path, mostPoints } = DYNATRACE.metrics;
  expect(await post(backend, path, gauge(mostPoints))).toBe(200);
  expect(await post(backend, path, gauge(mostPoints + 1))).toBe(413);
});

/** A request with so many datapoints. */
function gauge(points: number): Uint8Array<ArrayBuffer> {
  const descriptor = { name: 'x.y', description: '', unit: '', valueType: ValueType.INT };
  const point = { startTime: [0, 0], endTime: [0, 0], attributes: {}, value: 1 } satisfies DataPoint<number>;
  const request = ProtobufMetricsSerializer.serializeRequest({
    resource: resourceFromAttributes({}),
    scopeMetrics: [
      {
        scope: { name: 'x' },
        metrics: [
          {
            descriptor,
            aggregationTemporality: AggregationTemporality.DELTA,
            dataPointType: DataPointType.GAUGE,
            dataPoints: Array(points).fill(point),
          },
        ],
      },
    ],
  });
  return new Uint8Array(request ?? []);
}

it.concurrent('a strict stand-in of Dynatrace refuses datapoints with too many dimensions', async () => {
  await using backend = await StrictBackend.start(DYNATRACE);
  const attributes = Array.from({ length: 50 }, (_, index) => `more.${index}=x`).join(',');
  const recipe = recipeOf('Dynatrace', backend.url);
  const { said } = await live({ ...recipe, OTEL_RESOURCE_ATTRIBUTES: attributes });
  expect(backend.points).toEqual([]);
  expect(said).toContainEqual(expect.stringMatching(/rejected/));
});

it.concurrent('a strict stand-in of Dynatrace takes the gauges beside a counter that it refuses', async () => {
  await using backend = await StrictBackend.start(DYNATRACE);
  const cumulative = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'cumulative' };
  const env = { ...recipeOf('Dynatrace', backend.url), ...cumulative };
  const { delivered, said } = await live(env, /not arrive/);
  expect(delivered, 'the goodbye has no counters').toBe(true);
  expect(backend.refusals.map(({ reason }) => reason)).toContainEqual(expect.stringMatching(/CUMULATIVE/));
  expect(said).toContainEqual(expect.stringMatching(/metrics do not arrive.*rejected/));
  await eventually(() => {
    expect(new Set(backend.points.map(({ kind }) => kind))).toEqual(new Set(['gauge']));
    const versions = backend.points.filter(({ name }) => name === METRICS.running.name);
    expect(new Set(versions.map(({ value }) => value)), 'of reports and of the goodbye').toEqual(
      new Set([1, 0]),
    );
  });
});

import { describe, expect, it } from 'vitest';
import {
  DEPLOYMENT_VERSION,
  SESSION_SPAN,
  SESSION_START_SPAN,
  WORKER_VERSION,
} from '../../src/attributes.js';
import { recipeOf } from '../support/recipes.js';
import { StrictBackend } from '../support/strict-backend.js';
import { DATADOG, DYNATRACE } from '../support/vendors.js';
import { Child } from './support/child.js';
import { eventually } from './support/eventually.js';

const INTERVAL = { OTEL_METRIC_EXPORT_INTERVAL: '200' };

/** A worker with the recipe's environment: a session that ends, one that is dropped, and a goodbye. */
async function live(env: Record<string, string>) {
  await using worker = new Child('fixtures/worker.js', { ...INTERVAL, ...env });
  await worker.ask('start', 2);
  await worker.ask('end');
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
    const goodbyes = backend.points.filter(
      ({ name, value }) => name === DEPLOYMENT_VERSION.name && value === 0,
    );
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
    const { said } = await live({ ...recipeOf(vendor.name, backend.url), ...env });
    expect(backend.refusals.map((refusal) => refusal.reason)).toContainEqual(expect.stringMatching(reason));
    expect(said).toContainEqual(expect.stringMatching(/not arrive/));
  });

  it('refuses a request that is too large', async () => {
    await using backend = await StrictBackend.start(vendor);
    const answer = await fetch(`${backend.url}${vendor.metrics.path}`, {
      method: 'POST',
      headers: {
        authorization: 'Api-Token secret',
        'dd-api-key': 'secret',
        'content-type': 'application/x-protobuf',
      },
      body: new Uint8Array(vendor.metrics.mostBytes + 1),
    });
    expect(answer.status).toBe(413);
  });
});

it.concurrent('a strict stand-in of Dynatrace takes the gauges beside a counter that it refuses', async () => {
  await using backend = await StrictBackend.start(DYNATRACE);
  const cumulative = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'cumulative' };
  const { delivered } = await live({ ...recipeOf('Dynatrace', backend.url), ...cumulative });
  expect(delivered).toBe(false);
  await eventually(() => {
    expect(new Set(backend.points.map(({ kind }) => kind))).toEqual(new Set(['gauge']));
  });
});

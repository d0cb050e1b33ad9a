import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { hanging } from './support/faults.js';
import { valuesOf } from './support/points.js';

/** The packages that scripts belong to; this one is `openrtc-otel`. */
const packagesOf = (urls: readonly string[]) => [
  ...new Set(urls.map((url) => url.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? 'openrtc-otel')),
];

it('loads nothing but the API until instrument() is called, and the rest after the call', async () => {
  await using backend = await Backend.start();
  await using child = new Child('fixtures/loaded-scripts.js', reportingTo(backend));
  const loaded = await child.result<Record<'byImport' | 'byCall' | 'later', string[]>>();
  expect(packagesOf(loaded.byImport).sort()).toEqual(['@opentelemetry/api', 'openrtc-otel']);
  expect(loaded.byCall, 'the call returns before anything is loaded').toEqual([]);
  expect(packagesOf(loaded.later)).toEqual(
    expect.arrayContaining(['openrtc-otel', '@opentelemetry/sdk-metrics', '@opentelemetry/sdk-trace-base']),
  );
});

it('counts the sessions that end before the SDK is loaded, in the first report, and sends their spans', async () => {
  await using backend = await Backend.start();
  await using child = new Child('fixtures/early-sessions.js', reportingTo(backend));
  const { overAt, ...result } = await child.result<Record<string, unknown>>();
  expect(result).toEqual({ delivered: true, droppedSessions: 0, wasLoaded: false, isLoaded: true });
  expect(valuesOf(backend.reports[0]), 'the sums of what happened before').toMatchObject({
    'openrtc.sessions.started': 4,
    'openrtc.sessions.ended failed': 1,
    'openrtc.sessions.ended cancelled': 1,
    'openrtc.jobs.rejected unavailable': 1,
  });
  expect(backend.worker).toMatchObject({
    exited: true,
    started: 4,
    ended: { success: 2, failed: 1, cancelled: 1, dropped: 0, unknown: 0 },
    rejected: { unavailable: 1 },
  });
  expect(backend.spans).toHaveLength(8);
  for (const id of ['success', 'failed', 'by-hand', 'lasting']) {
    const ofSession = backend.spans.filter(({ attributes }) => attributes['openrtc.session.id'] === id);
    const whole = ofSession.find(({ name }) => name === 'openrtc.session');
    expect(ofSession.find(({ name }) => name === 'openrtc.session.start')).toMatchObject({
      traceId: whole?.traceId,
      parentSpanId: whole?.spanId,
    });
    expect(whole?.statusCode).toBe(id === 'failed' ? 'error' : 'unset');
    // A millisecond more, because times in nanoseconds are rounded on their way.
    const over = Number(overAt) + 1;
    if (id === 'lasting') expect(whole?.endTimeUnixMs).toBeGreaterThan(over + 300);
    else expect(whole?.endTimeUnixMs, 'when it ended, not when the SDK was there').toBeLessThan(over);
  }
});

it('starts with one report', async () => {
  await using backend = await Backend.start();
  const env = reportingTo(backend, { OTEL_METRIC_EXPORT_INTERVAL: '600000' });
  await using worker = new Child('fixtures/worker.js', env);
  await eventually(() => expect(backend.worker).toBeDefined());
  await sleep(500);
  expect(backend.reports).toHaveLength(1);
  expect(await worker.ask('shutdown', { now: true })).toMatchObject({ delivered: true });
  const versions = backend.reports.map((report) => valuesOf(report)['openrtc.deployment_version']);
  expect(versions, 'the first, the last and the goodbye').toEqual([1, 1, 0]);
});

describe.concurrent('a process that does nothing else', () => {
  const FIXTURE = 'fixtures/nothing-else.js';

  it('ends by itself', async () => {
    await using backend = await Backend.start();
    await using child = new Child(FIXTURE, reportingTo(backend));
    expect(await child.exit).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['never answers', hanging],
    ['is not there', undefined],
  ])('ends by itself, at once or after its goodbye, where a collector %s', async (_, fault) => {
    await using backend = await Backend.start();
    if (fault) backend.fault = fault;
    else await backend.close();
    // An attempt with its retries is over before the next report, or there would always be one under way.
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '1000', OTEL_METRIC_EXPORT_INTERVAL: '4000' };
    await using silent = new Child(FIXTURE, reportingTo(backend, env));
    await using polite = new Child(FIXTURE, reportingTo(backend, { ...env, SAY_GOODBYE: 'yes' }));
    await eventually(() => expect(polite.stdout).toEqual(['{"delivered":false,"droppedSessions":0}']));
    const ends = await Promise.all([silent, polite].map(endOf));
    expect(ends).toEqual(Array(2).fill({ code: 0, signal: null }));
  });
});

/** How a process ends, or that it does not though nothing of its own keeps it. */
async function endOf(child: Child): Promise<unknown> {
  const patience = new Promise((resolve) => setTimeout(resolve, 5_000, 'still running').unref());
  return Promise.race([child.exit, patience]);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Backend, type Fault, isGoodbye } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { FAULTS } from './support/faults.js';

const WORKER = 'fixtures/worker.js';
const METRICS = '/v1/metrics';
const TRACES = '/v1/traces';

interface Shutdown {
  readonly delivered: boolean;
  readonly droppedSessions: number;
  readonly ms: number;
}

const shutDownNow = (worker: Child) => worker.ask<Shutdown>('shutdown', { now: true });

/** A collector that sits on some requests before it takes them, and takes all others at once. */
function holding(isHeld: (path: string, earlier: readonly string[]) => boolean, ms: number): Fault {
  const earlier: string[] = [];
  return async (_, { path }, handOn) => {
    const held = isHeld(path, earlier);
    earlier.push(path);
    if (held) await sleep(ms, undefined, { ref: false });
    await handOn();
  };
}

describe.concurrent('shutdown({ now: true }) takes less than 3 s and tells the truth', () => {
  it.each(Object.entries(FAULTS))('where a collector %s', async (_, fault) => {
    await using backend = await Backend.start();
    backend.fault = fault;
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start', 2);
    await eventually(() => expect(new Set(backend.requests.map(({ path }) => path)).size).toBe(2));
    const { ms, ...goodbye } = await shutDownNow(worker);
    expect(goodbye).toEqual({ delivered: false, droppedSessions: 2 });
    expect(ms).toBeLessThan(3_000);
  });

  it('where there is no collector', async () => {
    await using backend = await Backend.start();
    await backend.close();
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start', 2);
    await sleep(500);
    const { ms, ...goodbye } = await shutDownNow(worker);
    expect(goodbye).toEqual({ delivered: false, droppedSessions: 2 });
    expect(ms).toBeLessThan(3_000);
  });

  it.each([
    [
      'the first report',
      (path: string, earlier: readonly string[]) => path === METRICS && !earlier.includes(METRICS),
    ],
    ['the first request of each kind', (path: string, earlier: readonly string[]) => !earlier.includes(path)],
    ['all spans', (path: string) => path === TRACES],
  ])('where a collector sits on %s for 5 s and takes the goodbye', async (_, isHeld) => {
    await using backend = await Backend.start();
    backend.fault = holding(isHeld, 5_000);
    // The reader gives a report up after an interval: a short one would free the way for the goodbye.
    await using worker = new Child(WORKER, reportingTo(backend, { OTEL_METRIC_EXPORT_INTERVAL: '15000' }));
    await worker.ask('start', 2);
    await eventually(() => expect(new Set(backend.requests.map(({ path }) => path)).size).toBe(2));
    const { ms, ...goodbye } = await shutDownNow(worker);
    expect(ms).toBeLessThan(3_000);
    expect(goodbye).toEqual({ delivered: true, droppedSessions: 2 });
    expect(backend.worker).toMatchObject({ exited: true, active: 0, dropped: 2 });
  });

  it('while a report is under way, and that report comes last and changes nothing', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start', 2);
    await eventually(() => expect(backend.worker?.active).toBe(2));
    const ofMetrics = () => backend.requests.filter(({ path }) => path === METRICS).length;
    const isFirst = (path: string, earlier: readonly string[]) =>
      path === METRICS && !earlier.includes(METRICS);
    backend.fault = holding(isFirst, 1_000);
    const before = ofMetrics();
    await eventually(() => expect(ofMetrics()).toBeGreaterThan(before));
    const { ms, ...goodbye } = await shutDownNow(worker);
    expect(goodbye).toEqual({ delivered: true, droppedSessions: 2 });
    expect(ms).toBeLessThan(1_000);
    expect(backend.goodbyes).toHaveLength(1);
    await eventually(() => expect(backend.reports.at(-1)).not.toBe(backend.goodbyes[0]));
    expect(backend.worker).toMatchObject({ exited: true, active: 0, dropped: 2 });
  });
});

describe.concurrent('the goodbye', () => {
  it('waits only briefly for the answer to the report before it', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(WORKER, reportingTo(backend, { OTEL_METRIC_EXPORT_INTERVAL: '15000' }));
    await eventually(() => expect(backend.reports.length).toBeGreaterThan(0));
    await worker.ask('start', 2);
    let unanswered = 0;
    backend.fault = (_, request, handOn) => {
      if (request.path !== METRICS || isGoodbye(request)) return handOn();
      return unanswered++;
    };
    const { ms, ...goodbye } = await shutDownNow(worker);
    expect(goodbye).toEqual({ delivered: true, droppedSessions: 2 });
    expect(ms).toBeLessThan(2_000);
    expect(unanswered).toBe(1);
    expect(backend.worker).toMatchObject({ exited: true, active: 0, dropped: 2, started: 0 });
    expect(worker.said).toEqual([]);
  });

  it('comes with the spans of the sessions that it cut off', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start', 3);
    await worker.ask('end');
    await shutDownNow(worker);
    const outcomes = backend.spans.map(({ attributes }) => attributes['openrtc.session.outcome']);
    expect(outcomes.filter(Boolean).sort()).toEqual(['dropped', 'dropped', 'success']);
    expect(backend.spans).toHaveLength(6);
  });

  it('waits for live sessions, and drops none that end in time', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start', 2);
    const goodbye = worker.ask<Shutdown>('shutdown');
    await eventually(() => expect(backend.worker?.active).toBe(2));
    await worker.ask('end');
    await eventually(() => expect(backend.worker?.active).toBe(1));
    expect(backend.goodbyes).toEqual([]);
    await worker.ask('end');
    expect(await goodbye).toMatchObject({ delivered: true, droppedSessions: 0 });
    expect(backend.worker).toMatchObject({ exited: true, dropped: 0, ended: { success: 2 } });
  });

  it.each([
    ['503', {}],
    ['429', { 'retry-after': '1' }],
  ])('is sent again where it is answered with %s at first', async (status, headers) => {
    await using backend = await Backend.start();
    await using worker = new Child(WORKER, reportingTo(backend, { OTEL_METRIC_EXPORT_INTERVAL: '15000' }));
    await eventually(() => expect(backend.reports.length).toBeGreaterThan(0));
    let requests = 0;
    backend.fault = (response, request, handOn) => {
      if (!isGoodbye(request) || requests++ > 0) return handOn();
      return response.writeHead(Number(status), headers).end();
    };
    expect(await shutDownNow(worker)).toMatchObject({ delivered: true });
    expect(requests).toBe(2);
    expect(backend.goodbyes).toHaveLength(1);
    expect(worker.said).toEqual([]);
  });

  it.each([
    ['once', 1],
    ['four times, after which attempts are seconds apart,', 4],
  ])('leaves no span behind where a collector answered with 503 %s and is well again', async (_, times) => {
    await using backend = await Backend.start();
    let refusals = 0;
    backend.fault = (response, { path }, handOn) => {
      if (path === METRICS) return handOn();
      refusals++;
      return response.writeHead(503).end();
    };
    await using worker = new Child(WORKER, reportingTo(backend));
    await worker.ask('start');
    await worker.ask('end');
    await eventually(() => expect(refusals).toBe(times));
    backend.fault = undefined;
    expect(await shutDownNow(worker)).toMatchObject({ delivered: true, droppedSessions: 0 });
    void worker.ask('exit').catch(() => {});
    await worker.exit;
    const names = new Set(backend.spans.map(({ name }) => name));
    expect(names).toEqual(new Set(['openrtc.session', 'openrtc.session.start']));
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { CAN_RETRY, FAULTS, trickling } from './support/faults.js';

const WORKER = 'fixtures/worker.js';
const INTERVAL_MS = 200;

interface Shutdown {
  readonly delivered: boolean;
  readonly droppedSessions: number;
  readonly ms: number;
}

const failures = (worker: Child) => worker.said.filter((line) => line.includes('do not arrive at'));
const recoveries = (worker: Child) => worker.said.filter((line) => line.includes('again'));
const once = (url: string, what: string) => [
  expect.stringContaining(`metrics ${what} ${url}/v1/metrics`),
  expect.stringContaining(`spans ${what} ${url}/v1/traces`),
];

/** One life of a worker whose collector breaks, heals, and breaks again before the goodbye. */
async function liveThrough(
  backend: Backend,
  breakIt: () => unknown,
  healIt: () => unknown,
  { protocol = 'http/protobuf', keepsSpans = true } = {},
) {
  await breakIt();
  await using worker = new Child(
    WORKER,
    reportingTo(backend, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_TIMEOUT: '400' }),
  );
  await worker.ask('start', 3);
  await worker.ask('end');
  await eventually(() => expect(failures(worker)).toHaveLength(2));
  await sleep(11 * INTERVAL_MS);
  expect(failures(worker).sort(), 'each failure is said once').toEqual(once(backend.url, 'do not arrive at'));
  expect(worker.stderr.length, 'the rest is said by Node, once').toBeLessThanOrEqual(3);

  await healIt();
  await eventually(() => expect(backend.worker).toMatchObject({ active: 2, started: 3, exited: false }));
  await worker.ask('start');
  await eventually(() => expect(backend.worker?.active).toBe(3));
  await eventually(() => expect(recoveries(worker)).toHaveLength(2));
  await eventually(() => {
    const arrived = backend.spans.map(
      ({ name, attributes }) => `${name} ${attributes['openrtc.session.id']}`,
    );
    const made = ['s-1', 's-2', 's-3', 's-4'].map((id) => `openrtc.session.start ${id}`);
    const sent = keepsSpans ? [...made, 'openrtc.session s-1'] : made.slice(3);
    expect(arrived).toEqual(expect.arrayContaining(sent));
  });

  await breakIt();
  const goodbye = await worker.ask<Shutdown>('shutdown', { now: true });
  expect(goodbye).toMatchObject({ delivered: false, droppedSessions: 3 });
  expect(goodbye.ms).toBeLessThan(3_000);
  expect(recoveries(worker).sort(), 'each recovery is said once').toEqual(once(backend.url, 'arrive at'));
  expect(worker.said.at(-1)).toMatch(/^the goodbye did not arrive/);
  expect(worker.said, 'and nothing else is said').toHaveLength(5);
  expect(backend.worker).toMatchObject({ exited: false, active: 3 });
}

describe.concurrent('a worker goes on, says once that reports fail and once that they arrive, where a collector', () => {
  it.each(Object.entries(FAULTS))('%s', async (name, fault) => {
    await using backend = await Backend.start();
    await liveThrough(
      backend,
      () => {
        backend.fault = fault;
      },
      () => {
        backend.fault = undefined;
      },
      { keepsSpans: CAN_RETRY.has(name) },
    );
  });

  it.each(['answers with a web page', 'rejects some of the items'])('%s, in JSON', async (name) => {
    await using backend = await Backend.start();
    await liveThrough(
      backend,
      () => {
        backend.fault = FAULTS[name];
      },
      () => {
        backend.fault = undefined;
      },
      { protocol: 'http/json', keepsSpans: false },
    );
  });

  it('is down at its start and up later', async () => {
    await using backend = await Backend.start();
    await liveThrough(
      backend,
      () => backend.close(),
      () => backend.open(),
    );
  });

  it('redirects; nothing goes to where it points', async () => {
    await using elsewhere = await Backend.start();
    await using backend = await Backend.start();
    await liveThrough(
      backend,
      () => {
        backend.fault = (response, { path }) =>
          response.writeHead(307, { location: `${elsewhere.url}${path}` }).end();
      },
      () => {
        backend.fault = undefined;
      },
      { keepsSpans: false },
    );
    expect(elsewhere.requests).toEqual([]);
  });
  it('still trickles its answers to more reports than can be under way at once', async () => {
    await using backend = await Backend.start();
    backend.fault = trickling;
    await using worker = new Child(
      WORKER,
      reportingTo(backend, { OTEL_METRIC_EXPORT_INTERVAL: '100', OTEL_EXPORTER_OTLP_TIMEOUT: '400' }),
    );
    await worker.ask('start');
    const reports = () => backend.requests.filter(({ path }) => path === '/v1/metrics');
    await eventually(() => expect(reports().length).toBeGreaterThanOrEqual(30));
    await eventually(() => expect(failures(worker)).toHaveLength(2));
    backend.fault = undefined;
    await eventually(() => expect(backend.worker?.active).toBe(1));
  });
});

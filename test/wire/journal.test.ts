import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Backend, isGoodbye } from './support/backend.js';
import { Child } from './support/child.js';
import { ENCODINGS, reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { endsOf, factsOf, goodbyesOf, JournalFolder, recover, startWorker } from './support/journals.js';
import { seriesOf } from './support/points.js';

const RESOURCE = { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,service.namespace=calls' };

describe.each(ENCODINGS)('a killed worker with a journal, in %s,', (protocol) => {
  it('is told of as if it had said goodbye itself', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const environment = { ...RESOURCE, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    await using worker = await startWorker(backend, folder, 'a', 0, environment);
    const startedAt = await worker.ask<number[]>('start', 4);
    await worker.ask('end');
    await worker.ask('drain');
    await eventually(() => expect(factsOf(backend, 'a')).toMatchObject({ active: 3, draining: true }));
    await eventually(() => expect(backend.spans).toHaveLength(5));
    const before = backend.reports.at(-1) ?? [];
    worker.kill('SIGKILL');
    await worker.exit;
    const diedAt = Date.now();

    await using command = recover(backend, folder);
    expect(await command.exit).toEqual({ code: 0, signal: null });
    expect(command.stdout).toEqual(['sent the goodbye of a (voice, v1): 3 dropped']);
    expect(factsOf(backend, 'a')).toMatchObject({
      exited: true,
      active: 0,
      draining: true,
      drainTimeoutSeconds: 30,
      dropped: 3,
      // Counters stay as they were last reported.
      started: 4,
      ended: { success: 1, dropped: 0, failed: 0, cancelled: 0, unknown: 0 },
    });
    const [goodbye = []] = goodbyesOf(backend, 'a');
    const gauges = before.filter(({ kind }) => kind === 'gauge');
    expect(goodbye.every(({ kind }) => kind === 'gauge')).toBe(true);
    expect(goodbye.map(seriesOf).sort()).toEqual(gauges.map(seriesOf).sort());
    const resources = new Set(backend.reports.flat().map(({ resource }) => JSON.stringify(resource)));
    expect(resources.size, 'one resource').toBe(1);

    const lost = endsOf(backend, 'a').filter(({ statusCode }) => statusCode === 'error');
    expect(lost.map(({ attributes }) => attributes['openrtc.session.id'])).toEqual(['a-2', 'a-3', 'a-4']);
    for (const [index, span] of lost.entries()) {
      const start = backend.spans.find(({ parentSpanId }) => parentSpanId === span.spanId);
      expect(start, 'the span whose child was sent at the start').toMatchObject({
        name: 'openrtc.session.start',
        traceId: span.traceId,
        resource: span.resource,
      });
      expect(span).toMatchObject({
        kind: 'consumer',
        attributes: {
          ...start?.attributes,
          'error.type': 'dropped',
          'openrtc.session.outcome': 'dropped',
        },
      });
      expect(Math.round(span.startTimeUnixMs)).toBe(startedAt[index + 1]);
      expect(span.endTimeUnixMs).toBeLessThanOrEqual(diedAt + 1);
      expect(span.endTimeUnixMs).toBeGreaterThanOrEqual(span.startTimeUnixMs);
    }
    expect(folder.files).toEqual([]);
  });

  it('is told of in gauges only where it reported delta sums, and those are not told again', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const delta = {
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    };
    await using worker = await startWorker(backend, folder, 'a', 3, delta);
    await worker.ask('end');
    worker.kill('SIGKILL');
    await worker.exit;
    await using command = recover(backend, folder);
    await command.exit;
    expect(goodbyesOf(backend, 'a').flat()).not.toContainEqual(expect.objectContaining({ kind: 'sum' }));
    expect(factsOf(backend, 'a')).toMatchObject({
      exited: true,
      active: 0,
      dropped: 2,
      started: 3,
      ended: { dropped: 0 },
    });
  });
});

describe('a worker with a journal', () => {
  it.each([
    ['throws where nobody catches', 'throw', 1, null],
    ['exits without shutdown', 'exit', 0, null],
    ['ends by itself', 'rest', 0, null],
    ['runs out of memory', 'hoard', null, 'SIGABRT'],
  ])('that %s has dropped what was live', async (_, command, code, signal) => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const limit = { NODE_OPTIONS: '--max-old-space-size=64' };
    await using worker = await startWorker(backend, folder, 'a', 3, limit);
    await worker.ask('end');
    worker.ask(command).catch(() => {});
    expect(await worker.exit).toEqual({ code, signal });
    await using recoverer = recover(backend, folder);
    expect(await recoverer.exit).toMatchObject({ code: 0 });
    expect(factsOf(backend, 'a')).toMatchObject({
      exited: true,
      active: 0,
      dropped: 2,
    });
    const lost = endsOf(backend, 'a').filter(({ statusCode }) => statusCode === 'error');
    expect(lost.map(({ attributes }) => attributes['openrtc.session.id'])).toEqual(['a-2', 'a-3']);
  });

  it('leaves nothing in the folder after a goodbye that arrived', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    await using worker = await startWorker(backend, folder, 'a', 2);
    expect(folder.files).toHaveLength(2);
    expect(await worker.ask('shutdown')).toEqual({ delivered: true, droppedSessions: 2 });
    expect(folder.files.filter((file) => !file.endsWith('.sock'))).toEqual([]);
    void worker.ask('exit').catch(() => {});
    await worker.exit;
    await using recoverer = recover(backend, folder);
    expect(await recoverer.exit).toMatchObject({ code: 0 });
    expect(recoverer.stdout).toEqual([]);
    expect(goodbyesOf(backend, 'a')).toHaveLength(1);
    expect(endsOf(backend, 'a')).toHaveLength(2);
    expect(folder.files).toEqual([]);
  });

  it('leaves a goodbye that did not arrive to the next, with the time it had', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    await using worker = await startWorker(backend, folder, 'a', 2);
    // It arrives all the same; only the answer is lost.
    backend.fault = async (response, _, handOn) => {
      response.end = () => response.destroy();
      await handOn();
    };
    expect(await worker.ask('shutdown')).toEqual({ delivered: false, droppedSessions: 2 });
    backend.fault = undefined;
    expect(folder.files.some((file) => file.endsWith('.dead'))).toBe(true);
    await using recoverer = recover(backend, folder);
    expect(await recoverer.exit).toMatchObject({ code: 0 });
    const points = (index: number) =>
      goodbyesOf(backend, 'a')
        .at(index)
        ?.map(({ name, value, timeUnixMs, attributes }) => ({ name, value, timeUnixMs, attributes }));
    expect(goodbyesOf(backend, 'a').length).toBeGreaterThan(1);
    expect(points(-1), 'the very same points').toEqual(points(0));
    expect(factsOf(backend, 'a')).toMatchObject({ exited: true, active: 0, dropped: 2 });
  });

  it('leaves that time later than its last report also where this waited for one that was under way', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const rarely = { OTEL_METRIC_EXPORT_INTERVAL: '600000' };
    await using worker = new Child(
      'fixtures/journal-worker.js',
      reportingTo(backend, { JOURNAL: folder.path, WORKER_ID: 'a', ...rarely }),
    );
    await eventually(() => expect(factsOf(backend, 'a')).toBeDefined());
    await worker.ask('start', 2);
    backend.fault = async (response, request, handOn) => {
      if (isGoodbye(request)) return response.destroy();
      await sleep(100);
      await handOn();
    };
    const before = backend.requests.length;
    await worker.ask('drain');
    await eventually(() => expect(backend.requests.length).toBeGreaterThan(before));
    expect(await worker.ask('shutdown')).toEqual({ delivered: false, droppedSessions: 2 });
    backend.fault = undefined;
    const times = backend.reports.flat().map(({ timeUnixMs }) => timeUnixMs);
    await using recoverer = recover(backend, folder);
    expect(await recoverer.exit).toMatchObject({ code: 0 });
    const [goodbye = []] = goodbyesOf(backend, 'a');
    expect(goodbye[0]?.timeUnixMs).toBeGreaterThan(Math.max(...times));
    expect(factsOf(backend, 'a')).toMatchObject({ exited: true, active: 0, dropped: 2 });
  });

  it('keeps its journal to itself, without secrets and metadata', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const secrets = {
      PLANTED: '+49 151 2345678',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20t0psecret',
    };
    await using worker = await startWorker(backend, folder, 'a', 2, secrets);
    worker.ask('throw').catch(() => {});
    await worker.exit;
    const journal = join(folder.path, folder.files.find((file) => file.endsWith('.dead')) ?? '');
    expect(statSync(journal).mode & 0o777).toBe(0o600);
    const text = readFileSync(journal, 'utf8');
    expect(text).toContain('"a-1"');
    expect(text).not.toMatch(/2345678|t0psecret|authorization/);
  });

  it('makes a folder that only its user can enter', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const path = join(folder.path, 'of', 'its own');
    await using _ = await startWorker(backend, folder, 'a', 1, { JOURNAL: path });
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['that is a file', (path: string) => writeFileSync(path, ''), /ENOTDIR|EACCES|EADDR/],
    ['in which there can be no socket', () => {}, /ENOENT|EACCES/, '/proc/openrtc'],
  ])('goes on without where its folder is one %s', async (_, make, code, elsewhere = '') => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const path = elsewhere || join(folder.path, 'journals');
    make(path);
    await using worker: Child = await startWorker(backend, folder, 'a', 2, { JOURNAL: path });
    await eventually(() => expect(worker.said).toHaveLength(1));
    expect(worker.said[0]).toMatch(code);
    expect(worker.said[0]).toContain(`the journal in ${path} cannot be written`);
    expect(await worker.ask('shutdown')).toEqual({ delivered: true, droppedSessions: 2 });
  });
});

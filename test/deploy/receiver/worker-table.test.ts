import { beforeEach, describe, expect, it } from 'vitest';
import * as names from '../../../src/attributes.js';
import { SourceError } from '../../../src/deploy/facts.js';
import type { MetricPoint } from '../../../src/deploy/index.js';
import { WorkerTable } from '../../../src/deploy/receiver/worker-table.js';
import { point } from './points.js';

describe('the table', () => {
  let table: WorkerTable;
  beforeEach(() => {
    table = new WorkerTable(1_000, 3);
  });

  it('has defaults for what a worker never said', () => {
    const { active, running, dropped, startTime } = names.METRICS;
    table.add([point(names.METRICS.draining, 0)], 2_000);
    expect(table.rows()).toEqual([
      {
        pool: 'voice',
        id: 'w-1',
        version: '1.5.0',
        startedAt: 2_000,
        firstReportAt: 2_000,
        lastReportAt: 2_000,
        reportsSince: 2_000,
        intervalSeconds: 15,
        active: 0,
        earlier: { at: 2_000, active: 0 },
        draining: false,
        dropped: 0,
        droppedBefore: 0,
        exited: false,
        isContradictory: false,
        missing: [active.name, running.name, dropped.name, startTime.name],
        tenants: {},
        started: 0,
        ended: {},
        rejected: {},
      },
    ]);
  });

  it.each<[string, MetricPoint]>([
    [
      'openrtc.active_sessions that came as a sum',
      { ...point(names.METRICS.active, 1), kind: 'sum', monotonic: false },
    ],
    [
      'openrtc.active_sessions with a value that it cannot have',
      point(names.METRICS.active, -1, { attributes: {} }),
    ],
    [
      'datapoints without openrtc.worker.id',
      point(names.METRICS.active, 1, { attributes: { [names.WORKER_ID]: '' } }),
    ],
    [
      'datapoints without openrtc.worker.version',
      point(names.METRICS.active, 1, { attributes: { [names.WORKER_VERSION]: 7 } }),
    ],
    [
      'datapoints whose openrtc.worker.id is longer than 255 characters',
      point(names.METRICS.active, 1, { attributes: { [names.WORKER_ID]: 'i'.repeat(256) } }),
    ],
  ])('says once that it ignores %s', (what, ignored) => {
    const said: string[] = [];
    table.onIgnored = (line) => said.push(line);
    table.add([ignored, ignored], 2_000);
    table.add([ignored], 3_000);
    expect(said).toEqual([what]);
    expect(table.rows()).toEqual([]);
  });

  it('says nothing of what is no metric of a worker', () => {
    const said: string[] = [];
    table.onIgnored = (line) => said.push(line);
    table.add([{ ...point(names.METRICS.active, 1), name: 'http.server.duration', attributes: {} }], 2_000);
    expect(said).toEqual([]);
  });

  it('keeps newer gauges when an older report arrives late', () => {
    table.add([point(names.METRICS.active, 5, { at: 100 })], 2_000);
    table.add([point(names.METRICS.active, 4, { at: 200 })], 3_000);
    table.add(
      [point(names.METRICS.active, 5, { at: 100 }), point(names.METRICS.draining, 1, { at: 100 })],
      4_000,
    );
    expect(table.rows()).toMatchObject([
      { active: 4, draining: true, firstReportAt: 2_000, lastReportAt: 3_000 },
    ]);
  });

  it('takes arrival for the time of points that have none', () => {
    table.add([point(names.METRICS.started, 5, { temporality: 'delta' })], 2_000);
    table.add([point(names.METRICS.started, 4, { temporality: 'delta' })], 3_000);
    expect(table.rows()).toMatchObject([{ started: 9 }]);
  });

  it('believes a goodbye, and the sessions it lost, by a slower clock', () => {
    table.add(
      [point(names.METRICS.running, 1, { at: 900 }), point(names.METRICS.dropped, 1, { at: 900 })],
      2_000,
    );
    table.add(
      [point(names.METRICS.running, 0, { at: 500 }), point(names.METRICS.dropped, 4, { at: 500 })],
      3_000,
    );
    table.add(
      [point(names.METRICS.running, 1, { at: 950 }), point(names.METRICS.dropped, 1, { at: 950 })],
      4_000,
    );
    expect(table.rows()).toMatchObject([{ exited: true, dropped: 4 }]);
  });

  it('replaces cumulative counters, except by an older report', () => {
    for (const [value, at] of [
      [2, 100],
      [7, 300],
      [4, 200],
    ] as const) {
      table.add([point(names.METRICS.started, value, { at })], at);
    }
    expect(table.rows()).toMatchObject([{ started: 7 }]);
  });

  it('adds delta counters up by label, also a late one, but no retry twice', () => {
    const ended = (outcome: string, value: number, at: number) =>
      table.add(
        [
          point(names.METRICS.ended, value, {
            at,
            temporality: 'delta',
            attributes: { [names.SESSION_OUTCOME]: outcome },
          }),
        ],
        at,
      );
    ended('success', 2, 100);
    ended('failed', 1, 100);
    ended('success', 3, 300);
    ended('success', 5, 200);
    ended('success', 3, 300);
    expect(table.rows()).toMatchObject([{ ended: { success: 10, failed: 1 } }]);
  });

  it('ignores what does not identify a worker, or is none of its metrics', () => {
    const ignored = [names.POOL_NAME, names.WORKER_ID, names.WORKER_VERSION].flatMap((name) =>
      ['', 7, 'x'.repeat(256)].map((value) =>
        point(names.METRICS.active, 1, { attributes: { [name]: value } }),
      ),
    );
    ignored.push({ ...point(names.METRICS.active, 1), attributes: {} });
    ignored.push({ ...point(names.METRICS.active, 1), name: 'http.active' });
    ignored.push({ ...point(names.METRICS.active, 1), kind: 'sum' });
    ignored.push(point(names.METRICS.active, -1));
    for (const one of ignored) table.add([one], 2_000);
    expect(table.rows()).toEqual([]);
    table.add(
      [point(names.METRICS.active, 1, { attributes: { [names.WORKER_ID]: 'x'.repeat(255) } })],
      2_000,
    );
    expect(table.rows()).toHaveLength(1);
  });

  it('bounds the tenants of a worker, and knows the first ones on', () => {
    const tenants = (value: number) =>
      Array.from({ length: 150 }, (_, i) =>
        point(names.METRICS.tenants, value, { attributes: { [names.TENANT_ID]: `t${i}` } }),
      );
    table.add([point(names.METRICS.tenants, 1), ...tenants(1)], 2_000);
    table.add(tenants(2), 3_000);
    const row = table.rows()[0]?.tenants ?? {};
    expect(Object.keys(row)).toEqual(Array.from({ length: 50 }, (_, i) => `t${i}`));
    expect(new Set(Object.values(row))).toEqual(new Set([2]));
  });

  it('keeps pools, ids and versions apart', () => {
    for (const name of [names.POOL_NAME, names.WORKER_ID, names.WORKER_VERSION]) {
      table.add([point(names.METRICS.active, 1, { attributes: { [name]: 'other' } })], 2_000);
    }
    expect(table.rows()).toHaveLength(3);
  });

  it('forgets the oldest exited first, then the longest silent, and says from when on it knows all', () => {
    const say = (id: string, version: 0 | 1, nowMs: number) =>
      table.add([point(names.METRICS.running, version, { attributes: { [names.WORKER_ID]: id } })], nowMs);
    const ids = () => table.rows().map(({ id }) => id);
    say('silent', 1, 2_000);
    say('exited-late', 0, 4_000);
    say('exited', 0, 3_000);
    expect(table.coveredSince).toBe(1_000);
    say('a', 1, 5_000);
    expect(ids()).toEqual(['silent', 'exited-late', 'a']);
    expect(table.coveredSince).toBe(3_000);
    say('b', 1, 6_000);
    expect(ids()).toEqual(['silent', 'a', 'b']);
    say('c', 1, 7_000);
    expect(ids()).toEqual(['a', 'b', 'c']);
    expect(table.coveredSince).toBe(7_000);
  });

  it('forgets more than one at a time when it is large', () => {
    const large = new WorkerTable(0, 500);
    const named = (i: number) =>
      point(names.METRICS.active, 1, { attributes: { [names.WORKER_ID]: `w-${i}` } });
    for (let i = 0; i <= 500; i += 1) large.add([named(i)], i);
    expect(large.rows()).toHaveLength(495);
    expect(large.rows()[0]?.id).toBe('w-6');
  });

  it('bounds the labels of all workers, and takes new ones when others are forgotten', () => {
    const small = new WorkerTable(0, 2, 3);
    const tenant = (id: string, name: string, at: number) =>
      small.add(
        [
          point(names.METRICS.tenants, 1, {
            attributes: { [names.WORKER_ID]: id, [names.TENANT_ID]: name },
          }),
        ],
        at,
      );
    const tenants = () => small.rows().map((row) => Object.keys(row.tenants).join());
    for (const name of ['t1', 't2']) tenant('a', name, 1_000);
    for (const name of ['t1', 't2']) tenant('b', name, 2_000);
    expect(tenants()).toEqual(['t1,t2', 't1']);
    tenant('c', 't1', 3_000);
    expect(tenants()).toEqual(['t1', '']);
    for (const name of ['t1', 't2', 't3']) tenant('c', name, 3_000);
    expect(tenants()).toEqual(['t1', 't1,t2']);
  });
});

describe('reading a table', () => {
  const hear = (table: WorkerTable, pool: string, id: string, version: string, at: number) =>
    table.add(
      [
        point(names.METRICS.startTime, at / 1000, {
          attributes: { [names.POOL_NAME]: pool, [names.WORKER_ID]: id, [names.WORKER_VERSION]: version },
        }),
      ],
      at + 500,
    );

  it('gives one pool, and the window since the target was first seen', () => {
    const table = new WorkerTable(1_000);
    expect(table.pools()).toEqual([]);
    expect(table.read({ target: 'v2' }, 5_000)).toEqual({
      now: 5_000,
      since: undefined,
      isSinceGiven: false,
      coveredSince: 1_000,
      workers: [],
      elsewhere: [],
    });
    hear(table, 'voice', 'w-1', 'v1', 2_000);
    hear(table, 'voice', 'w-3', 'v2', 4_000);
    hear(table, 'voice', 'w-2', 'v2', 3_000);
    expect(table.read({ target: 'v2' }, 5_000)).toEqual({
      now: 5_000,
      since: 3_000,
      isSinceGiven: false,
      coveredSince: 1_000,
      workers: table.rows(),
      elsewhere: [],
    });
    expect(table.read({ target: 'v2', since: 10 }, 5_000).since).toBe(10);
    expect(table.read({ target: 'v3' }, 5_000).since).toBeUndefined();
    expect(table.read({}, 5_000).since).toBeUndefined();

    hear(table, 'chat', 'c-1', 'v2', 2_500);
    expect(table.pools()).toEqual(['chat', 'voice']);
    expect(() => table.read({ target: 'v2' }, 5_000)).toThrow(
      new SourceError('several pools report (chat, voice): name one'),
    );
    expect(table.read({ pool: 'voice', target: 'v2' }, 5_000)).toMatchObject({ since: 3_000 });
    expect(table.read({ pool: 'chat' }, 5_000).workers).toMatchObject([{ id: 'c-1' }]);
    expect(table.read({ pool: 'video' }, 5_000).workers).toEqual([]);
  });

  it('tells what was dropped before the window', () => {
    const table = new WorkerTable(1_000);
    const dropped = (value: number, at: number) =>
      table.add([point(names.METRICS.startTime, 2), point(names.METRICS.dropped, value)], at);
    dropped(0, 2_000);
    dropped(2, 3_000);
    dropped(5, 4_000);
    const lostBefore = (since?: number) =>
      table.read(since === undefined ? {} : { since }, 9_000).workers[0]?.droppedBefore;
    expect([2_500, 3_000, 3_001, 4_001, undefined].map(lostBefore)).toEqual([0, 0, 2, 5, 0]);
    expect(table.rows()).toMatchObject([{ dropped: 5, droppedBefore: 0 }]);
  });

  it('tells which ends nobody could tell before the window', () => {
    const table = new WorkerTable(1_000);
    const unknown = (value: number, at: number) =>
      table.add(
        [
          point(names.METRICS.startTime, 2),
          point(names.METRICS.ended, value, { at, attributes: { [names.SESSION_OUTCOME]: 'unknown' } }),
        ],
        at,
      );
    unknown(0, 2_000);
    expect(table.read({ since: 9_000 }, 9_000).workers[0]).not.toHaveProperty('unknownBefore');
    unknown(2, 3_000);
    unknown(5, 4_000);
    const before = (since: number) => table.read({ since }, 9_000).workers[0]?.unknownBefore;
    expect([2_500, 3_000, 3_001, 4_001].map(before)).toEqual([0, 0, 2, 5]);
  });
});

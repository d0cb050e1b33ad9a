import { beforeEach, describe, expect, it } from 'vitest';
import * as names from '../../src/attributes.js';
import type { MetricPoint } from '../../src/deploy/index.js';
import { WorkerTable } from '../../src/deploy/worker-table.js';

const WORKER = { [names.POOL_NAME]: 'voice', [names.WORKER_ID]: 'w-1', [names.WORKER_VERSION]: '1.5.0' };

describe('the table', () => {
  let table: WorkerTable;
  beforeEach(() => {
    table = new WorkerTable(1_000, 3);
  });

  interface Extra {
    readonly at?: number;
    readonly temporality?: 'delta' | 'cumulative';
    readonly attributes?: Record<string, string | number>;
  }

  function point(
    { name, unit, description, kind }: names.Metric,
    value: number,
    extra: Extra = {},
  ): MetricPoint {
    return {
      resource: {},
      scope: { name: names.SCOPE_NAME, version: '' },
      name,
      unit,
      description,
      kind: kind === 'gauge' ? 'gauge' : 'sum',
      temporality: extra.temporality ?? 'cumulative',
      attributes: { ...WORKER, ...extra.attributes },
      value,
      startTimeUnixMs: 0,
      timeUnixMs: extra.at ?? 0,
    };
  }

  it('has defaults for what a worker never said', () => {
    table.add([point(names.DRAINING, 0)], 2_000);
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
        tenants: {},
        started: 0,
        ended: {},
        rejected: {},
      },
    ]);
  });

  it('keeps newer gauges when an older report arrives late', () => {
    table.add([point(names.ACTIVE_SESSIONS, 5, { at: 100 })], 2_000);
    table.add([point(names.ACTIVE_SESSIONS, 4, { at: 200 })], 3_000);
    table.add([point(names.ACTIVE_SESSIONS, 5, { at: 100 }), point(names.DRAINING, 1, { at: 100 })], 4_000);
    expect(table.rows()).toMatchObject([
      { active: 4, draining: true, firstReportAt: 2_000, lastReportAt: 4_000 },
    ]);
  });

  it('takes arrival for the time of points that have none', () => {
    table.add([point(names.SESSIONS_STARTED, 5, { temporality: 'delta' })], 2_000);
    table.add([point(names.SESSIONS_STARTED, 4, { temporality: 'delta' })], 3_000);
    expect(table.rows()).toMatchObject([{ started: 9 }]);
  });

  it('believes a goodbye, and the sessions it lost, by a slower clock', () => {
    table.add(
      [point(names.DEPLOYMENT_VERSION, 1, { at: 900 }), point(names.DROPPED_SESSIONS, 1, { at: 900 })],
      2_000,
    );
    table.add(
      [point(names.DEPLOYMENT_VERSION, 0, { at: 500 }), point(names.DROPPED_SESSIONS, 4, { at: 500 })],
      3_000,
    );
    table.add(
      [point(names.DEPLOYMENT_VERSION, 1, { at: 950 }), point(names.DROPPED_SESSIONS, 1, { at: 950 })],
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
      table.add([point(names.SESSIONS_STARTED, value, { at })], at);
    }
    expect(table.rows()).toMatchObject([{ started: 7 }]);
  });

  it('adds delta counters up by label, also a late one, but no retry twice', () => {
    const ended = (outcome: string, value: number, at: number) =>
      table.add(
        [
          point(names.SESSIONS_ENDED, value, {
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
        point(names.ACTIVE_SESSIONS, 1, { attributes: { [name]: value } }),
      ),
    );
    ignored.push({ ...point(names.ACTIVE_SESSIONS, 1), attributes: {} });
    ignored.push({ ...point(names.ACTIVE_SESSIONS, 1), name: 'http.active' });
    ignored.push({ ...point(names.ACTIVE_SESSIONS, 1), kind: 'sum' });
    ignored.push(point(names.ACTIVE_SESSIONS, -1));
    for (const one of ignored) table.add([one], 2_000);
    expect(table.rows()).toEqual([]);
    table.add(
      [point(names.ACTIVE_SESSIONS, 1, { attributes: { [names.WORKER_ID]: 'x'.repeat(255) } })],
      2_000,
    );
    expect(table.rows()).toHaveLength(1);
  });

  it('bounds the tenants of a worker, and knows the first ones on', () => {
    const tenants = (value: number) =>
      Array.from({ length: 150 }, (_, i) =>
        point(names.TENANT_ACTIVE_SESSIONS, value, { attributes: { [names.TENANT_ID]: `t${i}` } }),
      );
    table.add([point(names.TENANT_ACTIVE_SESSIONS, 1), ...tenants(1)], 2_000);
    table.add(tenants(2), 3_000);
    const row = table.rows()[0]?.tenants ?? {};
    expect(Object.keys(row)).toEqual(Array.from({ length: 50 }, (_, i) => `t${i}`));
    expect(new Set(Object.values(row))).toEqual(new Set([2]));
  });

  it('keeps pools, ids and versions apart', () => {
    for (const name of [names.POOL_NAME, names.WORKER_ID, names.WORKER_VERSION]) {
      table.add([point(names.ACTIVE_SESSIONS, 1, { attributes: { [name]: 'other' } })], 2_000);
    }
    expect(table.rows()).toHaveLength(3);
  });

  it('forgets the oldest exited first, then the longest silent, and says from when on it knows all', () => {
    const say = (id: string, version: 0 | 1, nowMs: number) =>
      table.add([point(names.DEPLOYMENT_VERSION, version, { attributes: { [names.WORKER_ID]: id } })], nowMs);
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
});

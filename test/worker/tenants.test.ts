import { describe, expect, it } from 'vitest';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';
import { createWorker } from '../support/workers.js';

const said = listenToWarnings();
const tenants = (sessionsByTenant?: unknown) => ({ activeSessions: 0, draining: false, sessionsByTenant });

/** Reads one report after another and gives the tenants of the last. */
function readAll(limit: number | undefined, ...counts: unknown[]): Record<string, number> {
  const pool = new TestPool();
  const worker = createWorker(pool, { tenantLimit: limit });
  for (const sessionsByTenant of counts) {
    pool.give(tenants(sessionsByTenant));
    worker.read();
  }
  return Object.fromEntries(worker.read().tenants);
}

describe('the tenants of a report', () => {
  it('are left out without a limit', () => {
    expect(readAll(undefined, { acme: 1 })).toEqual({});
  });

  it('are those of the snapshot', () => {
    expect(readAll(5, { acme: 1, bolt: 2 })).toEqual({ acme: 1, bolt: 2 });
  });

  it('are those of the live sessions where the snapshot tells none', () => {
    const options = { tenantLimit: 5, sessionsByTenant: () => ({ acme: 4 }) };
    expect(createWorker(new TestPool(tenants()), options).read().tenants).toEqual([['acme', 4]]);
  });

  it('keep their series at zero when their sessions are gone', () => {
    expect(readAll(5, { acme: 1, bolt: 2 }, { bolt: 1 })).toEqual({ acme: 0, bolt: 1 });
    expect(readAll(5, { acme: 1 }, {}, {})).toEqual({ acme: 0 });
  });

  it('share one series beyond the limit', () => {
    expect(readAll(2, { a: 1, b: 2, c: 3, d: 4 })).toEqual({ a: 1, b: 2, other: 7 });
  });

  it('keep the place they have, and do not get that of one who left', () => {
    expect(readAll(2, { a: 1, b: 1 }, { c: 5 }, { c: 5, a: 2 })).toEqual({ a: 2, b: 0, other: 5 });
  });

  it('share their series at zero too', () => {
    expect(readAll(1, { a: 1, b: 2 }, { a: 1 })).toEqual({ a: 1, other: 0 });
  });

  it('get no more series than the limit and one', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`t${i}`, 1]));
    expect(Object.keys(readAll(40, { other: 1 }, many))).toHaveLength(41);
    expect(readAll(40, many)).toMatchObject({ t39: 1, other: 60 });
  });

  it('can be called as the series they share', () => {
    expect(readAll(1, { a: 1, other: 2, b: 3 })).toEqual({ a: 1, other: 5 });
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('can be called %s', (name) => {
    const counts = Object.defineProperty({ a: 1 }, name, { value: 3, enumerable: true });
    const pool = new TestPool(tenants(counts));
    const report = createWorker(pool, { tenantLimit: 5 }).read();
    expect([...report.tenants]).toEqual([
      ['a', 1],
      [name, 3],
    ]);
  });

  it('have names that are cut', () => {
    const names = Object.keys(readAll(2, { ['x'.repeat(1_000_000)]: 1 }));
    expect(names.map((name) => name.length)).toEqual([255]);
  });

  it.each([Number.NaN, -1, '2', 2 ** 53])('keep their last good count where the snapshot gives %s', (bad) => {
    expect(readAll(5, { acme: 2, bolt: 1 }, { acme: bad, bolt: 3 })).toEqual({ acme: 2, bolt: 3 });
  });

  it.each([
    ['a text', 'acme'],
    ['a number', 5],
    ['a map', new Map([['acme', 1]])],
    ['a list', [1]],
  ])('keep their last good counts where the snapshot gives %s for all', (_, bad) => {
    expect(readAll(5, { acme: 2 }, bad)).toEqual({ acme: 2 });
  });

  it('keep the last good count of the series they share', () => {
    const good = { a: 1, b: 2, c: 3 };
    expect(readAll(1, good, { ...good, b: Number.NaN })).toEqual({ a: 1, other: 5 });
    expect(readAll(1, good, { ...good, c: Number.NaN })).toEqual({ a: 1, other: 5 });
  });

  it('keep their last good counts where they can not be read', () => {
    const ownKeys = () => {
      throw new Error('secret');
    };
    expect(readAll(5, { acme: 2 }, new Proxy({}, { ownKeys }))).toEqual({ acme: 2 });
  });

  it('have a bad count said', async () => {
    readAll(5, { acme: Number.NaN });
    expect(await said()).toEqual([expect.stringContaining('sessionsByTenant: expected ')]);
  });
});

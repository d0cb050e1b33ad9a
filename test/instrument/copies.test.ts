import { describe, expect, it, vi } from 'vitest';
import { METRICS, WORKER_ID } from '../../src/attributes.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { valueIn } from '../support/points.js';
import { ObservedPool } from '../support/pools.js';

const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };

async function loadCopy() {
  vi.resetModules();
  const { instrument } = await import('../../src/instrument.js');
  return instrument;
}

/** A worker of one copy that has loaded all it loads, and another copy. */
async function loadTwo() {
  const one = await loadCopy();
  const pool = new ObservedPool({ activeSessions: 3, draining: false });
  const first = pipeline.keep(one(pool, VERSION));
  const { collector } = pipeline;
  await vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
  const two = await loadCopy();
  expect(two).not.toBe(one);
  return { one, two, pool, first };
}

describe('two copies of the package in one process', () => {
  it('make one worker of a pool', async () => {
    const { two, pool, first } = await loadTwo();
    expect(two(pool)).toBe(first);
    expect(two(pool, VERSION)).toBe(first);
    expect(pool.observers.size).toBe(1);
  });

  it('throw for other options', async () => {
    const { two, pool } = await loadTwo();
    expect(() => two(pool, { tenantLimit: 5 })).toThrow('instrumented already, with other options');
  });

  it('make a new worker after either has shut it down', async () => {
    const { one, two, pool, first } = await loadTwo();
    await two(pool).shutdown({ now: true });
    const second = pipeline.keep(two(pool, VERSION));
    expect(second.workerId).not.toBe(first.workerId);
    expect(one(pool)).toBe(second);
    const { collector } = pipeline;
    await vi.waitFor(() => {
      expect(valueIn(last(collector.reports), METRICS.active, { [WORKER_ID]: second.workerId })).toBe(3);
    }, 5_000);
  });
});

import { afterEach, expect, it, vi } from 'vitest';
import { WorkerLife } from '../../src/bridge/worker-life.js';

afterEach(() => void vi.useRealTimers());

it.each([0.1, 0.6])(
  'a worker that is met %s s after a full second has the same start whenever it is read',
  (past) => {
    const second = 1_700_000_000;
    vi.useFakeTimers({ toFake: ['Date'], now: (second + past) * 1000 });
    const facts = {
      source: 'a',
      startedAt: second + past - 0.05,
      version: 'v1',
      hasStream: false,
      watchedSince: 0,
    };
    const life = new WorkerLife(facts, {});
    const startNow = () => {
      const { timestamp = 0, uptimeSeconds = 0 } = life.pool.runtimeSnapshot();
      return timestamp - uptimeSeconds;
    };
    const first = startNow();
    vi.setSystemTime((second + 10) * 1000);
    expect([first, startNow()]).toEqual([second, second]);
  },
);

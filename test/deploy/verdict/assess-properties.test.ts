import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorkerFacts } from '../../../src/deploy/facts.js';
import { ago, assess, exited, green, NOW, SINCE, worker } from '../support.js';

const S = 60;
const seconds = fc.constantFrom(0, 1, 14, 29, 30, 31, 59, 60, 61, 90, 299, 301, 599, 601, 700, 5000);

const anyWorker: fc.Arbitrary<WorkerFacts> = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    version: fc.constantFrom('v1', 'v2', 'v3'),
    up: seconds,
    steady: seconds,
    heard: seconds,
    active: fc.nat(3),
    draining: fc.boolean(),
    drainFor: seconds,
    limit: fc.option(fc.constantFrom(10, 100, 1000), { nil: undefined }),
    dropped: fc.nat(2),
    droppedBefore: fc.nat(2),
    exited: fc.boolean(),
    tenants: fc.dictionary(fc.constantFrom('acme', '__proto__'), fc.nat(2)),
  })
  .map(({ up, steady, heard, draining, drainFor, limit, active, ...given }) => {
    // A worker can not have been heard before it came up.
    const last = Math.min(heard, up);
    return worker({
      ...given,
      up,
      heard: last,
      reportsSince: ago(Math.max(last, Math.min(steady, up))),
      active: given.exited ? 0 : active,
      draining,
      ...(draining && { drainingSince: ago(Math.min(drainFor, up)) }),
      ...(limit !== undefined && { drainTimeoutSeconds: limit }),
      droppedBefore: Math.min(given.droppedBefore, given.dropped),
    });
  });

/** Each worker once. */
const anyFleet = fc.uniqueArray(anyWorker, {
  maxLength: 8,
  selector: ({ id, version }) => `${id} ${version}`,
});

/** A finished deploy of three, and whatever else. */
const almostDone = anyFleet.map((more) => [...exited('v1', 2), ...green(3), ...more]);

const isHeard = ({ lastReportAt }: WorkerFacts) => NOW - lastReportAt <= S * 1000;

describe('whatever the facts', () => {
  it('complete means that no fact says otherwise', () => {
    let completes = 0;
    const check = (workers: WorkerFacts[]) => {
      const verdict = assess(workers);
      if (verdict.phase !== 'complete') return;
      completes += 1;
      const running = workers.filter((row) => !row.exited && isHeard(row));
      expect(running.filter(({ version }) => version !== 'v2')).toEqual([]);
      expect(running.filter(({ draining, active }) => draining && active > 0)).toEqual([]);
      const settled = running.filter(
        ({ draining, firstReportAt, lastReportAt }) =>
          !draining && lastReportAt - firstReportAt >= (S - 7.5) * 1000,
      );
      expect(settled.length).toBeGreaterThanOrEqual(verdict.workers.expected);
      expect(settled.length).toBeGreaterThan(0);
      const inWindow = workers.filter(({ lastReportAt }) => lastReportAt >= SINCE - S * 1000);
      expect(inWindow.filter(({ dropped, droppedBefore }) => dropped > droppedBefore)).toEqual([]);
      expect(inWindow.filter((row) => !row.exited && !isHeard(row) && row.active > 0)).toEqual([]);
      const witness = workers.find(
        (row) => row.reportsSince <= NOW - S * 1000 && row.lastReportAt >= NOW - (S * 1000) / 2,
      );
      expect(witness).toBeDefined();
    };
    fc.assert(fc.property(anyFleet, check), { numRuns: 3_000 });
    fc.assert(fc.property(almostDone, check), { numRuns: 3_000 });
    expect(completes, 'the test sees complete deploys').toBeGreaterThan(100);
  });

  it('their order does not matter', () => {
    const shuffled = anyFleet.chain((workers) =>
      fc.tuple(fc.constant(workers), fc.shuffledSubarray(workers, { minLength: workers.length })),
    );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(assess(other)).toEqual(assess(one));
      }),
    );
  });

  it('copies of a worker do not matter', () => {
    const copied = anyFleet.chain((workers) => fc.tuple(fc.constant(workers), fc.subarray(workers)));
    fc.assert(
      fc.property(copied, ([workers, copies]) => {
        expect(assess([...workers, ...copies])).toEqual(assess(workers));
      }),
    );
  });

  it('a stale copy never makes a deploy look better', () => {
    const order = ['unknown', 'waiting', 'rolling', 'stuck', 'draining', 'dropped', 'superseded', 'complete'];
    fc.assert(
      fc.property(almostDone, fc.nat(), fc.constantFrom(0, 5, 20), (workers, index, older) => {
        const original = workers[index % workers.length] ?? worker();
        const lastReportAt = original.lastReportAt - older * 1000;
        const copy = {
          ...original,
          lastReportAt,
          reportsSince: Math.min(original.reportsSince, lastReportAt),
          active: original.exited ? 0 : original.active + 1,
        };
        const before = assess(workers).phase;
        if (before !== 'complete') expect(assess([...workers, copy]).phase).not.toBe('complete');
        expect(order).toContain(before);
      }),
    );
  });

  it('confirmed never falls: not by more drops, more workers, silence or a goodbye', () => {
    fc.assert(
      fc.property(anyFleet, anyWorker, fc.nat(7), fc.nat(3), (workers, another, index, more) => {
        const { confirmed } = assess(workers).dropped;
        const isNew = !workers.some(({ id, version }) => id === another.id && version === another.version);
        if (isNew) expect(assess([...workers, another]).dropped.confirmed).toBeGreaterThanOrEqual(confirmed);
        const worse = workers.map((row, at) =>
          at === index ? { ...row, dropped: row.dropped + more, exited: true, active: 0 } : row,
        );
        expect(assess(worse).dropped.confirmed).toBeGreaterThanOrEqual(confirmed);
      }),
    );
  });

  it('is unknown without a witness, and presumes nothing', () => {
    const noWitness = anyFleet.map((workers) => workers.map((row) => ({ ...row, reportsSince: ago(S - 1) })));
    fc.assert(
      fc.property(noWitness, (workers) => {
        expect(assess(workers)).toMatchObject({ phase: 'unknown', dropped: { presumed: 0 } });
      }),
    );
  });

  it('is never complete when the source did not see the whole window, or the target was never seen', () => {
    fc.assert(
      fc.property(almostDone, fc.nat(1000), (workers, late) => {
        expect(assess(workers, { coveredSince: SINCE + 1 + late }).phase).not.toBe('complete');
        expect(assess(workers, { since: undefined }).phase).not.toBe('complete');
      }),
    );
  });

  it('one more running worker of another version, or one lost with a session, undoes complete', () => {
    const lost = fc.boolean();
    fc.assert(
      fc.property(anyWorker, lost, (given, isLost) => {
        const heard = isLost ? ago(61) : ago(1);
        const other = { ...given, id: 'z', version: 'v1', exited: false, active: 1, lastReportAt: heard };
        expect(assess([...exited('v1', 2), ...green(3)]).phase).toBe('complete');
        expect(assess([...exited('v1', 2), ...green(3), other]).phase).not.toBe('complete');
      }),
    );
  });

  it('is told in numbers that JSON can hold', () => {
    fc.assert(
      fc.property(anyFleet, (workers) => {
        const verdict = assess(workers);
        expect(JSON.stringify(verdict)).not.toContain('null');
        for (const { sentence } of Object.values(verdict.checks)) {
          expect(sentence).toMatch(/^\S.*\.$/);
          expect(sentence).not.toMatch(/NaN|undefined|Infinity/);
        }
      }),
    );
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import * as names from '../../../src/attributes.js';
import type { WorkerFacts } from '../../../src/deploy/index.js';
import { WorkerTable } from '../../../src/deploy/receiver/worker-table.js';
import { point } from './points.js';

const SECOND = 1_000;
/** The window of a worker that reports every 15 s. */
const WINDOW = 60 * SECOND;
/** When the table begins to listen. */
const BEGIN = 1_700_000_000_000;

let table: WorkerTable;
beforeEach(() => {
  table = new WorkerTable(BEGIN);
});

type Said = readonly [metric: names.Metric, value: number];
/** A report by the clock of its worker, and when it arrives. */
const say = (at: number, arrival: number, ...said: Said[]) =>
  table.add(
    said.map(([metric, value]) => point(metric, value, { at })),
    arrival,
  );
/** A report that arrives so many ms after the beginning. */
const hear = (after: number, ...said: Said[]) => say(BEGIN + after, BEGIN + after, ...said);
const row = (): WorkerFacts => table.rows()[0] ?? expect.unreachable();

describe('a value that no worker can mean', () => {
  it.each<[string, names.Metric, number]>([
    ['a count below zero', names.METRICS.active, -1],
    ['half a session', names.METRICS.active, 0.5],
    ['more sessions than can be counted', names.METRICS.dropped, 1e300],
    ['a flag of 2', names.METRICS.draining, 2],
    ['a version gauge of 0.5', names.METRICS.running, 0.5],
    ['an interval of 0', names.METRICS.interval, 0],
    ['an interval below zero', names.METRICS.interval, -15],
    ['a drain of millions of years', names.METRICS.drainElapsed, 1e300],
    ['a timeout below zero', names.METRICS.drainTimeout, -1],
    ['a start at no date', names.METRICS.startTime, 1e15],
    ['a start that is not set', names.METRICS.startTime, 0],
  ])('is not taken, and makes no worker: %s', (_, metric, value) => {
    hear(0, [metric, value]);
    expect(table.rows()).toEqual([]);
    hear(1, [names.METRICS.draining, 0], [metric, value]);
    const clean = row();
    table = new WorkerTable(BEGIN);
    hear(1, [names.METRICS.draining, 0]);
    expect(clean).toEqual(row());
  });

  it('an interval of days counts as an hour', () => {
    hear(0, [names.METRICS.interval, 500_000]);
    expect(row().intervalSeconds).toBe(3600);
  });
});

describe('reportsSince', () => {
  it('is the first report, until there is a gap of more than half a silence window', () => {
    hear(0, [names.METRICS.interval, 15]);
    hear(0.5 * WINDOW, [names.METRICS.active, 1]);
    hear(WINDOW, [names.METRICS.active, 1]);
    expect(row()).toMatchObject({ reportsSince: BEGIN, lastReportAt: BEGIN + WINDOW });
    hear(1.5 * WINDOW + 1, [names.METRICS.active, 1]);
    hear(1.6 * WINDOW, [names.METRICS.active, 1]);
    expect(row()).toMatchObject({ reportsSince: BEGIN + 1.5 * WINDOW + 1, firstReportAt: BEGIN });
  });
});

describe('earlier', () => {
  it('is the first report of a young worker, then about five silence windows ago', () => {
    for (let after = 0; after <= 20 * WINDOW; after += 15 * SECOND) {
      hear(after, [names.METRICS.active, 1_000 - after / SECOND / 15]);
      const { earlier } = row();
      const age = (BEGIN + after - earlier.at) / WINDOW;
      if (after <= 5 * WINDOW) expect(age).toBe(after / WINDOW < 5 ? after / WINDOW : 5);
      else expect(age).toBeGreaterThanOrEqual(5);
      expect(age).toBeLessThan(6.01);
      expect(earlier.active).toBe(1_000 - (earlier.at - BEGIN) / SECOND / 15);
    }
  });

  it('begins anew with the drain', () => {
    hear(0, [names.METRICS.active, 10], [names.METRICS.draining, 0]);
    hear(WINDOW, [names.METRICS.active, 20], [names.METRICS.draining, 1]);
    hear(2 * WINDOW, [names.METRICS.active, 15], [names.METRICS.draining, 1]);
    expect(row().earlier).toEqual({ at: BEGIN + WINDOW, active: 20 });
  });

  it('is what it has now, where it never said before', () => {
    hear(0, [names.METRICS.draining, 0]);
    expect(row().earlier).toEqual({ at: BEGIN, active: 0 });
    hear(SECOND, [names.METRICS.active, 4]);
    expect(row().earlier).toEqual({ at: BEGIN + SECOND, active: 4 });
  });
});

describe('drainingSince', () => {
  const drain = (after: number, elapsed: number) =>
    hear(after, [names.METRICS.drainElapsed, elapsed], [names.METRICS.draining, 1]);

  it('is the arrival less what has elapsed, the same whatever way later reports take', () => {
    drain(100 * SECOND, 40);
    expect(row().drainingSince).toBe(BEGIN + 60 * SECOND);
    drain(117 * SECOND, 55);
    expect(row().drainingSince).toBe(BEGIN + 60 * SECOND);
    hear(140 * SECOND, [names.METRICS.active, 1]);
    expect(row().drainingSince).toBe(BEGIN + 60 * SECOND);
  });

  it('is the arrival of a worker that does not say for how long', () => {
    hear(5 * SECOND, [names.METRICS.draining, 1]);
    hear(9 * SECOND, [names.METRICS.draining, 1]);
    expect(row().drainingSince).toBe(BEGIN + 5 * SECOND);
  });

  it('ends with the drain, and another drain has its own', () => {
    drain(10 * SECOND, 5);
    hear(20 * SECOND, [names.METRICS.drainElapsed, 0], [names.METRICS.draining, 0]);
    expect(row()).not.toHaveProperty('drainingSince');
    drain(60 * SECOND, 10);
    expect(row().drainingSince).toBe(BEGIN + 50 * SECOND);
  });
});

describe('droppedBefore', () => {
  const lostBefore = (after: number) =>
    table.read({ since: BEGIN + after }, BEGIN + 1_000 * SECOND).workers[0]?.droppedBefore;
  const start = (after: number): Said => [names.METRICS.startTime, (BEGIN + after) / SECOND];

  it('is 0 in a worker that was heard from its start on', () => {
    hear(10 * SECOND, start(1 * SECOND), [names.METRICS.dropped, 3]);
    expect(lostBefore(5 * SECOND)).toBe(0);
    expect(lostBefore(10 * SECOND)).toBe(0);
    expect(lostBefore(11 * SECOND)).toBe(3);
  });

  it('is what an older worker had lost when it was first heard', () => {
    hear(10 * SECOND, start(-1_000 * SECOND), [names.METRICS.dropped, 3]);
    hear(20 * SECOND, [names.METRICS.dropped, 5]);
    expect(lostBefore(-5_000 * SECOND)).toBe(3);
    expect(lostBefore(15 * SECOND)).toBe(3);
    expect(lostBefore(25 * SECOND)).toBe(5);
    expect(row()).toMatchObject({ dropped: 5, droppedBefore: 3 });
  });

  it('counts in doubt as lost later, when a worker lost sessions too often to keep each date', () => {
    hear(0, start(-1_000 * SECOND), [names.METRICS.dropped, 7]);
    for (let n = 1; n <= 500; n += 1) hear(n * SECOND, [names.METRICS.dropped, 7 + n]);
    for (let n = 1; n <= 500; n += 1) {
      const known = lostBefore(n * SECOND + 1);
      expect(known).toBeLessThanOrEqual(7 + n);
      expect(known).toBeGreaterThanOrEqual(7);
    }
    expect(lostBefore(501 * SECOND)).toBe(507);
    expect(lostBefore(0)).toBe(7);
  });
});

describe('a worker', () => {
  /** A whole report that was made at one time and arrives at another, in seconds. */
  const report = (active: number, madeAt: number, arrivesAt: number) => {
    const points = [
      [names.METRICS.active, active],
      [names.METRICS.running, 1],
    ] as const;
    table.add(
      points.map(([metric, value]) => point(metric, value, { at: BEGIN + madeAt * SECOND })),
      BEGIN + arrivesAt * SECOND,
    );
  };

  it('is heard though its clock was set back: its reports come at the pace they are made at', () => {
    report(0, 0, 0);
    report(3, -300, 15);
    report(5, -285, 30);
    report(6, -270, 45);
    expect(row()).toMatchObject({ active: 6, clock: 'set back' });
    report(4, -255, 60);
    expect(row().active).toBe(4);
  });

  it('keeps its last report when older ones come late, however old and however many', () => {
    report(5, 0, 0);
    report(0, -700, 20);
    expect(row().active).toBe(5);
    for (let n = 0; n < 10; n += 1) report(0, -600 + 15 * n, 21 + n / 10);
    expect(row().active).toBe(5);
    expect(row().clock).toBeUndefined();
  });

  it('keeps its last counts when older reports come after its goodbye, as regularly as they were made', () => {
    const { running, started } = names.METRICS;
    hear(0, [started, 10], [running, 1]);
    hear(15 * SECOND, [running, 0]);
    for (let n = 0; n < 5; n += 1) {
      const late = [point(started, 5 + n, { at: BEGIN - 90 * SECOND + n * WINDOW * 0.25 })];
      table.add(late, BEGIN + 45 * SECOND + n * WINDOW * 0.25);
    }
    expect(row()).toMatchObject({ exited: true, started: 10 });
    expect(row().clock).toBeUndefined();
  });

  it('takes all of a report in whose order its clock is seen to be set back', () => {
    const { active, running } = names.METRICS;
    const made = (at: number, sessions: number) =>
      ([active, running] as const).map((metric) =>
        point(metric, metric === active ? sessions : 1, { at: BEGIN + at * SECOND }),
      );
    table.add(made(0, 5), BEGIN);
    table.add(made(-300, 4), BEGIN + 15 * SECOND);
    table.add(made(-285, 3), BEGIN + 30 * SECOND);
    expect(row()).toMatchObject({ active: 3, clock: 'set back' });
  });

  it('that runs on after its goodbye is contradictory; one late report of a faster clock does not make it so', () => {
    report(2, 0, 0);
    table.add([point(names.METRICS.running, 0, { at: BEGIN + 15 * SECOND })], BEGIN + 15 * SECOND);
    report(2, 20, 21);
    expect(row()).toMatchObject({ exited: true, isContradictory: false, active: 0 });
    report(4, 35, 36);
    expect(row()).toMatchObject({ exited: false, isContradictory: true, active: 4 });
  });

  it('misses what never came, what comes no more, and what its goodbye lacks', () => {
    const { active, draining, dropped, running, startTime } = names.METRICS;
    const others: Said[] = [
      [running, 1],
      [draining, 0],
      [dropped, 0],
    ];
    hear(0, [active, 1], ...others);
    expect(row().missing).toEqual([startTime.name]);
    const start: Said = [startTime, BEGIN / 1000];
    hear(SECOND, start, [active, 1], ...others);
    expect(row().missing).toEqual([]);
    hear(20 * SECOND, start, ...others);
    expect(row().missing).toEqual([]);
    hear(40 * SECOND, start, ...others);
    expect(row().missing).toEqual([active.name]);
    table.add([point(running, 0, { at: BEGIN + 50 * SECOND })], BEGIN + 50 * SECOND);
    expect(row()).toMatchObject({ exited: true, missing: [dropped.name, active.name].slice(0, 1) });
    table.add([point(dropped, 2, { at: BEGIN + 50 * SECOND })], BEGIN + 51 * SECOND);
    expect(row()).toMatchObject({ exited: true, missing: [], dropped: 2 });
  });

  it('is silent, however often a copy of its last report arrives', () => {
    const { active, running } = names.METRICS;
    const report = [point(running, 1, { at: BEGIN }), point(active, 3, { at: BEGIN })];
    for (const after of [0, 15, 30, 75]) table.add(report, BEGIN + after * SECOND);
    expect(row()).toMatchObject({ lastReportAt: BEGIN, reportsSince: BEGIN, active: 3 });
  });

  it('misses, once it is silent, what its last report lacked', () => {
    const { active, draining, dropped, running, startTime } = names.METRICS;
    hear(0, [active, 0], [running, 1], [draining, 0], [dropped, 0], [startTime, BEGIN / 1000]);
    hear(15 * SECOND, [running, 1], [draining, 0], [dropped, 0]);
    const missingAt = (after: number) => table.read({}, BEGIN + after).workers[0]?.missing;
    expect(missingAt(20 * SECOND)).toEqual([]);
    expect(missingAt(15 * SECOND + WINDOW + 1)).toEqual([active.name]);
  });

  it.each([
    ['that no session is left', names.METRICS.active, 0],
    ['what was dropped', names.METRICS.dropped, 5],
  ])(
    'misses, once it is silent, the rest of a goodbye of which only this arrived: %s',
    (_, metric, value) => {
      const { active, draining, dropped, running, startTime } = names.METRICS;
      hear(0, [active, 5], [running, 1], [draining, 1], [dropped, 0], [startTime, BEGIN / 1000]);
      hear(5 * SECOND, [metric, value]);
      const [worker] = table.read({}, BEGIN + 5 * SECOND + WINDOW + 1).workers;
      const others = [active, draining, running, dropped].filter((one) => one !== metric);
      expect(worker?.missing).toEqual(others.map(({ name }) => name));
    },
  );

  it('keeps its sessions though copies of its reports come late, at their pace', () => {
    const { active, running } = names.METRICS;
    const reports = Array.from({ length: 100 }, (_, index) => ({
      at: index * 15 * SECOND,
      calls: index < 90 ? 0 : 5,
    }));
    for (const { at, calls } of reports) hear(at, [running, 1], [active, calls]);
    for (const { at, calls } of reports.slice(0, 60))
      say(BEGIN + at, BEGIN + at + 1_600 * SECOND, [running, 1], [active, calls]);
    expect(row()).toMatchObject({ active: 5, lastReportAt: BEGIN + 99 * 15 * SECOND });
    expect(row().clock).toBeUndefined();
  });

  it('is used twice by a life with another start, though the clock of the first was ahead', () => {
    const { active, running, startTime, dropped } = names.METRICS;
    const ahead = BEGIN + 600 * SECOND;
    say(ahead, BEGIN, [running, 1], [active, 0], [dropped, 0], [startTime, ahead / 1000 - 60]);
    say(ahead + SECOND, BEGIN + SECOND, [running, 0], [dropped, 0]);
    const at = BEGIN + 15 * SECOND;
    say(at, at, [running, 1], [active, 5], [dropped, 0], [startTime, at / 1000 - 1]);
    expect(row()).toMatchObject({ exited: false, isContradictory: true });
  });

  it('is used twice, however often a copy of its goodbye arrives', () => {
    const { active, running, dropped } = names.METRICS;
    const goodbye = [point(running, 0, { at: BEGIN }), point(dropped, 0, { at: BEGIN })];
    table.add(goodbye, BEGIN);
    for (const after of [15 * SECOND, 30 * SECOND]) hear(after, [running, 1], [active, 5], [dropped, 0]);
    table.add(goodbye, BEGIN + 31 * SECOND);
    expect(row()).toMatchObject({ exited: false, isContradictory: true });
  });

  it('misses the other half of a goodbye, though what it dropped came before with a clock that was ahead', () => {
    const { active, draining, running, dropped, startTime } = names.METRICS;
    const start: Said = [startTime, BEGIN / 1000];
    say(BEGIN + 60 * SECOND, BEGIN, [running, 1], [dropped, 0], [active, 0], [draining, 1], start);
    hear(15 * SECOND, [running, 0]);
    expect(row()).toMatchObject({ exited: true, missing: [dropped.name] });
  });

  it('that tells a start after its first report is not one that came up since', () => {
    const { running, startTime, dropped } = names.METRICS;
    hear(SECOND, [running, 1], [startTime, BEGIN / 1000 + 3_600], [dropped, 3]);
    expect(table.read({ since: BEGIN }, BEGIN + 2 * SECOND).workers).toMatchObject([
      { dropped: 3, droppedBefore: 3 },
    ]);
  });

  it('whose clock is ahead started when it did', () => {
    const at = BEGIN + 3_600 * SECOND;
    table.add(
      [point(names.METRICS.running, 1, { at }), point(names.METRICS.startTime, at / 1000 - 60, { at })],
      BEGIN,
    );
    expect(row()).toMatchObject({ clock: 'ahead', startedAt: BEGIN - 60 * SECOND });
  });

  it('that said goodbye keeps no tenants, and lets others have the room', () => {
    table = new WorkerTable(BEGIN, 10, 1);
    const tenant = (id: string) =>
      point(names.METRICS.tenants, 2, {
        attributes: { [names.WORKER_ID]: id, [names.TENANT_ID]: 'acme' },
      });
    const tenants = () => table.rows().map((worker) => worker.tenants);
    table.add([tenant('w-1')], BEGIN);
    table.add([tenant('w-2')], BEGIN);
    expect(tenants()).toEqual([{ acme: 2 }, {}]);
    table.add([tenant('w-1'), point(names.METRICS.running, 0)], BEGIN);
    table.add([tenant('w-2')], BEGIN);
    expect(tenants()).toEqual([{}, { acme: 2 }]);
  });

  it('gives the same row until its next report', () => {
    hear(0, [names.METRICS.active, 1]);
    const first = row();
    expect(row()).toBe(first);
    hear(0, [names.METRICS.active, 2]);
    expect(first.active).toBe(1);
    expect(row().active).toBe(2);
  });
});

import { describe, expect, it } from 'vitest';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { ago, assess, exited, facts, fleet, type Given, green, SINCE, worker } from '../support.js';

describe('a deploy is complete', () => {
  it('when all report the target, the old ones have exited and nothing was dropped', () => {
    const verdict = assess([...exited('v1', 3), ...green()]);
    expect(verdict).toMatchObject({
      phase: 'complete',
      workers: { running: 3, onTarget: 3, accepting: 3, expected: 3 },
      sessionsLeft: 0,
      dropped: { confirmed: 0, presumed: 0 },
      waitingFor: [],
      silenceWindowSeconds: 60,
    });
    expect(verdict.checks).toEqual({
      version: {
        state: 'met',
        sentence:
          '3 of 3 running workers report v2, 3 of them accept; expected 3 (from those that accepted at the start, at least 1).',
      },
      drained: { state: 'met', sentence: 'No session is left on workers that are to go.' },
      dropped: { state: 'met', sentence: `No dropped session since ${iso(SINCE)}.` },
    });
  });

  it.each([
    [
      'an old one still runs, without a session',
      [...exited('v1', 2), ...draining(0), ...green()],
      'draining',
    ],
    ['an old one has a session', [...exited('v1', 2), ...draining(1), ...green()], 'draining'],
    ['an old one accepts', [...exited('v1', 2), worker(), ...green()], 'rolling'],
    ['one of three never came up', [...exited('v1', 3), ...green(2)], 'rolling'],
    [
      'the new ones are younger than the silence window',
      [...exited('v1', 3), ...green(3, { up: 57 })],
      'draining',
    ],
    [
      'one of the target went silent',
      [...exited('v1', 3), ...green(3), ...fleet('v2', 1, { id: 'x', up: 500, heard: 100 })],
      'draining',
    ],
    ['a session was dropped', [...exited('v1', 3, { dropped: 1 }), ...green()], 'dropped'],
    [
      'a worker of the target drains with a session',
      [...exited('v1', 3), ...green(), ...draining(2, 'v2', 580)],
      'draining',
    ],
  ])('but not when %s', (_, workers, phase) => {
    // The drained one stays its own witness where the new ones are young.
    expect(assess([witness(), ...workers]).phase).toBe(phase);
  });

  it('with new workers that have reported for a silence window, half an interval granted', () => {
    const up = (seconds: number) => assess([...exited('v1', 3), witness(), ...green(3, { up: seconds })]);
    expect(up(57.5).phase).toBe('complete');
    expect(up(57.4)).toMatchObject({ phase: 'draining', checks: { version: { state: 'open' } } });
    expect(up(57.4).checks.version.sentence).toContain('3 of them have reported for less than 60 s');
  });

  it('not with a dead one that is not silent yet and never reported for a window', () => {
    const dead = green(1, { id: 'dead', up: 100, heard: 50 });
    expect(assess([...exited('v1', 2), witness(), ...green(1), ...dead]).phase).toBe('draining');
  });

  it('with a silent worker of the target once that is given up', () => {
    const silent = (heard: number) => fleet('v2', 1, { id: 'x', up: 590, heard });
    expect(assess([...exited('v1', 3), ...green(), ...silent(360)]).phase).toBe('draining');
    expect(assess([...exited('v1', 3), ...green(), ...silent(361)]).phase).toBe('complete');
  });
});

describe('the phase', () => {
  it('is unknown without a worker', () => {
    expect(assess([]).phase).toBe('unknown');
  });

  it('is unknown without a worker that reported through the whole silence window', () => {
    const back = green(3, { reportsSince: ago(59) });
    expect(assess([...exited('v1', 3), ...back]).phase).toBe('unknown');
    expect(assess([...exited('v1', 3), ...green(3, { heard: 31 })]).phase).toBe('unknown');
    expect(assess([...exited('v1', 3), ...green(3, { heard: 30 })]).phase).toBe('complete');
  });

  it('is unknown when the source did not see the whole window', () => {
    const verdict = assess([...exited('v1', 3), ...green()], { coveredSince: SINCE + 1 });
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.dropped.state).toBe('unknown');
    expect(verdict.checks.dropped.sentence).toContain('Unknown before');
  });

  it('is waiting when nobody accepts on the target', () => {
    expect(assess(fleet('v1', 3), { since: undefined }).phase).toBe('waiting');
    expect(assess([...fleet('v1', 3), ...green(1, { draining: true })]).phase).not.toBe('rolling');
  });

  it('is rolling while others accept, or fewer than expected do', () => {
    expect(assess([...fleet('v1', 3), ...green(1)])).toMatchObject({
      phase: 'rolling',
      workers: { running: 4, onTarget: 1, accepting: 1, expected: 3 },
    });
    expect(assess([...exited('v1', 3), ...green(3)], { options: { expected: 4 } }).phase).toBe('rolling');
  });

  it('is stuck past a drain timeout with sessions, a report later at the earliest', () => {
    const late = (seconds: number, active: number) =>
      worker({ active, draining: true, drainingSince: ago(seconds), drainTimeoutSeconds: 100 });
    expect(assess([late(115, 1), ...green()]).phase).toBe('draining');
    expect(assess([late(116, 1), ...green()]).phase).toBe('stuck');
    expect(assess([late(116, 0), ...green()]).phase).toBe('draining');
    expect(assess([late(116, 1), ...green()]).checks.drained.sentence).toContain('past the drain timeout');
  });

  it('is merely draining for however long without a timeout', () => {
    const [long] = draining(1);
    expect(assess([{ ...worker(), ...long, drainingSince: ago(80_000) }, ...green()]).phase).toBe('draining');
  });
});

describe('superseded', () => {
  it('by a version first seen after the target that accepts', () => {
    const verdict = assess([...fleet('v2', 3, { up: 500 }), ...fleet('v3', 1, { up: 100 })]);
    expect(verdict.phase).toBe('superseded');
    expect(verdict.checks.version).toMatchObject({ state: 'failed' });
    expect(verdict.checks.version.sentence).toContain('v3 took over');
  });

  it('not by one that only drains, nor by an older one that restarts', () => {
    expect(assess([...green(), ...fleet('v3', 1, { up: 100, draining: true })]).phase).toBe('draining');
    const leftover = worker({ id: 'again', up: 100, started: 4, active: 2 });
    const verdict = assess([...exited('v1', 3), ...green(), leftover]);
    expect(verdict.phase).toBe('rolling');
    expect(verdict.leftovers).toEqual([{ id: 'again', version: 'v1', started: 4, active: 2 }]);
    expect(verdict.checks.version.sentence).toContain(
      'again (v1) came up after v2 had everywhere and started 4 sessions',
    );
  });

  it('when all of the target leave while another version accepts', () => {
    const leaving = green(2, { draining: true, drainingSince: ago(10), active: 1 });
    const gone = fleet('v2', 1, { id: 'x', up: 580, exited: true, draining: true, drainingSince: ago(30) });
    expect(assess([...leaving, ...gone, ...fleet('v1', 3)]).phase).toBe('superseded');
    expect(assess([...leaving, ...gone, ...fleet('v1', 3, { draining: true })]).phase).toBe('waiting');
  });

  it('not by a crash loop of the target', () => {
    const crashed = fleet('v2', 2, { up: 100, heard: 90 });
    const ended = fleet('v2', 1, { id: 'x', up: 100, exited: true });
    expect(assess([...crashed, ...fleet('v1', 3)]).phase).toBe('waiting');
    expect(assess([...ended, ...fleet('v1', 3)]).phase).toBe('waiting');
  });

  it('not when a rollback has begun and its first worker is not up: who left the target left before', () => {
    const workers = [
      ...fleet('v1', 2, { draining: true, drainingSince: ago(900), active: 1 }),
      ...exited('v1', 1, { id: 'gone', drainingSince: ago(900), heard: 700 }),
      ...fleet('v2', 3, { up: 1000 }),
    ];
    expect(assess(workers, { options: { target: 'v1' } }).phase).toBe('waiting');
  });

  it('not when the newer version is what a rollback leaves', () => {
    const workers = [
      ...fleet('v1', 2, { draining: true, drainingSince: ago(900), active: 1 }),
      ...fleet('v1', 3, { id: 'back', up: 500 }).map((row, index) => ({ ...row, id: `back-${index}` })),
      ...fleet('v2', 3, { up: 1000, draining: true, drainingSince: ago(400), active: 1 }),
    ];
    const verdict = assess(workers, { options: { target: 'v1' } });
    expect(verdict).toMatchObject({ phase: 'draining', sessionsLeft: 5, workers: { expected: 3 } });
    const drained = workers.map((row) => (row.version === 'v2' ? { ...row, exited: true } : row));
    expect(assess(drained, { options: { target: 'v1' } }).phase).toBe('draining');
    const over = drained.map((row) => (row.draining ? { ...row, exited: true } : row));
    expect(assess(over, { options: { target: 'v1' } }).phase).toBe('complete');
  });
});

describe('a restart of the same version', () => {
  const again = fleet('v1', 3).map((row, index) => ({
    ...row,
    id: `new-${index}`,
    startedAt: ago(500),
    firstReportAt: ago(500),
  }));
  const options = { target: 'v1', restart: true };

  it('looks like a scale-up unless it is said', () => {
    expect(assess([...fleet('v1', 3), ...again], { options: { target: 'v1' } }).phase).toBe('complete');
  });

  it('holds workers from before the start for old ones', () => {
    expect(assess([...fleet('v1', 3), ...again], { options }).phase).toBe('rolling');
    expect(assess([...fleet('v1', 3, { draining: true, active: 1 }), ...again], { options })).toMatchObject({
      phase: 'draining',
      sessionsLeft: 3,
    });
    expect(assess([...exited('v1', 3), ...again], { options }).phase).toBe('complete');
  });

  it('holds one for an old one that tells a start after its first report', () => {
    const wrong = again.slice(0, 1).map((row) => ({ ...row, id: 'wrong', startedAt: ago(-3_600) }));
    expect(assess([...exited('v1', 3), ...again, ...wrong], { options }).phase).toBe('rolling');
  });
});

describe('expected workers', () => {
  it('are as many as accepted at the start, those that drained or were gone by then left out', () => {
    const workers = [
      ...exited('v1', 2),
      ...fleet('v1', 1, {
        id: 'drained-before',
        exited: true,
        draining: true,
        drainingSince: ago(700),
        heard: 300,
      }),
      ...fleet('v1', 1, { id: 'exited-before', exited: true, heard: 601 }),
      ...fleet('v1', 1, { id: 'silent-before', heard: 661 }),
      ...green(3),
    ];
    expect(assess(workers).workers.expected).toBe(2);
  });

  it('are at least one, and the first of the target is not its own measure', () => {
    expect(assess(green(3, { up: 600 }), { since: ago(600) }).workers.expected).toBe(1);
  });

  it('include a canary that was there before the start', () => {
    expect(assess([...exited('v1', 3), ...green(1, { up: 700 })]).workers.expected).toBe(4);
  });

  it('are told as given where they are', () => {
    const { checks } = assess(green(3), { options: { expected: 3 } });
    expect(checks.version.sentence).toContain('expected 3 (as given)');
  });
});

describe('dropped sessions', () => {
  it('are confirmed by a report, of any worker, since the start only', () => {
    const verdict = assess([
      ...exited('v1', 2, { dropped: 5, droppedBefore: 3 }),
      ...green(1, { dropped: 1 }),
    ]);
    expect(verdict.dropped).toEqual({ confirmed: 5, presumed: 0 });
    expect(verdict.checks.dropped.state).toBe('failed');
    expect(verdict.checks.dropped.sentence).toContain('5 sessions dropped since');
  });

  it('may be among those whose end nobody could tell: they are named, and not accepted with `strict`', () => {
    const workers = [
      ...exited('v1', 2, { ended: { unknown: 4, success: 9 }, unknownBefore: 3 }),
      ...green(3, { ended: { unknown: 1 } }),
    ];
    const verdict = assess(workers);
    expect(verdict.phase).toBe('complete');
    expect(verdict.checks.dropped).toEqual({
      state: 'met',
      sentence: `No dropped session was reported since ${iso(SINCE)}. 5 sessions ended in a way that nobody could tell.`,
    });
    expect(assess(workers, { options: { strict: true } })).toMatchObject({
      phase: 'unknown',
      checks: { version: { state: 'met' }, dropped: { state: 'unknown' } },
    });
    const before = exited('v1', 2, { ended: { unknown: 3 }, unknownBefore: 3 });
    expect(assess([...before, ...green()], { options: { strict: true } }).phase).toBe('complete');
    const dropped = [...workers, ...exited('v1', 1, { id: 'x', dropped: 1 })];
    expect(assess(dropped, { options: { strict: true } }).phase).toBe('dropped');
  });

  it('are unknown when a worker was first heard of with some, after the start', () => {
    const late = (droppedBefore: number, firstReportAt: number) =>
      exited('v1', 1, { dropped: droppedBefore, droppedBefore }).map((row) => ({ ...row, firstReportAt }));
    expect(assess([...late(2, SINCE + 1), ...green(1)])).toMatchObject({
      phase: 'unknown',
      dropped: { confirmed: 0 },
      checks: { dropped: { state: 'unknown' } },
    });
    expect(assess([...late(2, SINCE + 1), ...green(1)]).checks.dropped.sentence).toContain(
      'Unknown when v1-0 (v1) lost 2 sessions',
    );
    expect(assess([...late(0, SINCE + 1), ...green(1)]).phase).toBe('complete');
    expect(assess([...late(2, SINCE), ...green(1)]).phase).toBe('complete');
  });

  it('are confirmed even where nothing else is known', () => {
    const verdict = assess([...exited('v1', 1, { dropped: 1 })]);
    expect(verdict).toMatchObject({ phase: 'unknown', dropped: { confirmed: 1 } });
    expect(verdict.checks.dropped.state).toBe('failed');
  });

  it('are presumed of a worker that went silent, until it returns, says goodbye, or is given up', () => {
    const killed = (heard: number) => worker({ id: 'killed', active: 4, heard });
    const others = [...exited('v1', 2), ...green()];
    expect(assess([killed(60), ...others]).dropped.presumed).toBe(0);
    expect(assess([killed(61), ...others])).toMatchObject({
      phase: 'draining',
      dropped: { confirmed: 0, presumed: 4 },
      waitingFor: [{ id: 'killed', state: 'silent', sessions: 4, lastReportSeconds: 61 }],
      checks: { dropped: { state: 'open' }, version: { state: 'met' }, drained: { state: 'met' } },
    });
    expect(assess([killed(361), ...others])).toMatchObject({
      phase: 'dropped',
      dropped: { presumed: 4 },
      waitingFor: [],
      checks: { dropped: { state: 'failed' } },
    });
    expect(assess([killed(121), ...others], { options: { presumeAfterSeconds: 60 } }).phase).toBe('dropped');
    const recovered = { ...killed(5), exited: true, active: 0, dropped: 4 };
    expect(assess([recovered, ...others])).toMatchObject({
      phase: 'dropped',
      dropped: { confirmed: 4, presumed: 0 },
    });
  });

  it('are not presumed of an idle worker, of one that was gone before the start, or without a witness', () => {
    const others = [...exited('v1', 2), ...green()];
    expect(assess([worker({ heard: 100 }), ...others]).phase).toBe('complete');
    expect(assess([worker({ active: 4, heard: 661 }), ...others]).phase).toBe('complete');
    const outage = [worker({ active: 4, heard: 100 }), ...green(3, { active: 2, heard: 100 })];
    expect(assess(outage)).toMatchObject({ phase: 'unknown', dropped: { confirmed: 0, presumed: 0 } });
  });
});

describe('what is left', () => {
  it('is told by worker, with how long it drains and may', () => {
    const old = worker({ active: 2, draining: true, drainingSince: ago(90), drainTimeoutSeconds: 600 });
    expect(assess([old, ...green()]).waitingFor).toEqual([
      {
        id: 'w-1',
        version: 'v1',
        state: 'draining',
        sessions: 2,
        drainingForSeconds: 90,
        drainTimeoutSeconds: 600,
        lastReportSeconds: 5,
      },
    ]);
  });

  describe('has a time left', () => {
    const old = (active: number, earlier: number, given: Given = {}) =>
      worker({
        ...{ active, draining: true, drainingSince: ago(300) },
        earlier: { at: ago(100), active: earlier },
        ...given,
      });
    /** How calls of 5 minutes on the average end, when no new ones come. */
    const leftAfter = (calls: number, seconds: number) => calls * Math.exp(-seconds / 300);

    it.each([60, 300, 600])(
      'of 48 calls of about 5 minutes after %d s: as long as the last one takes',
      (at) => {
        const last = 300 * (Math.log(48) + 0.58);
        // Workers whose drain began at different times.
        const seconds = [60, 60, 45, 30];
        const workers = seconds.map((seen, index) =>
          old(leftAfter(12, at), leftAfter(12, at - seen), {
            id: `w-${index}`,
            earlier: { at: ago(seen), active: leftAfter(12, at - seen) },
          }),
        );
        const { timeLeftSeconds } = assess([...workers, ...green()]);
        expect(Number(timeLeftSeconds) / (last - at)).toBeCloseTo(1, 1);
      },
    );

    it('of workers with one call each, most of which have left', () => {
      const half = (given: Given) =>
        fleet('v1', 10, {
          draining: true,
          drainingSince: ago(300),
          earlier: { at: ago(100), active: 1 },
          ...given,
        });
      const running = half({ active: 1 });
      const gone = half({ exited: true, heard: 30 }).map((each) => ({ ...each, id: `gone-${each.id}` }));
      // How fast the sessions of long ago fell is not what is asked.
      const before = worker({ id: 'before', exited: true, heard: 500, earlier: { at: ago(900), active: 9 } });
      const { timeLeftSeconds } = assess([...running, ...gone, before, ...green()]);
      expect(timeLeftSeconds).toBeCloseTo(415.9, 1);
    });

    it('that is named as a guess', () => {
      // Half of them in 100 s: ten more are 100 s * (ln(10) + 0.58) / ln(2).
      const { checks, timeLeftSeconds } = assess([old(10, 20), ...green()]);
      expect(timeLeftSeconds).toBeCloseTo(415.9, 1);
      expect(checks.drained.sentence).toBe('10 sessions left on w-1 (v1). A guess: about 7 min to go.');
    });

    it('that is never longer than the last drain timeout', () => {
      const limited = (given: Given = {}) => old(10, 20, { drainTimeoutSeconds: 400, ...given });
      const { checks, ...verdict } = assess([
        limited(),
        limited({ id: 'x', drainTimeoutSeconds: 500 }),
        ...green(),
      ]);
      expect(verdict).toMatchObject({ timeLeftSeconds: 200, timeLeftAtMostSeconds: 200 });
      expect(checks.drained.sentence).toMatch(/ At the latest 3 min to go, by the drain timeout\.$/);
      const long = assess([limited({ drainTimeoutSeconds: 3600 }), ...green()]);
      expect(long.timeLeftSeconds).toBeCloseTo(415.9, 1);
      expect(long).toMatchObject({ timeLeftAtMostSeconds: 3300 });
      const { checks: constant } = assess([limited({ earlier: { at: ago(100), active: 10 } }), ...green()]);
      expect(constant.drained.sentence).toMatch(
        / Not falling; at the latest 100 s to go, by the drain timeout\.$/,
      );
    });

    it.each([
      ['has none', {}],
      ['is past it', { drainTimeoutSeconds: 299 }],
      ['began at nobody knows when', { drainTimeoutSeconds: 400, drainingSince: undefined }],
    ])('without a limit where one of two workers %s', (_, given) => {
      const workers = [
        old(10, 20, { drainTimeoutSeconds: 299 }),
        old(10, 20, { id: 'x', ...given } as Given),
      ];
      const verdict = assess([...workers, ...green()]);
      expect(verdict.timeLeftSeconds).toBeCloseTo(516, 0);
      expect(verdict).not.toHaveProperty('timeLeftAtMostSeconds');
    });

    it('that does not wait for the drain timeout of who has no session', () => {
      const drained = old(0, 0, { id: 'x', drainTimeoutSeconds: 3600 });
      expect(assess([old(10, 20, { drainTimeoutSeconds: 400 }), drained, ...green()]).timeLeftSeconds).toBe(
        100,
      );
    });

    it('where that is known', () => {
      expect(assess([old(10, 10), ...green()]).timeLeftSeconds).toBe('not falling');
      expect(assess([old(10, 0), ...green()]).timeLeftSeconds).toBe('not falling');
      expect(assess([old(0, 10), ...green()]).timeLeftSeconds).toBeUndefined();
      expect(
        assess([old(10, 20), worker({ id: 'x', active: 1 }), ...green()]).timeLeftSeconds,
      ).toBeUndefined();
      const early = old(10, 20, { earlier: { at: ago(14), active: 20 } });
      expect(assess([early, ...green()]).timeLeftSeconds).toBeUndefined();
    });
  });

  it('is told by tenant', () => {
    const old = (id: string, tenants: Record<string, number>) =>
      worker({ id, active: 3, draining: true, tenants });
    const workers = [old('a', { acme: 2, globex: 1 }), old('b', { acme: 3, initech: 0 })];
    expect(assess([...workers, ...green(3, { tenants: { acme: 9 } })]).tenantsLeft).toEqual({
      acme: 5,
      globex: 1,
    });
  });
});

describe('copies of a worker', () => {
  it('are one: a goodbye wins, else the maximum', () => {
    const copies = [worker({ active: 3, draining: true }), worker({ active: 2, heard: 1, draining: true })];
    expect(assess([...copies, ...green()])).toMatchObject({ sessionsLeft: 3, workers: { running: 4 } });
    const gone = worker({ exited: true, draining: true, heard: 40, dropped: 2 });
    expect(assess([...copies, gone, ...exited('v1', 2), ...green()])).toMatchObject({
      sessionsLeft: 0,
      dropped: { confirmed: 2 },
      workers: { running: 3 },
    });
  });

  it('of which one took over from the other without a gap have reported through', () => {
    const [first, second] = [worker({ heard: 40 }), worker({ reportsSince: ago(20) })];
    expect(assess([first, second]).phase).toBe('waiting');
    expect(assess([{ ...first, lastReportAt: ago(55) }, second]).phase).toBe('unknown');
  });
});

function draining(active: number, version = 'v1', up = 3600) {
  return fleet(version, 1, { id: 'draining', active, up, draining: true, drainingSince: ago(60) });
}

/** Has reported through, and counts for nothing else: it came up after the start and is gone. */
function witness() {
  return worker({ id: 'witness', version: 'v2', up: 300, heard: 1, exited: true });
}

function iso(unixMs: number) {
  return new Date(unixMs).toISOString().replace('.000', '');
}

describe('a wrong option is named:', () => {
  it.each([
    [{ target: '' }, "option target: expected a text that is not empty, got ''"],
    [{ target: undefined }, 'option target: expected a text that is not empty, got none'],
    [{ target: 1.5 }, 'option target: expected a text that is not empty, got 1.5'],
    [{ expected: 0 }, 'option expected: expected a whole number from 1, got 0'],
    [{ expected: Number.NaN }, 'option expected: expected a whole number from 1, got NaN'],
    [{ restart: 'no' }, "option restart: expected true or false, got 'no'"],
    [{ strict: 1 }, 'option strict: expected true or false, got 1'],
    [{ presumeAfterSeconds: -1 }, 'option presumeAfterSeconds: expected seconds, 0 or more, got -1'],
    [
      { presumeAfterSeconds: Number.POSITIVE_INFINITY },
      'option presumeAfterSeconds: expected seconds, 0 or more, got Infinity',
    ],
    [{ expect: 3 }, 'option expect: expected one of target, expected, restart, presumeAfterSeconds, strict'],
  ])('%j', (options, message) => {
    expect(() => assess(green(), { options: options as never })).toThrow(new TypeError(message));
  });

  it('none at all', () => {
    expect(() => assessDeploy(facts(green()), undefined as never)).toThrow(
      new TypeError('options: expected an object, got undefined'),
    );
  });
});

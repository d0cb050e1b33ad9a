import { describe, expect, it } from 'vitest';
import { METRIC_KEYS, METRICS } from '../../src/attributes.js';
import { type Played, playedPool } from './played-pool.js';

const LATE = 10_000;
/** Two workers of the target that settle and go on. */
const green = (from: number, active = 1): Played[] =>
  ['n1', 'n2'].map((id) => ({ id, version: 'v2', reports: [from, LATE], active, start: from - 10 }));
const v1 = (id: string, more: Partial<Played> & Pick<Played, 'reports'>): Played => ({
  id,
  version: 'v1',
  start: -3_000,
  ...more,
});

describe('every worker that ran is accounted for', () => {
  it('not while all were silent, and not when the old ones did not come back', () => {
    const old = ['o1', 'o2'].map((id) => v1(id, { reports: [0, 1_500], active: 3 }));
    const pool = playedPool(...old, ...green(2_400).map((worker) => ({ ...worker, start: 1_810 })));
    // They vanished in the dark, before a start that is exact: nobody knows when.
    expect(pool.judge(3_002, { since: 1_800 })).toMatchObject({
      phase: 'unknown',
      checks: { dropped: { state: 'unknown' } },
    });
    expect(pool.judge(2_300, { since: 1_000 }).phase).toBe('unknown');
    expect(pool.judge(3_002, { since: 1_000 })).toMatchObject({ phase: 'dropped', dropped: { presumed: 6 } });
  });

  it('who vanished shortly before the first sighting of the target belongs to the deploy', () => {
    const killed = v1('o1', { reports: [0, 600], active: 2 });
    const verdict = playedPool(killed, ...green(700)).judge(1_002);
    expect(verdict).toMatchObject({ phase: 'dropped', dropped: { confirmed: 0, presumed: 2 } });
    expect(playedPool(killed, ...green(700)).judge(900)).toMatchObject({
      phase: 'draining',
      waitingFor: [{ id: 'o1', state: 'silent', sessions: 2 }],
    });
  });

  it('but nobody can know of one of whom nothing ever arrived', () => {
    const ghost = v1('ghost', { reports: [700, 900], active: 3, without: METRIC_KEYS });
    const left = v1('o1', { reports: [0, 600], goodbye: { at: 610 } });
    expect(playedPool(left, ghost, ...green(700)).judge(1_002).phase).toBe('complete');
  });

  it('but not who said goodbye then', () => {
    const left = v1('o1', { reports: [0, 600], active: 2, goodbye: { at: 610 } });
    expect(playedPool(left, ...green(700)).judge(1_002).phase).toBe('complete');
  });

  it('a crash loop is never complete between its tries, whatever the back-off', () => {
    const looper = (from: number): Played => ({
      id: `c-${from}`,
      version: 'v2',
      start: from - 5,
      reports: [from, from + 10],
      every: 10,
    });
    const pool = playedPool(...green(0), looper(1_215), looper(1_535), looper(1_855));
    for (let at = 1_266; at < 1_855 + 300; at += 1) {
      expect(pool.judge(at, { since: 0 }).phase, `at ${at}`).not.toBe('complete');
    }
    expect(pool.judge(1_865 + 361, { since: 0 }).phase).toBe('complete');
  });

  it('a silent worker of the target holds the deploy for 5 minutes from when it became silent', () => {
    const slow: Played = { id: 'n3', version: 'v2', start: -10, reports: [0, 990], every: 90 };
    const pool = playedPool(...green(0), slow);
    expect(pool.judge(990 + 300 + 359, { since: 0 }).phase).not.toBe('complete');
    expect(pool.judge(990 + 300 + 361, { since: 0 }).phase).toBe('complete');
  });

  it.each([
    ['beside another', green(605).slice(1)],
    ['alone', []],
  ])('an id that runs after its goodbye is contradictory, and never complete: %s', (_, others) => {
    const twice: Played[] = [
      { id: 'n1', version: 'v2', reports: [605, 885], goodbye: { at: 900 } },
      { id: 'n1', version: 'v2', reports: [915, LATE], start: 600 },
    ];
    const verdict = playedPool(...twice, ...others).judge(1_202);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.version.sentence).toContain(
      'n1 (v2) had another start, or runs after the goodbye: an id is used twice',
    );
  });

  it('a restarted worker with the id of one that said goodbye is not gone, and its sessions are left', () => {
    const pod = [
      v1('pod-0', { reports: [0, 590], goodbye: { at: 600 } }),
      v1('pod-0', { reports: [645, LATE], start: 640, active: 5 }),
    ];
    const verdict = playedPool(...pod, ...green(700)).judge(1_000);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.sessionsLeft).toBe(5);
  });

  it.each<[string, Played[]]>([
    [
      'that starts again with the id after it was killed',
      [
        v1('pod-0', { reports: [0, 600], active: 3 }),
        v1('pod-0', { reports: [605, 800], start: 602, goodbye: { at: 810 } }),
      ],
    ],
    [
      'that has the id of another at the same time',
      [
        v1('pod-0', { reports: [0, 600], active: 3 }),
        v1('pod-0', { reports: [7, 800], start: -2_999, goodbye: { at: 810 } }),
      ],
    ],
  ])('a worker %s hides none that was lost', (_, lives) => {
    const verdict = playedPool(...lives, ...green(500)).judge(1_400);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.dropped.sentence).toContain('pod-0 (v1) had another start');
  });

  it('a second life of an id stays contradictory after its own goodbye', () => {
    const pod = [
      v1('pod-0', { reports: [0, 590], goodbye: { at: 600 } }),
      v1('pod-0', { reports: [645, 900], start: 640, goodbye: { at: 910 } }),
    ];
    expect(playedPool(...pod, ...green(500)).judge(1_400).phase).toBe('unknown');
  });

  it('an old worker that vanished without sessions is named, and never accepted where that is asked for', () => {
    const cut = v1('o1', { reports: [0, 800] });
    const pool = playedPool(cut, ...green(700));
    expect(pool.judge(2_000)).toMatchObject({
      phase: 'complete',
      unaccounted: [{ id: 'o1', version: 'v1', state: 'silent', sessions: 0 }],
    });
    const strict = pool.judge(2_000, { strict: true });
    expect(strict).toMatchObject({ phase: 'unknown', checks: { version: { state: 'unknown' } } });
    expect(strict.checks.version.sentence).toContain('o1 (v1) vanished without a goodbye and may still run');
  });

  it('a worker whose telemetry is cut off in its drain may have dropped all, until its goodbye comes', () => {
    const cut = v1('o1', { reports: [12, 702], active: 5, draining: (at) => Number(at > 700) });
    const late = playedPool({ ...cut, goodbye: { at: 2_000 } }, ...green(600));
    for (const [at, phase] of [
      [800, 'draining'],
      [1_300, 'dropped'],
    ] as const) {
      expect(late.judge(at)).toMatchObject({ phase, dropped: { confirmed: 0, presumed: 5 } });
    }
    expect(late.judge(2_000)).toMatchObject({ phase: 'complete', dropped: { confirmed: 0, presumed: 0 } });
  });

  it('a worker of the target that vanished shortly before the start is held open', () => {
    const killed: Played = { id: 'n0', version: 'v2', reports: [0, 925], active: 2 };
    const pool = playedPool(killed, ...green(0));
    expect(pool.judge(1_200, { since: 1_000 }).phase).not.toBe('complete');
    expect(pool.judge(925 + 361, { since: 1_000 }).phase).toBe('complete');
  });

  it('nothing is complete before the window begins', () => {
    const verdict = playedPool(...green(0)).judge(1_000, { since: 1_020 });
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.version.sentence).toBe('Unknown: the window begins in 20 s.');
  });

  it('with a restart, a worker whose clock is ahead is no new one', () => {
    for (const ahead of [90, 3_600]) {
      const never: Played = { id: 'n3', version: 'v2', start: -100, reports: [0, LATE], ahead };
      const verdict = playedPool(never, ...green(605)).judge(1_500, { since: 600, restart: true });
      expect(verdict.phase, `${ahead} s ahead`).not.toBe('complete');
      expect(verdict.notes).toEqual(['The clock of n3 (v2) is ahead.']);
    }
  });
});

it('a worker that stalls for a moment is not silent, however often it reports', () => {
  const often = { every: 0.015 };
  const young = green(4).map((worker): Played => ({ ...worker, ...often, reports: [4, 12] }));
  const pool = playedPool(v1('o1', { reports: [0, 10], ...often }), ...young);
  for (const stalled of [0.15, 1.9]) {
    expect(pool.judge(10 + stalled, { since: 3 }), `for ${stalled} s`).toMatchObject({
      phase: 'rolling',
      silenceWindowSeconds: 2,
    });
  }
});

describe('a clock that is set back', () => {
  // No two reports are of one time, as copies would be.
  it.each([301, 610])('by %i s: the last arrival counts, and it is said', (seconds) => {
    const setBack = { ahead: (at: number) => (at < 700 ? 0 : -seconds) };
    const begin = (sessions: number) => (at: number) => (at < 700 ? 0 : sessions);
    const killed = v1('o1', { reports: [0, 900], active: begin(5), ...setBack });
    const verdict = playedPool(killed, ...green(600)).judge(1_300);
    expect(verdict).toMatchObject({ phase: 'dropped', dropped: { presumed: 5 } });
    expect(verdict.notes).toEqual([
      'The clock of o1 (v1) was set back: the order of its reports is that of their arrival.',
    ]);

    const leaves = { id: 'n3', version: 'v2', reports: [590, LATE], active: 2, draining: begin(1) } as const;
    const left = v1('o1', { reports: [0, 600], goodbye: { at: 610 } });
    expect(playedPool(left, ...green(600), { ...leaves, ...setBack }).judge(1_300)).toMatchObject({
      phase: 'draining',
      waitingFor: [{ id: 'n3', state: 'draining', sessions: 2 }],
    });
  });

  it('is not what late reports come from: a killed worker keeps its last one', () => {
    const killed = v1('o1', { reports: [0, 600], active: 5 });
    // Ten reports of 0 sessions from ten minutes ago, all at once.
    const ahead = (at: number) => (at < 900 ? 0 : 300 + 150 * (at - 900) - at);
    const backlog = v1('o1', { reports: [900, 901], every: 0.1, ahead });
    const verdict = playedPool(killed, backlog, ...green(700)).judge(1_300);
    expect(verdict).toMatchObject({ phase: 'dropped', dropped: { presumed: 5 }, notes: [] });
  });
});

describe('what is absent is unknown', () => {
  it.each([
    ['dropped', METRICS.dropped.name, 'dropped'],
    ['active', METRICS.active.name, 'drained'],
    ['draining', METRICS.draining.name, 'version'],
    ['running', METRICS.running.name, 'version'],
    ['startTime', METRICS.startTime.name, 'version'],
  ] as const)('a worker that never reports %s', (key, name, check) => {
    const filtered = v1('o1', {
      reports: [0, 900],
      active: 2,
      without: [key],
      goodbye: { at: 910, dropped: 2 },
    });
    for (const one of [filtered, { ...filtered, goodbye: undefined } as unknown as Played]) {
      const { phase, checks } = playedPool(one, ...green(700)).judge(1_400);
      expect(phase).toBe('unknown');
      expect(checks[check].sentence).toContain(name);
    }
  });

  it('a gauge of a living worker that comes no more', () => {
    const filtered: Played[] = [
      v1('o1', { reports: [0, 900], active: 4, draining: 1 }),
      v1('o1', { reports: [915, LATE], without: ['active'] }),
    ];
    const verdict = playedPool(...filtered, ...green(700)).judge(1_400);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.drained.sentence).toContain(METRICS.active.name);
  });

  it('a goodbye without the sessions it dropped', () => {
    const half = v1('o1', { reports: [0, 900], goodbye: { at: 910, dropped: 3 } });
    const cut: Played[] = [
      { ...half, goodbye: undefined } as unknown as Played,
      v1('o1', { reports: [1, 0], goodbye: { at: 910 }, without: ['dropped'] }),
    ];
    const verdict = playedPool(...cut, ...green(700)).judge(1_400);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.dropped.sentence).toContain(METRICS.dropped.name);
  });

  it('a goodbye that does not know what it dropped, of a worker whose pool told no sessions', () => {
    const blind: Played[] = [
      v1('o1', { reports: [0, 900], without: ['active'] }),
      v1('o1', { reports: [1, 0], goodbye: { at: 910 }, without: ['active', 'dropped'] }),
    ];
    const { phase, checks } = playedPool(...blind, ...green(700)).judge(1_400);
    expect(phase).toBe('unknown');
    expect(checks.drained.sentence).toContain(METRICS.active.name);
    expect(checks.dropped.sentence).toContain(METRICS.active.name);
    expect(checks.dropped.sentence).toContain(METRICS.dropped.name);
  });

  it('other pools are not invisible', () => {
    const blue = ['b1', 'b2'].map(
      (id): Played => ({ id, version: 'v1', pool: 'voice-blue', reports: [0, LATE], active: 2 }),
    );
    const verdict = playedPool(...blue, ...green(0)).judge(1_000, { since: 0 });
    expect(verdict.notes).toEqual(['Not judged here: 2 workers of voice-blue (v1) with 4 sessions.']);
  });
});

describe('words', () => {
  it('a leftover that comes up more than an hour after the cut-over is no newer version', () => {
    const old = v1('o1', { reports: [0, 4_500], goodbye: { at: 4_510 } });
    const leftover = v1('late', { reports: [8_515, LATE], start: 8_510 });
    const verdict = playedPool(old, ...green(4_205), leftover).judge(8_600);
    expect(verdict.phase).toBe('rolling');
    expect(verdict.leftovers).toMatchObject([{ id: 'late' }]);
  });

  it('a redeploy of a version that was rolled back waits for its first worker', () => {
    const before: Played = {
      id: 'x1',
      version: 'v2',
      reports: [0, 600],
      draining: (at) => Number(at > 500),
      goodbye: { at: 610 },
    };
    const pool = playedPool(before, v1('o1', { reports: [0, LATE] }));
    expect(pool.judge(2_000, { since: 1_900 }).phase).toBe('waiting');
  });
});

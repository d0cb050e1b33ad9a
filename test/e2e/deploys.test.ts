import { describe, expect, it } from 'vitest';
import { rowOf } from './support/first-row.js';
import {
  BETWEEN_STEPS,
  crashLoop,
  cutOff,
  END,
  green,
  halfGoodbyes,
  left,
  playedPrometheus,
  range,
  usedTwice,
  usePlayedPrometheus,
  v1,
  vague,
  type Written,
  ZERO,
} from './support/played-prometheus.js';
import { Prometheus } from './support/prometheus.js';

/** The time 0 of stories that take longer: each has a Prometheus of its own. */
const LONG_AGO = ZERO - 4 * 3_600_000;

const prometheus = usePlayedPrometheus();
const { played, playedFrom } = prometheus;

/** A story of more than an hour. */
async function longPlayed(...workers: readonly Written[]) {
  const own = await Prometheus.start();
  const story = await playedPrometheus(own.url, LONG_AGO, workers);
  return { ...story, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

describe('the dashboard is green where the deploy is done:', () => {
  it('a clean deploy, once it has settled, and as long as it stays so', async () => {
    const story = await played(left('o1', 1_000), left('o2', 1_010), ...green(700));
    expect(await story.phases(range(720, 1_000, 40))).toEqual(['notDone']);
    expect(await story.phases(range(1_020, END, 200))).toEqual(['done']);
    expect(await story.shown(1_200)).toEqual({
      phase: 'done',
      isOnTarget: true,
      left: 0,
      dropped: 0,
      presumed: 0,
    });
  });

  it('old workers that left shortly before the first of the target came', async () => {
    const story = await played(left('o1', 610), ...green(700));
    expect(await story.phases([1_002])).toEqual(['done']);
  });

  it.each([
    ['each 400 s', { every: 400 }],
    ['each 400 s, marked as stale between them', { every: 400, staleAfter: 60 }],
    ['each 15 s, marked as stale between them', { staleAfter: 7 }],
  ])('reports %s', async (_, more) => {
    const young = green(400).map((worker) => ({ ...worker, ...more }));
    const old = v1('o1', { reports: [0, 800], ...more, goodbye: { at: 820 } });
    for (const later of BETWEEN_STEPS) {
      const story = await playedFrom(later, old, ...young);
      expect(await story.phases(range(2_310, 2_720, 35), { expected: '2' })).toEqual(['done']);
    }
  });

  it('looked at an hour later, with a range that begins while both accepted', async () => {
    const end = 8_000;
    await using story = await longPlayed(v1('o1', { reports: [0, 4_500], goodbye: { at: 4_510 } }), {
      id: 'n1',
      version: 'v2',
      reports: [4_205, end],
      start: 4_200,
    });
    expect(await story.phases([7_952])).toEqual(['done']);
  });

  it('fewer workers than before, where it is said how many are expected', async () => {
    const old = ['o1', 'o2', 'o3'].map((id) => left(id, 1_000));
    const story = await played(...old, ...green(700));
    expect(await story.phases([2_000])).toEqual(['notDone']);
    expect(await story.phases([2_000], { expected: '2' })).toEqual(['done']);
    expect(await story.phases([2_000], { expected: '3' })).toEqual(['notDone']);
  });
});

describe('the dashboard is not green where it is not so:', () => {
  it('an outage in which the old workers vanished', async () => {
    const old = ['o1', 'o2'].map((id) => v1(id, { reports: [0, 1_500], active: 3 }));
    const story = await played(...old, ...green(2_400).map((worker) => ({ ...worker, start: 1_810 })));
    // It takes no start. They vanished in the lead of the target's first sighting: presumed dropped in this deploy. The
    // gate, which wants the start itself to be covered, knows nothing.
    expect(await story.shown(3_002)).toMatchObject({ phase: 'dropped', dropped: 0, presumed: 6 });
    expect(await story.judge(3_002)).toMatchObject({ phase: 'unknown', dropped: { presumed: 6 } });
    const late = await played(...old, ...green(2_400));
    expect((await late.shown(3_002)).phase).toBe('unknown');
  });

  it('a worker that was killed shortly before the first of the target came', async () => {
    const story = await played(v1('o1', { reports: [0, 600], active: 2 }), ...green(700));
    expect(await story.shown(1_002)).toMatchObject({ phase: 'notDone', presumed: 2 });
    expect(await story.shown(1_100)).toMatchObject({ phase: 'dropped', presumed: 2 });
  });

  it('a crash loop, at any moment between its tries', async () => {
    const story = await played(left('o1', 1_000), ...green(700), ...crashLoop(1_210));
    expect(await story.phases(range(1_215, 3_150, 25))).toEqual(['notDone']);
  });

  it('a crash loop of workers that report each 90 s', async () => {
    const slow: Written = { id: 'n3', version: 'v2', start: 695, reports: [700, 975], every: 90 };
    const story = await played(left('o1', 900), ...green(700), slow);
    expect(await story.phases([1_352, 970 + 300 + 355])).toEqual(['notDone']);
  });

  it.each([
    ['beside others', [left('o1', 700), ...green(605).slice(1)]],
    ['alone', []],
  ])('an id that runs after its goodbye, %s', async (_, others) => {
    const story = await played(...usedTwice, ...others);
    for (const moment of [1_202, 2_500]) {
      const { phase } = await story.shown(moment, { target: 'v2' });
      expect(phase).toBe('unknown');
      expect(phase).toBe(rowOf(await story.judge(moment)).phase);
    }
  });

  it.each([
    ['in the same series', {}],
    ['in other ones', { instance: 'next' }],
  ])('an id of one that said goodbye, used again %s', async (_, labels) => {
    const first = v1('pod-0', { reports: [0, 590], goodbye: { at: 600 } });
    const second = v1('pod-0', { reports: [645, 960], start: 640, active: 5, labels });
    const story = await played(first, second, ...green(700));
    // The second while it runs, and when it was killed.
    expect(await story.phases([970, 1_100, 1_700])).toEqual(['unknown']);
  });

  it.each<[string, Partial<Written> & Pick<Written, 'reports'>]>([
    ['again after it was killed', { reports: [605, 800], start: 602 }],
    ['by another at the same time', { reports: [7, 800], start: -2_999 }],
  ])('an id that is used %s', async (_, second) => {
    const killed = v1('pod-0', { reports: [0, 600], active: 3 });
    const story = await played(killed, v1('pod-0', { ...second, goodbye: { at: 810 } }), ...green(500));
    expect(await story.phases([1_400, 1_900])).toEqual(['unknown']);
    expect(await story.judge(1_400)).toMatchObject({ phase: 'unknown' });
  });

  it('a kill of more than an hour ago', async () => {
    const end = 9_000;
    await using story = await longPlayed(
      v1('o1', { reports: [0, 3_900], active: 4 }),
      ...['n1', 'n2'].map((id): Written => ({ id, version: 'v2', reports: [3_700, end], start: 3_690 })),
    );
    for (const rangeSeconds of [900, 3_600, 10_800]) {
      expect(await story.shown(8_940, { rangeSeconds })).toMatchObject({ phase: 'dropped', presumed: 4 });
    }
    expect(await story.judge(8_940)).toMatchObject({ phase: 'dropped', dropped: { presumed: 4 } });
  });

  it.each(['dropped', 'active', 'draining', 'running', 'startTime'] as const)(
    'a worker that never reports %s',
    async (key) => {
      const story = await played(v1('o1', { reports: [0, 900], active: 2, without: [key] }), ...green(700));
      const phases = await story.phases([850, 1_400]);
      expect(phases).toEqual(['unknown']);
    },
  );

  it.each([
    ['dropped', 'says goodbye', { goodbye: { at: 910, dropped: 2 } }],
    ['dropped', 'is killed', {}],
    ['active', 'says goodbye', { goodbye: { at: 910, dropped: 2 } }],
    ['active', 'is killed', {}],
  ] as const)('a pool that never reports %s, of which a worker %s', async (without, _, end) => {
    const pool = [v1('o1', { reports: [0, 900], active: 2, ...end }), ...green(700)];
    const story = await played(...pool.map((worker): Written => ({ ...worker, without: [without] })));
    expect(await story.phases([850, 1_400])).toEqual(['unknown']);
  });

  it('a worker whose telemetry is cut off in its drain, until its goodbye comes', async () => {
    const story = await played(...green(600), { ...cutOff('o1', 700, 5), goodbye: { at: 2_000 } });
    expect(await story.shown(800)).toMatchObject({ phase: 'notDone', presumed: 5 });
    expect(await story.shown(1_300)).toMatchObject({ phase: 'dropped', dropped: 0, presumed: 5 });
    expect(await story.phases([2_010])).toEqual(['done']);
  });

  it('sessions that were dropped, and are told in a goodbye that one of two replicas has', async () => {
    const copies = [{ replica: 'a' }, { replica: 'b' }].map((labels, index) =>
      v1('o1', { reports: [0, 900], active: 6, labels, ...(index && { goodbye: { at: 910, dropped: 6 } }) }),
    );
    const story = await played(...copies, ...green(700));
    for (const moment of [1_000, 1_400]) {
      expect(await story.shown(moment)).toMatchObject({ phase: 'dropped', dropped: 6, presumed: 0 });
      expect(await story.judge(moment)).toMatchObject({ dropped: { confirmed: 6, presumed: 0 } });
    }
  });

  it.each([60, 600])('a worker that is killed after it told no sessions for %d s', async (seconds) => {
    const story = await played(...vague(900, seconds), ...green(700));
    expect(await story.phases([900 + seconds + 130, 900 + seconds + 420])).toEqual(['unknown']);
  });

  it.each(['active', 'dropped'] as const)('only the half of a goodbye that tells %s', async (half) => {
    const killed = v1('o1', { reports: [0, 900], active: 5 });
    const story = await played(killed, halfGoodbyes[half], ...green(700));
    expect(await story.phases([1_000, 1_600])).toEqual(['unknown']);
    for (const moment of [1_000, 1_600]) expect((await story.judge(moment)).phase).toBe('unknown');
  });

  it('a worker that tells fewer sessions than none', async () => {
    const senseless = v1('o1', { reports: [0, 900], active: -1, goodbye: { at: 910 } });
    const story = await played(senseless, ...green(700));
    expect(await story.phases([850])).toEqual(['unknown']);
  });

  it('a gauge that comes no more', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], active: 4, draining: 1 }),
      v1('o1', { reports: [915, END], draining: 1, without: ['active'] }),
      ...green(700),
    );
    expect(await story.phases([1_400])).toEqual(['unknown']);
  });

  it('a goodbye without the sessions that it dropped', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900] }),
      v1('o1', { reports: [1, 0], goodbye: { at: 910, dropped: 3 }, without: ['dropped'] }),
      ...green(700),
    );
    expect(await story.phases([1_400])).toEqual(['unknown']);
  });

  it('an old worker without a session that is not heard of any more, for as long as it may come back', async () => {
    const story = await played(v1('o1', { reports: [0, 900] }), ...green(700));
    expect(await story.phases(range(960, 1_300, 30))).toEqual(['notDone']);
    expect(await story.phases([1_400])).toEqual(['done']);
    // It holds no deploy any more, and is still to be seen.
    expect(await story.states(1_400)).toMatchObject({ o1: 'silent 0' });
  });

  it('sessions that were dropped, and are told in a goodbye that comes late', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], active: 2, goodbye: { at: 1_800, dropped: 2 } }),
      ...green(700),
    );
    expect(await story.shown(1_500)).toMatchObject({ phase: 'dropped', dropped: 0, presumed: 2 });
    expect(await story.shown(2_000)).toMatchObject({ phase: 'dropped', dropped: 2, presumed: 0 });
  });

  it('one that was left over, over an hour after the cut-over', async () => {
    const end = 9_000;
    await using story = await longPlayed(
      left('o1', 700),
      { id: 'n1', version: 'v2', reports: [600, end], start: 595 },
      { id: 'o2', version: 'v1', reports: [5_000, end], start: 4_995 },
    );
    expect(await story.phases([4_900])).toEqual(['done']);
    expect(await story.phases([5_100, 8_000])).toEqual(['notDone']);
    expect(await story.judge(5_100)).toMatchObject({ phase: 'rolling', leftovers: [{ id: 'o2' }] });
  });

  it('a version that is deployed again after it was rolled back', async () => {
    const story = await played(
      { id: 'n1', version: 'v2', reports: [300, 900], start: 295, goodbye: { at: 910 } },
      v1('o1', { reports: [0, END] }),
    );
    expect(await story.phases([1_500])).toEqual(['notDone']);
    expect((await story.judge(1_500, { since: 1_400 })).phase).toBe('waiting');
  });

  it('a rollback to a version that ran long before the data begins', async () => {
    const pool = [
      v1('o1', { reports: [0, END] }),
      { id: 'n1', version: 'v2', reports: [700, 1_000], start: 690, goodbye: { at: 1_010 } } as const,
    ];
    const target = 'v1';
    const story = await played(...pool);
    expect(await story.shown(2_000, { target })).toMatchObject({ phase: 'unknown', dropped: undefined });
    expect((await story.judge(2_000, { target })).phase).toBe('unknown');
    const seen = await played(...pool.map((worker) => ({ ...worker, start: worker.reports[0] - 5 })));
    expect((await seen.shown(2_000, { target })).phase).toBe('done');
  });

  it('an old worker that drains with its sessions', async () => {
    const story = await played(v1('o1', { reports: [0, END], active: 2, draining: 1 }), ...green(700));
    expect(await story.phases([1_500])).toEqual(['notDone']);
  });
});

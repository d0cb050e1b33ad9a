import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PhaseName } from '../../examples/grafana/source/phases.js';
import {
  BETWEEN_STEPS,
  END,
  green,
  playedPrometheus,
  v1,
  type Written,
  ZERO,
} from './support/played-prometheus.js';
import { Prometheus } from './support/prometheus.js';

/** The time 0 of stories that take longer: each has a Prometheus of its own. */
const LONG_AGO = ZERO - 4 * 3_600_000;

let prometheus: Prometheus;
beforeAll(async () => {
  prometheus = await Prometheus.start();
});
afterAll(() => prometheus[Symbol.asyncDispose]());

const playedFrom = (later: number, ...workers: readonly Written[]) =>
  playedPrometheus(prometheus.url, ZERO + later * 1000, workers);
const played = (...workers: readonly Written[]) => playedFrom(0, ...workers);

/** A story of more than an hour. */
async function longPlayed(...workers: readonly Written[]) {
  const own = await Prometheus.start();
  const story = await playedPrometheus(own.url, LONG_AGO, workers);
  return { ...story, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** Leaves as it should. */
const left = (id: string, at: number, more: Partial<Written> = {}): Written =>
  v1(id, { reports: [0, at - 15], goodbye: { at }, ...more });

const range = (from: number, to: number, step: number) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

type Story = Pick<Awaited<ReturnType<typeof playedPrometheus>>, 'shown' | 'judge'>;
type Chosen = { readonly expected?: string; readonly more?: string };

/** What the dashboard's verdict is at each of these moments; where it is done, the gate says so too. */
async function phasesOf(story: Story, moments: readonly number[], chosen: Chosen = {}): Promise<PhaseName[]> {
  const phases = new Set<PhaseName>();
  const { expected, more: matchers } = chosen;
  const asked = { ...(expected && { expected: Number(expected) }), ...(matchers && { matchers }) };
  for (const moment of moments) {
    const { phase } = await story.shown(moment, { target: 'v2', ...chosen });
    phases.add(phase);
    if (phase === 'done') expect((await story.judge(moment, asked)).phase, `at ${moment}`).toBe('complete');
  }
  return [...phases];
}

describe('the dashboard is green where the deploy is done:', () => {
  it('a clean deploy, once it has settled, and as long as it stays so', async () => {
    const story = await played(left('o1', 1_000), left('o2', 1_010), ...green(700));
    expect(await phasesOf(story, range(720, 1_000, 40))).toEqual(['notDone']);
    expect(await phasesOf(story, range(1_020, END, 200))).toEqual(['done']);
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
    expect(await phasesOf(story, [1_002])).toEqual(['done']);
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
      expect(await phasesOf(story, range(2_310, 2_720, 35), { expected: '2' })).toEqual(['done']);
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
    expect(await phasesOf(story, [7_952])).toEqual(['done']);
  });

  it('fewer workers than before, where it is said how many are expected', async () => {
    const old = ['o1', 'o2', 'o3'].map((id) => left(id, 1_000));
    const story = await played(...old, ...green(700));
    expect(await phasesOf(story, [2_000])).toEqual(['notDone']);
    expect(await phasesOf(story, [2_000], { expected: '2' })).toEqual(['done']);
    expect(await phasesOf(story, [2_000], { expected: '3' })).toEqual(['notDone']);
  });
});

describe('the dashboard is not green where it is not so:', () => {
  it('an outage in which the old workers vanished', async () => {
    const old = ['o1', 'o2'].map((id) => v1(id, { reports: [0, 1_500], active: 3 }));
    const story = await played(...old, ...green(2_400).map((worker) => ({ ...worker, start: 1_810 })));
    expect(await story.shown(3_002)).toMatchObject({ phase: 'dropped', presumed: 6 });
    const late = await played(...old, ...green(2_400));
    expect((await late.shown(3_002)).phase).toBe('unknown');
  });

  it('a worker that was killed shortly before the first of the target came', async () => {
    const story = await played(v1('o1', { reports: [0, 600], active: 2 }), ...green(700));
    expect(await story.shown(1_002)).toMatchObject({ phase: 'notDone', presumed: 2 });
    expect(await story.shown(1_100)).toMatchObject({ phase: 'dropped', presumed: 2 });
  });

  it('a crash loop, at any moment between its tries', async () => {
    const tries = range(0, 6, 1).map(
      (n): Written => ({
        id: `c${n}`,
        version: 'v2',
        start: 1_210 + n * 320,
        reports: [1_215 + n * 320, 1_225 + n * 320],
        every: 10,
      }),
    );
    const story = await played(left('o1', 1_000), ...green(700), ...tries);
    expect(await phasesOf(story, range(1_215, 3_150, 25))).toEqual(['notDone']);
  });

  it('a crash loop of workers that report each 90 s', async () => {
    const slow: Written = { id: 'n3', version: 'v2', start: 695, reports: [700, 975], every: 90 };
    const story = await played(left('o1', 900), ...green(700), slow);
    expect(await phasesOf(story, [1_352, 970 + 300 + 355])).toEqual(['notDone']);
  });

  it('an id that runs after its goodbye', async () => {
    const story = await played(
      left('o1', 700),
      { id: 'n1', version: 'v2', reports: [605, 885], start: 600, goodbye: { at: 900 } },
      { id: 'n1', version: 'v2', reports: [915, END], start: 600 },
      { id: 'n2', version: 'v2', reports: [605, END], start: 600 },
    );
    expect(await phasesOf(story, [1_202, 2_500])).toEqual(['unknown']);
  });

  it.each([
    ['in the same series', {}],
    ['in other ones', { instance: 'next' }],
  ])('an id of one that said goodbye, used again %s', async (_, labels) => {
    const first = v1('pod-0', { reports: [0, 590], goodbye: { at: 600 } });
    const second = v1('pod-0', { reports: [645, 960], start: 640, active: 5, labels });
    const story = await played(first, second, ...green(700));
    // The second while it runs, and when it was killed.
    expect(await phasesOf(story, [970, 1_100, 1_700])).toEqual(['unknown']);
  });

  it.each<[string, Partial<Written> & Pick<Written, 'reports'>]>([
    ['again after it was killed', { reports: [605, 800], start: 602 }],
    ['by another at the same time', { reports: [7, 800], start: -2_999 }],
  ])('an id that is used %s', async (_, second) => {
    const killed = v1('pod-0', { reports: [0, 600], active: 3 });
    const story = await played(killed, v1('pod-0', { ...second, goodbye: { at: 810 } }), ...green(500));
    expect(await phasesOf(story, [1_400, 1_900])).toEqual(['unknown']);
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
  });

  it.each(['dropped', 'active', 'draining', 'running'] as const)(
    'a worker that never reports %s',
    async (key) => {
      const story = await played(v1('o1', { reports: [0, 900], active: 2, without: [key] }), ...green(700));
      const phases = await phasesOf(story, [850, 1_400]);
      expect(phases).toEqual(['unknown']);
    },
  );

  it('a gauge that comes no more', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], active: 4, draining: 1 }),
      v1('o1', { reports: [915, END], draining: 1, without: ['active'] }),
      ...green(700),
    );
    expect(await phasesOf(story, [1_400])).toEqual(['unknown']);
  });

  it('a goodbye without the sessions that it dropped', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900] }),
      v1('o1', { reports: [1, 0], goodbye: { at: 910, dropped: 3 }, without: ['dropped'] }),
      ...green(700),
    );
    expect(await phasesOf(story, [1_400])).toEqual(['unknown']);
  });

  it('an old worker without a session that is not heard of any more, for as long as it may come back', async () => {
    const story = await played(v1('o1', { reports: [0, 900] }), ...green(700));
    expect(await phasesOf(story, range(960, 1_300, 30))).toEqual(['notDone']);
    expect(await phasesOf(story, [1_400])).toEqual(['done']);
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
    expect(await phasesOf(story, [4_900])).toEqual(['done']);
    expect(await phasesOf(story, [5_100, 8_000])).toEqual(['notDone']);
  });

  it('a version that is deployed again after it was rolled back', async () => {
    const story = await played(
      { id: 'n1', version: 'v2', reports: [300, 900], start: 295, goodbye: { at: 910 } },
      v1('o1', { reports: [0, END] }),
    );
    expect(await phasesOf(story, [1_500])).toEqual(['notDone']);
  });

  it('an old worker that drains with its sessions', async () => {
    const story = await played(v1('o1', { reports: [0, END], active: 2, draining: 1 }), ...green(700));
    expect(await phasesOf(story, [1_500])).toEqual(['notDone']);
  });
});

it('who holds the deploy is named, with the sessions', async () => {
  const story = await played(
    v1('o1', { reports: [0, 1_485], active: 2, draining: (at) => Number(at > 800), goodbye: { at: 1_500 } }),
    v1('o2', { reports: [0, 900], active: 3 }),
    v1('o3', { reports: [0, 885], goodbye: { at: 900 } }),
    ...green(700),
  );
  const target = 'v2';
  expect(await story.held(735, { target })).toEqual({ n1: 1, n2: 1, o1: 2, o2: 3, o3: 0 });
  expect(await story.held(1_100, { target })).toEqual({ o1: 2, o2: 3 });
  expect(await story.held(1_600, { target })).toEqual({});
  expect(await story.shown(1_600, { target, expected: '2' })).toMatchObject({
    phase: 'dropped',
    presumed: 3,
  });
});

describe('no deploy is neutral:', () => {
  it('a new version that never reports', async () => {
    const story = await played(v1('o1', { reports: [0, END] }), v1('o2', { reports: [0, END] }));
    expect((await story.shown(2_000)).phase).toBe('noDeploy');
    expect((await story.shown(2_000, { target: 'v1' })).phase).toBe('noDeploy');
  });
});

it('the target follows the newest version, unless another one is chosen', async () => {
  const story = await played(left('o1', 1_000), ...green(700));
  expect((await story.shown(600)).phase).toBe('noDeploy');
  expect((await story.shown(800)).phase).toBe('notDone');
  expect((await story.shown(1_400)).phase).toBe('done');
  expect((await story.shown(1_400, { target: 'v1' })).phase).toBe('notDone');
});

it('more matchers cut out', async () => {
  const there = { labels: { cluster: 'us' } };
  const story = await played(
    { ...left('o1', 1_000), labels: { cluster: 'eu' } },
    ...green(700).map((worker) => ({ ...worker, labels: { cluster: 'eu' } })),
    v1('o2', { reports: [0, END], ...there }),
  );
  expect(await phasesOf(story, [1_400])).toEqual(['notDone']);
  expect(await phasesOf(story, [1_400], { more: 'cluster="eu"' })).toEqual(['done']);
});

it('losses from before the first data are not counted', async () => {
  const story = await played(left('o1', 1_000), ...green(700), {
    ...v1('o3', { reports: [800, 1_000], dropped: 3, goodbye: { at: 1_010, dropped: 3 } }),
    start: -50_000,
  });
  expect((await story.shown(1_400, { target: 'v2' })).dropped ?? 0).toBe(0);
});

it('nothing is told where nobody reports', async () => {
  const story = await played(left('o1', 1_000), ...green(700, { end: 2_000 }));
  for (const moment of [2_100, 3_000]) {
    expect(await story.shown(moment, { target: 'v2' })).toEqual({
      phase: 'unknown',
      isOnTarget: false,
      left: undefined,
      dropped: undefined,
      presumed: undefined,
    });
  }
});

import { describe, expect, it } from 'vitest';
import { REASONS } from '../../examples/grafana/source/rows/holding.js';
import { FIRST_ROW, greensOf, rowOf } from './support/first-row.js';
import { secondsUntil } from './support/holding.js';
import {
  END,
  green,
  left,
  range,
  usePlayedPrometheus,
  v1,
  type Written,
  ZERO,
} from './support/played-prometheus.js';

const { played } = usePlayedPrometheus();

/** What stands above the numbers of a panel. */
async function captionsOf(
  story: Awaited<ReturnType<typeof played>>,
  title: string,
  moment: number,
  shown: object = {},
): Promise<string[]> {
  const views = await story.panels(moment, { target: 'v2', ...shown });
  return views
    .filter(({ panel }) => panel.title === title)
    .flatMap(({ rows }) => rows.flat().map(({ name }) => name));
}

it('who holds the deploy is named, with the sessions', async () => {
  const story = await played(
    v1('o1', { reports: [0, 1_485], active: 2, draining: (at) => Number(at > 800), goodbye: { at: 1_500 } }),
    v1('o2', { reports: [0, 900], active: 3 }),
    v1('o3', { reports: [0, 885], goodbye: { at: 900 } }),
    ...green(700),
  );
  const target = 'v2';
  expect(await story.held(735, { target })).toEqual({
    n1: 'accepting 1',
    n2: 'accepting 1',
    o1: 'accepting 2',
    o2: 'accepting 3',
    o3: 'accepting 0',
  });
  expect(await story.held(1_100, { target })).toEqual({
    o1: 'draining 2',
    o2: 'silent 3, dropped 3',
  });
  // It is named for as long as its loss is counted.
  expect(await story.held(1_600, { target })).toEqual({ o2: 'silent , dropped 3' });
  expect(await story.shown(1_600, { target, expected: '2' })).toMatchObject({
    phase: 'dropped',
    presumed: 3,
  });
});

it('where no worker holds the deploy, it is said why', async () => {
  const story = await played(left('o1', 1_000), ...green(700, { end: 2_000 }));
  const said = async (moment: number, shown = {}) => [
    await story.held(moment, shown),
    await story.lastEnd(moment, shown),
  ];
  const target = 'v2';
  expect(await said(1_400, { target })).toEqual([{ Workers: REASONS.done.text }, { none: 'None left' }]);
  expect(await said(1_400, { target, expected: '3' })).toEqual([{ Workers: REASONS.tooFew.text }, {}]);
  expect(await said(600)).toEqual([{ Workers: REASONS.noDeploy.text }, { none: 'No deploy' }]);
  // All are silent for long: nothing is known.
  expect(await said(2_600, { target })).toEqual([{}, {}]);
});

it('a loss that can not be dated: nobody says that nothing holds the deploy', async () => {
  const lost = { start: -50_000, dropped: 3, goodbye: { at: 1_010, dropped: 3 } };
  const story = await played(left('o1', 1_000), ...green(700), v1('o3', { reports: [800, 995], ...lost }));
  expect(await story.held(1_400, { target: 'v2' })).toEqual({});
  expect(await story.lastEnd(1_400, { target: 'v2' })).toEqual({});
});

it('each worker that dropped sessions is named, gone or not', async () => {
  const [n1, n2] = green(700) as [Written, Written];
  const story = await played(
    left('o1', 1_000, { goodbye: { at: 1_000, dropped: 4 } }),
    left('o2', 1_000),
    { ...n1, dropped: (at) => Number(at > 1_100) },
    n2,
  );
  expect(await story.held(1_050, { target: 'v2' })).toEqual({ o1: 'exited , dropped 4' });
  expect(await story.held(1_400, { target: 'v2' })).toEqual({
    n1: 'accepting , dropped 1',
    o1: 'exited , dropped 4',
  });
});

it('how many workers have the sessions that are left is said', async () => {
  const story = await played(
    ...['o1', 'o2'].map((id) => left(id, 1_000, { active: (at) => (at < 900 || id === 'o1' ? 3 : 0) })),
    ...green(700),
  );
  expect(await captionsOf(story, 'Sessions left on old workers', 850)).toEqual(['on 2 of them']);
  expect(await captionsOf(story, 'Sessions left on old workers', 950)).toEqual(['on 1 of them']);
  expect(await captionsOf(story, 'Sessions left on old workers', 1_400)).toEqual(['on none of them']);
});

it('how many workers are expected is a question, where nobody said it', async () => {
  const story = await played(left('o1', 1_000), ...green(700));
  const captions = (shown: object) => captionsOf(story, 'Every worker on the target', 1_400, shown);
  expect(await captions({})).toEqual(['2 of 2, 1 expected?']);
  expect(await captions({ expected: '3' })).toEqual(['2 of 2, 3 expected']);
});

it('long ids are told apart by their ends, the version is last', async () => {
  const id = '2d437c50-61f4-499e-abf4-376c8fc8e69e';
  const story = await played(
    v1(id, { reports: [0, 1_000] }),
    v1('voice-7b8d5f-x2x9z', { reports: [0, 1_000] }),
  );
  const views = await story.panels(900);
  const lines = views.find(({ panel }) => panel.type === 'state-timeline')?.rows.flat() ?? [];
  expect(lines.map(({ name }) => name)).toEqual(['…376c8fc8e69e v1', 'voice-7b8d5f-x2x9z v1']);
});

it('a killed worker is named where all else is done', async () => {
  const story = await played(v1('o2', { reports: [0, 900], active: 3 }), left('o1', 900), ...green(700));
  for (const moment of [970, 1_200]) {
    expect(await story.held(moment, { target: 'v2' })).toEqual({ o2: 'silent 3, dropped 3' });
    expect((await story.shown(moment, { target: 'v2' })).phase).toBe('notDone');
    expect(await story.judge(moment)).toMatchObject({
      phase: 'draining',
      waitingFor: [{ id: 'o2', state: 'silent', sessions: 3 }],
    });
  }
});

it('when the last of calls of all lengths ends is guessed, and never soon', async () => {
  const mean = 300;
  const begin = 800;
  const active = (at: number) => (at <= begin ? 60 : Math.round(60 * Math.exp(-(at - begin) / mean)));
  const drain = {
    draining: (at: number) => Number(at > begin),
    drainElapsed: (at: number) => Math.max(0, at - begin),
  };
  const old = v1('o1', { reports: [0, 2_400], active, ...drain });
  const story = await played(old, ...green(700));
  // Of so many calls the last one ends so late, as a rule.
  const end = begin + mean * (Math.log(60) + 0.58);
  for (const moment of [1_000, 1_200, 1_500]) {
    const left = secondsUntil((await story.lastEnd(moment)).about, ZERO + moment * 1_000);
    expect(left, `at ${moment}`).toBeGreaterThan((end - moment) / 2);
    expect(left, `at ${moment}`).toBeLessThan((end - moment) * 2);
    const { timeLeftSeconds } = await story.judge(moment);
    expect(timeLeftSeconds, `the gate at ${moment}`).toBeGreaterThan((end - moment) / 2);
    expect(timeLeftSeconds, `the gate at ${moment}`).toBeLessThan((end - moment) * 2);
  }
});

it.each<[string, Partial<Written>, object]>([
  ['the last drain timeout', { drainTimeout: 1_200 }, { latest: 2_000 }],
  ['none where one has no drain timeout', {}, {}],
  ['none where one is past it, but since when', { drainTimeout: 60 }, { late: 860 }],
])('the latest end of the last session: %s', async (_, more, expected) => {
  const drain = {
    draining: (at: number) => Number(at > 800),
    drainElapsed: (at: number) => Math.max(0, at - 800),
  };
  const old = { reports: [0, END] as const, active: 2, ...drain };
  const story = await played(
    v1('o1', { ...old, drainTimeout: 600 }),
    v1('o2', { ...old, ...more }),
    ...green(700),
  );
  expect(await story.lastEnd(1_000)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([name, at]) => [name, story.clock(at)])),
  );
  // A drain is blue, and orange when it is late.
  expect(await story.held(1_000)).toMatchObject({ o2: 'late' in expected ? 'late 2' : 'draining 2' });
  const { timeLeftAtMostSeconds } = await story.judge(1_000);
  expect(timeLeftAtMostSeconds === undefined).toBe(!('latest' in expected));
});

it('one worker of thousands is missing, and the share on the target is not 1', async () => {
  const workers = 2_000;
  const pool = range(1, workers - 1, 1).map(
    (n): Written => ({ id: `n${n}`, version: 'v2', reports: [700, 820], start: 695 }),
  );
  const story = await played(left('o1', 760), ...pool);
  const shown = { target: 'v2', expected: String(workers) };
  expect(await story.share(830, shown)).toBe('99.9%');
  expect((await story.shown(830, shown)).isOnTarget).toBe(false);
  expect(await story.share(830, { ...shown, expected: String(workers - 1) })).toBe('100%');
});

it('names with and without units, of one worker and of others: all is shown', async () => {
  const [n1, n2] = green(700) as [Written, Written];
  const both = { hasBothNames: true } as const;
  const draining = (at: number) => Number(at > 800);
  const old = v1('o1', { reports: [0, 985], goodbye: { at: 1_000 }, active: 2, draining });
  for (const workers of [
    [{ ...old, ...both }, n1, n2],
    [old, { ...n1, ...both }, n2],
  ]) {
    const story = await played(...workers);
    expect(await story.phases([900])).toEqual(['notDone']);
    expect(await story.phases([1_100, 1_400])).toEqual(['done']);
    expect(await story.held(900, { target: 'v2' })).toEqual({ o1: 'draining 2' });
    for (const moment of [900, 1_400]) await story.panels(moment);
    expect((await story.judge(1_400)).phase).toBe('complete');
  }
});

describe('no deploy is neutral:', () => {
  it('a new version that never reports', async () => {
    const story = await played(v1('o1', { reports: [0, END] }), v1('o2', { reports: [0, END] }));
    expect((await story.shown(2_000)).phase).toBe('noDeploy');
    for (const target of ['v1', 'v2']) {
      const row = await story.shown(2_000, { target });
      expect(row.phase, target).toBe('noDeploy');
      expect(greensOf(row), target).toEqual([]);
    }
    // Nothing beside it speaks as if there were one.
    const first = (await story.panels(2_000)).filter(({ panel }) => FIRST_ROW.some((one) => one === panel));
    const captions = first.flatMap(({ rows }) => rows.flat().map(({ name }) => name));
    expect(captions).toEqual(['', 'one version', 'one version', 'one version']);
    expect((await story.judge(2_000)).phase).toBe('waiting');
  });

  it('and losses are told', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], active: 2 }),
      v1('o2', { reports: [0, END], dropped: (at) => Number(at > 600) }),
    );
    const row = { phase: 'noDeploy', isOnTarget: false, left: undefined };
    expect(await story.shown(1_000)).toEqual({ ...row, dropped: 1, presumed: 2 });
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
  expect(await story.phases([1_400])).toEqual(['notDone']);
  expect(await story.phases([1_400], { more: 'cluster="eu"' })).toEqual(['done']);
});

it.each([
  ['are not counted', 300, { phase: 'done', dropped: 0 }],
  ['can not be dated where it was first seen in the deploy', 800, { phase: 'unknown', dropped: undefined }],
])('losses from before the first data of a worker %s', async (_, from, row) => {
  const lost = { start: -50_000, dropped: 3, goodbye: { at: 1_010, dropped: 3 } };
  const story = await played(left('o1', 1_000), ...green(700), v1('o3', { reports: [from, 995], ...lost }));
  expect(await story.shown(1_400, { target: 'v2' })).toMatchObject(row);
  expect(rowOf(await story.judge(1_400))).toMatchObject(row);
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

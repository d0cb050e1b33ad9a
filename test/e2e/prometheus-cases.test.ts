import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/attributes.js';
import { prometheusSource } from '../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../src/deploy/verdict/assess.js';
import { read } from '../support/markdown.js';
import {
  BETWEEN_STEPS,
  crashLoop,
  cutOff,
  END,
  green,
  playedPrometheus,
  range,
  usedTwice,
  usePlayedPrometheus,
  v1,
  vague,
  type Written,
  ZERO,
} from './support/played-prometheus.js';
import { remoteWrite } from './support/remote-write.js';

const prometheus = usePlayedPrometheus();
const { played, playedFrom } = prometheus;

describe('every worker that ran is accounted for, in a Prometheus', () => {
  it('not while all were silent, and not when the old ones did not come back', async () => {
    const old = ['o1', 'o2'].map((id) => v1(id, { reports: [0, 1_500], active: 3 }));
    const story = await played(...old, ...green(2_400).map((worker) => ({ ...worker, start: 1_810 })));
    // They vanished in the dark, before a start that is exact: nobody knows when.
    expect(await story.judge(3_002, { since: 1_800 })).toMatchObject({
      phase: 'unknown',
      checks: { dropped: { state: 'unknown' } },
    });
    // By default they belong to the deploy, of which the beginning is not covered.
    expect(await story.judge(3_002)).toMatchObject({ phase: 'unknown', dropped: { presumed: 6 } });
    expect(await story.judge(3_002, { since: 1_000 })).toMatchObject({
      phase: 'dropped',
      dropped: { presumed: 6 },
    });
  });

  it('who vanished shortly before the first sighting of the target belongs to the deploy', async () => {
    const story = await played(v1('o1', { reports: [0, 600], active: 2 }), ...green(700));
    expect(await story.judge(900)).toMatchObject({
      phase: 'draining',
      waitingFor: [{ id: 'o1', state: 'silent', sessions: 2 }],
    });
    expect(await story.judge(1_002)).toMatchObject({ phase: 'dropped', dropped: { presumed: 2 } });
  });

  it('but not who said goodbye then', async () => {
    const story = await played(
      v1('o1', { reports: [0, 600], active: 2, goodbye: { at: 610 } }),
      ...green(700),
    );
    expect((await story.judge(1_002)).phase).toBe('complete');
  });

  it('a crash loop is never complete between its tries', async () => {
    const story = await played(...green(700), ...crashLoop(1_210));
    // From when the first is known to be silent.
    for (const at of range(1_290, 3_150, 25)) {
      expect((await story.judge(at, { since: 700 })).phase, `at ${at}`).not.toBe('complete');
    }
  });

  it('a crash loop with slow reports is not over before five minutes and a silence window', async () => {
    const slow: Written = { id: 'n3', version: 'v2', start: -10, reports: [0, 990], every: 90 };
    const story = await played(...green(0), slow);
    expect((await story.judge(1_352, { since: 0, expected: 2 })).phase).not.toBe('complete');
    expect((await story.judge(990 + 300 + 359, { since: 0, expected: 2 })).phase).not.toBe('complete');
    expect((await story.judge(990 + 300 + 361, { since: 0, expected: 2 })).phase).toBe('complete');
  });

  it.each([
    ['beside another', green(605).slice(1)],
    ['alone', []],
  ])('an id that runs after its goodbye is contradictory, and never complete: %s', async (_, others) => {
    const story = await played(...usedTwice, ...others);
    const verdict = await story.judge(1_202);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.version.sentence).toContain('n1 (v2) had another start, or runs after the goodbye');
  });

  it.each([
    ['in the same series', {}],
    ['in other ones', { instance: 'next' }],
  ])('an id of one that said goodbye, used again %s, has its sessions left', async (_, labels) => {
    const first = v1('pod-0', { reports: [0, 590], goodbye: { at: 600 } });
    const second = v1('pod-0', { reports: [645, 960], start: 640, active: 5, labels });
    const story = await played(first, second, ...green(700));
    expect(await story.judge(970)).toMatchObject({ phase: 'unknown', sessionsLeft: 5 });
    // Killed, and so silent: not gone as the first one was.
    expect(await story.judge(1_500)).toMatchObject({ phase: 'unknown', dropped: { presumed: 5 } });
  });

  it('a worker of the target that vanished shortly before the start is held open', async () => {
    const killed: Written = { id: 'n0', version: 'v2', start: -10, reports: [0, 925], active: 2 };
    const story = await played(killed, ...green(0));
    expect((await story.judge(1_200, { since: 1_000 })).phase).not.toBe('complete');
    expect((await story.judge(925 + 361, { since: 1_000 })).phase).toBe('complete');
  });

  it('an old worker that vanished without sessions is named, and never accepted where that is asked for', async () => {
    const story = await played(v1('o1', { reports: [0, 900] }), ...green(700));
    const unaccounted = [{ id: 'o1', state: 'silent', sessions: 0 }];
    expect(await story.judge(1_400)).toMatchObject({ phase: 'complete', unaccounted });
    expect(await story.judge(1_400, { strict: true })).toMatchObject({ phase: 'unknown', unaccounted });
  });

  it('a worker whose telemetry is cut off in its drain may have dropped all, until its goodbye comes', async () => {
    const story = await played(...green(600), {
      ...cutOff('o1', 700, 5),
      goodbye: { at: 2_000 },
    });
    for (const [at, phase] of [
      [800, 'draining'],
      [1_300, 'dropped'],
    ] as const) {
      expect(await story.judge(at)).toMatchObject({ phase, dropped: { confirmed: 0, presumed: 5 } });
    }
    expect(await story.judge(2_010)).toMatchObject({
      phase: 'complete',
      dropped: { confirmed: 0, presumed: 0 },
    });
  });

  // Times of samples are all that a Prometheus has: what was made after the step back is older than what came before.
  it('a worker whose clock was set back is not heard any more, and named', async () => {
    const setBack = { ahead: (at: number) => (at < 700 ? 0 : -305) };
    const killed = v1('o1', { reports: [0, 900], active: (at) => (at < 700 ? 0 : 5), ...setBack });
    const old = await played(killed, ...green(600));
    expect(await old.judge(1_300)).toMatchObject({ unaccounted: [{ id: 'o1' }] });
    expect((await old.judge(1_300, { strict: true })).phase).toBe('unknown');

    const draining = (at: number) => Number(at > 700);
    const leaves: Written = {
      id: 'n3',
      version: 'v2',
      reports: [590, 1_000],
      active: 2,
      draining,
      ...setBack,
    };
    const young = await played(...green(600), leaves);
    expect(await young.judge(1_000)).toMatchObject({
      waitingFor: [{ id: 'n3', state: 'silent', sessions: 2 }],
    });
    expect((await young.judge(1_000)).phase).not.toBe('complete');
  });

  it('other pools, and what matchers cut out, are not invisible', async () => {
    const blue = ['b1', 'b2'].map(
      (id): Written => ({ ...v1(id, { reports: [0, END], active: 2 }), pool: 'blue' }),
    );
    const [n1, n2] = green(0);
    const there = { cluster: 'us' };
    const story = await played(
      ...blue,
      { ...(n1 as Written), labels: { cluster: 'eu' } },
      { ...(n2 as Written), labels: there },
      { ...v1('o1', { reports: [0, 900], active: 3, goodbye: { at: 910 } }), labels: there },
    );
    const { notes } = await story.judge(1_000, { since: 0 });
    expect(notes).toContain(`Not judged here: 2 workers of ${story.pool}-blue (v1) with 4 sessions.`);
    const cut = await story.judge(800, { since: 0, matchers: 'cluster="eu"' });
    expect(cut.workers.running).toBe(1);
    expect(cut.notes).toEqual(
      expect.arrayContaining([
        `Not judged here: 2 workers of ${story.pool}-blue (v1) with 4 sessions.`,
        `Not judged here: 1 worker of ${story.pool} (v2) with 1 session.`,
        `Not judged here: 1 worker of ${story.pool} (v1) with 3 sessions.`,
      ]),
    );
    expect(cut.notes.join()).not.toContain(`of ${story.pool} (v2) with 2`);
  });
});

describe('what is absent in a Prometheus is unknown', () => {
  it.each(['dropped', 'active', 'draining', 'running', 'startTime'] as const)(
    'of a worker that never reports %s',
    async (key) => {
      const filtered = v1('o1', { reports: [0, 900], active: 2, without: [key] });
      const story = await played(filtered, ...green(700));
      const { name } = METRICS[key];
      for (const moment of [850, 1_400]) {
        const { workers } = await story.read(moment);
        expect(workers.find(({ id }) => id === 'o1')?.missing, `at ${moment}`).toEqual([name]);
        expect((await story.judge(moment)).phase).toBe('unknown');
      }
    },
  );

  describe.each([
    ['says goodbye', { goodbye: { at: 910, dropped: 2 } }],
    ['is killed', {}],
  ])('of a whole pool of which a worker %s, and that never reports', (_, end) => {
    it.each([
      ['dropped', 'dropped'],
      ['active', 'drained'],
    ] as const)('%s', async (without, check) => {
      const left = v1('o1', { reports: [0, 900], active: 2, ...end });
      const pool = [left, ...green(700)].map((worker) => ({ ...worker, without: [without] }));
      const { phase, checks } = await (await played(...pool)).judge(1_400);
      expect(phase).toBe('unknown');
      expect(checks[check].sentence).toContain(METRICS[without].name);
    });
  });

  it.each([60, 300, 600])(
    'of a worker that is killed after it told no sessions for %d s',
    async (seconds) => {
      const story = await played(...vague(900, seconds), ...green(700));
      for (const after of [5, 130, 420]) {
        const { phase, checks } = await story.judge(900 + seconds + after, { since: 690 });
        expect(phase, `after ${after} s`).toBe('unknown');
        expect(checks.drained.sentence).toContain(METRICS.active.name);
      }
    },
  );

  it.each([-1, 0.5])('of a worker that tells %d sessions', async (active) => {
    const senseless = v1('o1', { reports: [0, END], active, draining: 1 });
    const { phase, checks } = await (await played(senseless, ...green(700))).judge(1_400);
    expect(phase).toBe('unknown');
    expect(checks.drained.sentence).toContain(METRICS.active.name);
  });

  it('of a gauge that comes no more', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], active: 4, draining: 1 }),
      v1('o1', { reports: [915, END], draining: 1, without: ['active'] }),
      ...green(700),
    );
    const verdict = await story.judge(1_400);
    expect(verdict.phase).toBe('unknown');
    expect(verdict.checks.drained.sentence).toContain(METRICS.active.name);
  });

  it('of a goodbye that does not know what it dropped, of a worker whose pool told no sessions', async () => {
    const story = await played(
      v1('o1', { reports: [0, 900], without: ['active'] }),
      v1('o1', { reports: [1, 0], goodbye: { at: 910 }, without: ['active', 'dropped'] }),
      ...green(700),
    );
    const { phase, checks } = await story.judge(1_400);
    expect(phase).toBe('unknown');
    expect(checks.dropped.sentence).toContain(METRICS.dropped.name);
  });

  it('of a goodbye without the sessions it dropped, and not of a whole one', async () => {
    const halves = [
      v1('o1', { reports: [0, 900] }),
      v1('o1', { reports: [1, 0], goodbye: { at: 910, dropped: 3 }, without: ['dropped'] }),
    ];
    const half = await (await played(...halves, ...green(700))).judge(1_400);
    expect(half.phase).toBe('unknown');
    expect(half.checks.dropped.sentence).toContain(METRICS.dropped.name);
    const copies = [
      v1('o1', { reports: [0, 900], goodbye: { at: 910, dropped: 3 }, labels: { replica: 'b' } }),
    ];
    expect(await (await played(...halves, ...copies, ...green(700))).judge(1_400)).toMatchObject({
      phase: 'dropped',
      dropped: { confirmed: 3, presumed: 0 },
    });
  });
});

describe('reports that are far apart in a Prometheus', () => {
  it.each([
    ['each 400 s', { every: 400 }],
    ['each 400 s, marked as stale between them', { every: 400, staleAfter: 60 }],
    ['each 15 s, marked as stale between them', { staleAfter: 7 }],
  ])('do not change a verdict between them: %s', async (_, more) => {
    const [n1, n2] = green(400).map((worker) => ({ ...worker, ...more }));
    const old = v1('o1', { reports: [0, 800], ...more, goodbye: { at: 820 } });
    const phases = new Set<string>();
    for (const later of BETWEEN_STEPS) {
      const story = await playedFrom(later, old, n1 as Written, { ...(n2 as Written), reports: [500, END] });
      for (let moment = 2_300; moment < 2_720; moment += 35) {
        const verdict = await story.judge(moment, { since: 410, expected: 2 });
        phases.add(verdict.phase);
      }
    }
    expect([...phases]).toEqual(['complete']);
  });

  it('do not keep a killed worker alive', async () => {
    const killed = v1('o1', { reports: [0, 640], active: 2, staleAfter: 7 });
    const story = await played(killed, ...green(400));
    expect(await story.judge(1_400, { since: 400, expected: 2 })).toMatchObject({
      phase: 'dropped',
      dropped: { presumed: 2 },
    });
  });
});

describe('a worker whose clock was ahead when it started, and right soon after,', () => {
  it('begins the deploy with its first report, and what was lost since counts', async () => {
    const young = green(700).map((worker) => ({ ...worker, start: 1_300 }));
    const old = v1('o1', {
      reports: [0, 900],
      dropped: (at) => (at > 800 ? 7 : 0),
      goodbye: { at: 910, dropped: 7 },
    });
    const verdict = await (await played(old, ...young)).judge(1_600);
    expect(verdict).toMatchObject({ phase: 'dropped', dropped: { confirmed: 7 } });
  });

  it('is an old one after a restart', async () => {
    const old = { id: 'o1', version: 'v2', reports: [0, END], active: 4, start: 1_200 } as const;
    const verdict = await (await played(old, ...green(1_020))).judge(1_600, { since: 1_000, restart: true });
    expect(verdict).toMatchObject({ phase: 'rolling', waitingFor: [{ id: 'o1' }] });
  });
});

it('a worker whose clock is ahead is no new one after a restart', async () => {
  const now = Math.floor(Date.now() / 1000) * 1000;
  const never: Written = { id: 'n3', version: 'v2', start: -700, reports: [-600, 0], active: 2, ahead: 90 };
  const young = ['n1', 'n2'].map(
    (id): Written => ({ id, version: 'v2', start: -400, reports: [-390, 0], active: 1 }),
  );
  // The old one that is ahead seems to have started 610 s ago, in the window.
  const story = await playedPrometheus(prometheus.url, now, [never, ...young]);
  const facts = await prometheusSource({ url: prometheus.url }).read({
    pool: story.pool,
    target: 'v2',
    since: now - 650_000,
  });
  const row = facts.workers.find(({ id }) => id === 'n3');
  expect(row).toMatchObject({ clock: 'ahead' });
  expect(row?.startedAt).toBeLessThanOrEqual(now - 700_000);
  expect(row?.startedAt).toBeGreaterThan(now - 760_000);
  expect(facts.workers.filter(({ clock }) => clock === 'ahead')).toHaveLength(1);
  expect(assessDeploy(facts, { target: 'v2', restart: true })).toMatchObject({
    phase: 'rolling',
    waitingFor: [{ id: 'n3', state: 'accepting', sessions: 2 }],
  });
});

describe('the expressions of the documentation that hold a gate', () => {
  const expressions = Array.from(
    read('docs/gate.md').matchAll(/--hold-while '([^']+)'/g),
    ([, one = '']) => one,
  );
  const hold = async (at: number) => {
    const source = prometheusSource({ url: prometheus.url });
    return Promise.all(expressions.map((one) => source.isTrue(one, at)));
  };
  const namespace = 'prod';
  const pod = (replicaset: string) => ({
    ...{ __name__: 'kube_pod_info', namespace, pod: `${replicaset}-x`, node: 'n' },
    ...{ created_by_kind: 'ReplicaSet', created_by_name: replicaset },
  });
  const owner = (replicaset: string) => ({
    ...{ __name__: 'kube_replicaset_owner', namespace, replicaset },
    ...{ owner_kind: 'Deployment', owner_name: 'voice', owner_is_controller: 'true' },
  });
  const leaving = { __name__: 'kube_pod_deletion_timestamp', namespace, pod: 'voice-6d4f9c-x' };
  const blue = { __name__: 'kube_deployment_status_replicas', namespace, deployment: 'voice-blue' };
  const write = (timestamp: number, series: readonly Record<string, string>[], value = 1) =>
    remoteWrite(
      prometheus.url,
      series.map((labels) => ({ labels, samples: [{ timestamp, value }] })),
    );

  it('hold while old pods run or terminate, and while nobody would say so', async () => {
    const at = (seconds: number) => ZERO + seconds * 1000;
    expect(await hold(at(0))).toEqual([true, false, false, false]);
    const rest = [pod('voice-7b8d5f'), owner('voice-6d4f9c'), owner('voice-7b8d5f')];
    await write(at(600), [...rest, pod('voice-6d4f9c'), leaving, blue]);
    expect(await hold(at(601))).toEqual([false, true, true, true]);
    await write(at(1_200), [...rest, pod('chat-1234')]);
    await write(at(1_200), [blue], 0);
    expect(await hold(at(1_201))).toEqual([false, false, false, false]);
  });
});

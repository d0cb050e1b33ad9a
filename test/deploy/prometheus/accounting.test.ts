import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../src/attributes.js';
import type { FactsQuery } from '../../../src/deploy/facts.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { FakePrometheus, type Known } from './fake-prometheus.js';
import { ago, covered, elsewhere, NOW, pool, without, worker } from './known.js';

let prometheus: FakePrometheus;
beforeEach(async () => {
  prometheus = await FakePrometheus.start();
});
afterEach(() => prometheus[Symbol.asyncDispose]());

const LABELS = { openrtc_pool_name: 'voice', openrtc_worker_id: 'w-1', openrtc_worker_version: 'v2' };
const read = (query: FactsQuery = {}, matchers?: string) =>
  prometheusSource({ url: prometheus.url, ...(matchers && { matchers }) }).read({
    at: NOW,
    pool: 'voice',
    target: 'v2',
    ...query,
  });
const rowOf = async (known: readonly Known[], query: FactsQuery = {}) => {
  prometheus.known = [...pool('voice', 'v2', ago(3600)), covered, ...known];
  const { workers } = await read({ since: ago(600) * 1000, ...query });
  expect(workers).toHaveLength(1);
  return workers[0] ?? expect.unreachable();
};
/** Whether anything was asked about workers with such a tag. */
const isAsked = (tag: string) => prometheus.asked.some(({ query }) => query.includes(`"fact", "${tag}"`));
const gone = { running: 0, lastReportAt: ago(300), goodbyeAt: ago(300), droppedAt: ago(300) };

/** What is asked of the whole window. */
const ofWindow = () => prometheus.asked.find(({ query }) => query.includes('"covered"'))?.query;

describe('the window', () => {
  beforeEach(() => {
    prometheus.known = [...pool('voice', 'v2', ago(600)), covered, ...worker()];
  });

  it('that was given is exact, and a worker that vanished lately is seen all the same', async () => {
    expect(await read({ since: ago(1000) * 1000 })).toMatchObject({ isSinceGiven: true });
    expect(ofWindow()).toContain('[1060000ms]');
    prometheus.asked.length = 0;
    await read({ since: ago(100) * 1000 });
    expect(ofWindow()).toContain('[420000ms]');
  });

  it.each([
    ['the first sighting of the target', {}, ago(600), 600],
    ['an earlier sighting of it', { firstSighting: ago(900) * 1000 }, ago(900), 900],
  ])('that begins with %s reaches back to who vanished shortly before', async (_, query, since, age) => {
    const facts = await read(query);
    expect(facts).toMatchObject({ isSinceGiven: false, since: since * 1000 });
    expect(facts.readSince).toBe(NOW - (age + 360 + 60) * 1000);
    expect(ofWindow()).toContain(`[${(age + 420) * 1000}ms]`);
  });

  it('reaches back by the time that a presumption lasts', async () => {
    await read({ presumeAfterSeconds: 30 });
    expect(ofWindow()).toContain('[750000ms]');
  });
});

describe('a worker that is gone', () => {
  it('is asked for when there is one', async () => {
    await rowOf(worker());
    expect(isAsked('goodbyeAt')).toBe(false);
    await rowOf(worker(gone));
    expect(isAsked('goodbyeAt')).toBe(true);
    expect(isAsked('again')).toBe(false);
  });

  it('is asked for no further back than it goes', async () => {
    await rowOf(worker(gone));
    const { query = '' } = prometheus.asked.find((asked) => asked.query.includes('"droppedAt"')) ?? {};
    // To its last report, by how long a sample is visible, and a silence window more.
    expect(query).toContain('[660000ms:240000ms]');
  });

  it('said its goodbye before it said that it runs: contradictory', async () => {
    const row = await rowOf(worker({ ...gone, lastReportAt: ago(5) }));
    expect(row).toMatchObject({ isContradictory: true, exited: false });
  });

  it('of which the time of the goodbye is not visible is looked at more closely', async () => {
    const hidden = without(worker(gone), 'goodbyeAt');
    expect(await rowOf(hidden)).toMatchObject({ isContradictory: false, exited: true });
    expect(isAsked('again')).toBe(true);
    const again = { fact: 'again', labels: LABELS, value: 1 };
    const running = without(worker({ ...gone, lastReportAt: ago(5) }), 'goodbyeAt');
    expect(await rowOf([...running, again])).toMatchObject({ isContradictory: true, exited: false });
    // Of a silent one the clock was set back before its goodbye.
    expect(await rowOf([...hidden, again])).toMatchObject({ isContradictory: false, exited: true });
  });

  it('whose id had another start is contradictory, also after its second goodbye', async () => {
    const restarted = { fact: 'restarted', labels: LABELS, value: ago(100) };
    expect(await rowOf([...worker(gone), restarted])).toMatchObject({ isContradictory: true, exited: false });
  });
});

describe('what is absent', () => {
  it('is nothing of whole reports, and of a whole goodbye', async () => {
    expect((await rowOf(worker())).missing).toEqual([]);
    expect((await rowOf(worker(gone))).missing).toEqual([]);
  });

  it.each(['active', 'draining', 'startTime'] as const)('is named of a running worker: %s', async (key) => {
    expect((await rowOf(without(worker(), key))).missing).toEqual([METRICS[key].name]);
  });

  it('is named of a running worker whose value of before is known: dropped', async () => {
    const row = await rowOf([...worker(), { fact: 'lacks-dropped', labels: LABELS, value: 1 }]);
    expect(row.missing).toEqual([METRICS.dropped.name]);
  });

  it('is the version gauge, of a worker whose others come, and which is not silent', async () => {
    const row = await rowOf(worker({ lastReportAt: ago(300), droppedAt: ago(5), activeAt: ago(5) }));
    expect(row).toMatchObject({ lastReportAt: ago(5) * 1000, missing: [METRICS.running.name] });
  });

  it('is the version gauge, of a worker that is known by others', async () => {
    const row = await rowOf(without(worker({ active: 2 }), 'running'));
    expect(row).toMatchObject({ active: 2, exited: false, missing: [METRICS.running.name] });
  });

  it.each(['active', 'draining', 'droppedAt'])('is named of a silent worker: %s', async (fact) => {
    const silent = worker({ lastReportAt: ago(300), droppedAt: ago(300) });
    expect((await rowOf(silent)).missing).toEqual([]);
    const { name } = METRICS[fact === 'droppedAt' ? 'dropped' : (fact as 'active')];
    expect((await rowOf(without(silent, fact))).missing).toEqual([name]);
  });

  it('is what was dropped, where the goodbye is not whole', async () => {
    expect((await rowOf(worker({ ...gone, droppedAt: ago(301) }))).missing).toEqual([METRICS.dropped.name]);
    expect((await rowOf(without(worker(gone), 'droppedAt'))).missing).toEqual([METRICS.dropped.name]);
  });
});

describe('a clock that is ahead', () => {
  /** As it reports, it started so many s ago. */
  const UP = 100;
  const live = async (ahead = 90, others: (now: number) => Known[] = () => []) => {
    prometheus.now = Date.now();
    const now = prometheus.now / 1000;
    prometheus.known = [
      ...pool('voice', 'v2', now - UP),
      ...worker({ lastReportAt: now - 5, startTime: now - UP, newestAt: now + ahead }),
      ...others(now),
    ];
    return { now: prometheus.now, facts: await read({ at: undefined as never }) };
  };

  it('makes a worker as old as it can be', async () => {
    const { now, facts } = await live();
    expect(facts.workers).toMatchObject([{ clock: 'ahead' }]);
    // Its newest report may be as old as its interval.
    expect(facts.workers[0]?.startedAt).toBeCloseTo(now - (UP + 90 + 15) * 1000, -2);
  });

  it('does not make the window of its version begin late', async () => {
    const { now, facts } = await live();
    expect(facts.since).toBeCloseTo(now - (UP + 90) * 1000, -2);
  });

  it.each([90, 3_600])('by %i s makes no worker a new one after a restart', async (ahead) => {
    const { now, facts } = await live(ahead, (second) => [
      covered,
      ...worker({ startTime: second - 120, lastReportAt: second - 5 }, 'n1'),
    ]);
    const restarted = { ...facts, since: now - 150_000, isSinceGiven: true };
    expect(assessDeploy(restarted, { target: 'v2', restart: true })).toMatchObject({
      phase: 'rolling',
      waitingFor: [{ id: 'w-1', state: 'accepting' }],
    });
  });

  it('is not known of a past moment', async () => {
    prometheus.known = [...pool('voice', 'v2', ago(600)), ...worker()];
    await read();
    expect(isAsked('newestAt')).toBe(false);
  });

  it('does not hide a worker of which all reports are yet to come', async () => {
    prometheus.now = Date.now();
    const now = prometheus.now / 1000;
    const [newest] = worker({ newestAt: now + 3_000 }, 'w-2').filter(({ fact }) => fact === 'newestAt');
    prometheus.known = [...pool('voice', 'v2', now - 600), ...(newest ? [newest] : [])];
    const { workers } = await read({ at: undefined as never });
    expect(workers).toMatchObject([{ id: 'w-2', clock: 'ahead', exited: false }]);
    expect(workers[0]?.missing).toContain(METRICS.running.name);
  });
});

describe('elsewhere', () => {
  it('are other pools, and what matchers cut out', async () => {
    prometheus.known = [
      ...pool('voice', 'v2', ago(600)),
      ...pool('chat', 'v1', ago(600)),
      ...worker(),
      ...elsewhere('chat', 2, 5),
      ...elsewhere('voice', 1),
    ];
    const expected = [
      { pool: 'chat', version: 'v1', workers: 2, sessions: 5 },
      { pool: 'voice', version: 'v1', workers: 1, sessions: 0 },
    ];
    expect((await read()).elsewhere).toEqual(expected);
    expect(prometheus.asked.at(-1)?.query).toContain('{openrtc_pool_name!="voice"}');
    expect((await read({}, 'cluster="eu"')).elsewhere).toEqual(expected);
    const { query = '' } = prometheus.asked.at(-1) ?? {};
    expect(query).toContain('openrtc_deployment_version{}');
    expect(query).toContain('openrtc_deployment_version{openrtc_pool_name="voice",cluster="eu"}');
  });

  it('are not asked for where there is one pool', async () => {
    prometheus.known = [...pool('voice', 'v2', ago(600)), ...worker()];
    expect((await read()).elsewhere).toEqual([]);
    expect(isAsked('sessions')).toBe(false);
  });
});

describe('a source that shows its samples late', () => {
  const query = { pool: 'voice', target: 'v2' };
  /** Reads so many times, a second apart. What a read missed is found by the next one. */
  const delays = async ({
    heard,
    interval,
    missed,
  }: {
    heard: number;
    interval: number;
    missed: number[];
  }) => {
    const source = prometheusSource({ url: prometheus.url });
    prometheus.now = Date.now();
    const found: (number | undefined)[] = [];
    for (const later of missed) {
      prometheus.now += 1_000;
      const now = prometheus.now / 1000;
      prometheus.known = [
        ...pool('voice', 'v2', now - 600, interval),
        ...worker({ lastReportAt: now - heard, startTime: now - 600, interval }),
        { fact: 'newestOfAll', labels: { openrtc_pool_name: 'voice' }, value: now - 1 - heard + later },
      ];
      found.push((await source.read(query)).delaySeconds);
    }
    return found;
  };

  it('is judged so long ago, once three reads in a row have missed what was found later', async () => {
    const [first, second, third, fourth, fifth] = await delays({
      heard: 2.4,
      interval: 1,
      missed: [1, 1, 1, 1, 1],
    });
    expect([first, second, third, fourth]).toEqual([undefined, undefined, undefined, undefined]);
    expect(fifth).toBeCloseTo(2.4, 1);
  });

  it('is judged five seconds ago at most, or an interval', async () => {
    const found = await delays({ heard: 7.5, interval: 2, missed: Array(6).fill(1) });
    expect(found.at(-1)).toBe(5);
  });

  it.each([
    ['where nothing more is found: that is an outage', { heard: 3.9, interval: 1, missed: Array(8).fill(0) }],
    ['where a report was held up once', { heard: 3.9, interval: 1, missed: [0, 0, 1, 0, 1, 1, 0, 0, 0] }],
    [
      'where it is a small part of the silence window',
      { heard: 1.5, interval: 15, missed: Array(8).fill(1) },
    ],
  ])('is none %s', async (_, play) => {
    const found = await delays(play);
    expect(found).toEqual(found.map(() => undefined));
  });

  it('is no matter for a past moment', async () => {
    await delays({ heard: 2.4, interval: 1, missed: [1] });
    expect(isAsked('newestOfAll')).toBe(false);
  });
});

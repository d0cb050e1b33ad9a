import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FactsQuery, SourceError } from '../../../src/deploy/facts.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { answerJson, FakePrometheus, type Known } from './fake-prometheus.js';
import { ago, covered, NOW, pool, without, worker } from './known.js';

const seconds = (ms: number) => (ms / 1000).toFixed(3);

let prometheus: FakePrometheus;
beforeEach(async () => {
  prometheus = await FakePrometheus.start();
});
afterEach(() => prometheus[Symbol.asyncDispose]());

const read = (query: FactsQuery = {}) =>
  prometheusSource({ url: prometheus.url }).read({ at: NOW, target: 'v2', ...query });

const rowOf = async (known: readonly Known[], query: FactsQuery = {}) => {
  prometheus.known = [...pool('voice', 'v2', ago(3600)), covered, ...known];
  const { workers } = await read({ since: ago(600) * 1000, ...query });
  expect(workers).toHaveLength(1);
  return workers[0] ?? expect.unreachable();
};

/** What is asked of the whole window. */
const ofWindow = () => prometheus.asked.find(({ query }) => query.includes('"covered"'))?.query;

describe('the questions', () => {
  beforeEach(() => {
    prometheus.known = [...pool('voice', 'v2', ago(600)), covered, ...worker()];
  });

  it('are nine for any fleet, and one for when its target came up, those of its workers about the moment of the first', async () => {
    prometheus.now = Date.now() + 0.4;
    prometheus.known = [
      ...pool('voice', 'v2', ago(600)),
      ...Array.from({ length: 500 }, (_, i) => worker({}, `w-${i}`)).flat(),
    ];
    const facts = await read({ at: undefined as never });
    expect(facts.workers).toHaveLength(500);
    expect(facts.now).toBe(Math.round(prometheus.now));
    const times = prometheus.asked.map(({ parameters }) => parameters.get('time'));
    const later = facts.now + 3_600_000;
    expect(times).toEqual([null, seconds(later), ...Array(8).fill(seconds(facts.now))]);
  });

  it('are about the moment that is given', async () => {
    expect(await read({ at: NOW - 1 })).toMatchObject({ now: NOW - 1 });
    const times = prometheus.asked.map(({ parameters }) => parameters.get('time'));
    expect(times).toEqual(Array(9).fill('1799999999.999'));
  });

  it('reach back to the start of the deploy and a silence window more', async () => {
    await read({ since: ago(1200) * 1000 });
    const queries = prometheus.asked.map(({ query }) => query).join('\n');
    expect(queries).toContain(
      'min_over_time(openrtc_deployment_version{openrtc_pool_name="voice"}[1260000ms])',
    );
    expect(queries).toContain(
      'openrtc_dropped_sessions{openrtc_pool_name="voice"}[3600000ms] offset 1200000ms',
    );
    expect(queries).toContain('openrtc_active_sessions{openrtc_pool_name="voice"}[60000ms] offset 300000ms');
  });

  it('have the silence window of the longest interval', async () => {
    prometheus.known = [...pool('voice', 'v2', ago(600), 60), ...worker()];
    await read();
    expect(ofWindow()).toContain('[120000ms] offset 240000ms)) and');
  });

  it('have a silence window of two seconds at least', async () => {
    prometheus.known = [...pool('voice', 'v2', ago(600), 0.015), ...worker()];
    await read();
    expect(ofWindow()).toContain('[1000ms] offset 2000ms)) and');
  });

  it('believe no interval without an end', async () => {
    prometheus.known = [...pool('voice', 'v2', ago(600), 1e12), ...worker()];
    await read();
    expect(ofWindow()).toContain('[7200000ms] offset 14400000ms)) and');
  });

  it('are asked the more seldom the longer they take', async () => {
    const source = prometheusSource({ url: prometheus.url });
    expect(source.pollMs).toBe(1000);
    prometheus.delayMs = 300;
    await source.read({ at: NOW });
    expect(source.pollMs, 'after a server that hung once').toBe(1000);
    await source.read({ at: NOW });
    expect(source.pollMs).toBeGreaterThan(2 * 4 * 250);
  });
});

describe('the pool', () => {
  beforeEach(() => {
    prometheus.known = [...pool('voice', 'v2', ago(60)), ...pool('chat', 'v9', ago(60)), ...worker()];
  });

  it('is one of those that report', async () => {
    expect(await prometheusSource({ url: prometheus.url }).pools({ at: NOW })).toEqual(['chat', 'voice']);
    expect((await read({ pool: 'voice' })).workers).toHaveLength(1);
  });

  it('must be named where there are several', async () => {
    await expect(read()).rejects.toThrow(new SourceError('several pools report (chat, voice): name one'));
  });

  it('must be one that reports', async () => {
    await expect(read({ pool: 'video' })).rejects.toThrow(
      new SourceError(
        `Prometheus at ${prometheus.url}: no worker of the pool video reported, only of chat, voice`,
      ),
    );
  });

  it('is none where nothing of this package is reported', async () => {
    prometheus.known = [];
    await expect(read()).rejects.toThrow(
      new SourceError(`Prometheus at ${prometheus.url}: it has no report of a worker from the last 4 h`),
    );
  });

  it('is none where names keep their dots, and then it is said what to set', async () => {
    prometheus.known = [];
    prometheus.values.set('count({__name__="openrtc.deployment_version"})', 3);
    await expect(read()).rejects.toThrow(
      /under names with dots, such as openrtc\.deployment_version: set its /,
    );
    await expect(read()).rejects.toThrow(
      / otlp\.translation_strategy to UnderscoreEscapingWithSuffixes .*-opentelemetry\.usePrometheusNaming\)$/,
    );
  });

  it('is none where the question for names with dots fails, and nothing more is said', async () => {
    prometheus.known = [];
    prometheus.fault = (response) =>
      prometheus.asked.at(-1)?.query.startsWith('count')
        ? answerJson(response, 422, { status: 'error', error: 'no' })
        : false;
    await expect(read()).rejects.toThrow(/ it has no report of a worker from the last 4 h$/);
  });
});

describe('the window', () => {
  const sighted = async (since: number | undefined, known: readonly Known[], query: FactsQuery = {}) => {
    prometheus.known = [...known, ...worker()];
    const facts = await read(query);
    expect(facts.since).toBe(since === undefined ? undefined : since * 1000);
    return facts;
  };

  it('begins where it is said to', () =>
    sighted(ago(90), pool('voice', 'v2', ago(600)), { since: ago(90) * 1000 }));

  it('else with the first sighting of the target', () => sighted(ago(600), pool('voice', 'v2', ago(600))));

  it('else has not begun', () => sighted(undefined, pool('voice', 'v1', ago(600))));

  it('is covered where the pool reported when it began', async () => {
    const facts = await sighted(ago(600), [...pool('voice', 'v2', ago(600)), covered]);
    expect(facts.coveredSince).toBe(facts.since);
    expect(ofWindow()).toContain('[120000ms] offset 540000ms');
  });

  it('is not covered where the pool did not', async () => {
    const facts = await sighted(ago(600), pool('voice', 'v2', ago(600)));
    expect(facts.coveredSince).toBe(NOW);
  });

  it('is covered from when the pool came up first, where that was later', async () => {
    await sighted(ago(600), pool('voice', 'v2', ago(300)), { since: ago(600) * 1000 });
    expect(ofWindow()).toContain('[120000ms] offset 240000ms');
  });

  it('is no longer than a day, and not covered beyond', async () => {
    const facts = await sighted(ago(999_999), [...pool('voice', 'v2', ago(999_999)), covered]);
    expect(facts.coveredSince).toBe(ago(86_400) * 1000);
    expect(ofWindow()).toContain('[86820000ms]');
  });
});

describe('a row', () => {
  it('has what a worker reports', async () => {
    const labels = { openrtc_pool_name: 'voice', openrtc_worker_id: 'w-1', openrtc_worker_version: 'v2' };
    const row = await rowOf([
      ...worker({
        active: 3,
        'active-5': 9,
        'active-3': 7,
        'active-1': 5,
        draining: 1,
        drainElapsed: 200,
        drainTimeout: 900,
        dropped: 4,
        droppedBefore: 1,
        started: 12,
      }),
      { fact: 'tenants', labels: { ...labels, openrtc_tenant_id: 'acme' }, value: 2 },
      { fact: 'tenants', labels: { ...labels, openrtc_tenant_id: '__proto__' }, value: 1 },
      { fact: 'ended', labels: { ...labels, openrtc_session_outcome: 'dropped' }, value: 4 },
      { fact: 'rejected', labels: { ...labels, openrtc_rejection_reason: 'draining' }, value: 6 },
    ]);
    expect(row).toEqual({
      pool: 'voice',
      id: 'w-1',
      version: 'v2',
      startedAt: ago(3600) * 1000,
      firstReportAt: ago(3600) * 1000,
      lastReportAt: ago(5) * 1000,
      reportsSince: ago(60) * 1000,
      intervalSeconds: 15,
      active: 3,
      // Not of five windows ago: it did not drain then.
      earlier: { at: ago(180) * 1000, active: 7 },
      draining: true,
      drainingSince: ago(205) * 1000,
      drainTimeoutSeconds: 900,
      dropped: 4,
      droppedBefore: 1,
      exited: false,
      isContradictory: false,
      missing: [],
      tenants: Object.fromEntries([
        ['acme', 2],
        ['__proto__', 1],
      ]),
      started: 12,
      ended: { dropped: 4 },
      rejected: { draining: 6 },
    });
  });

  it('of a worker that said goodbye has no session left', async () => {
    const row = await rowOf(worker({ running: 0, active: 3, dropped: 3 }));
    expect(row).toMatchObject({ exited: true, active: 0, dropped: 3, tenants: {} });
  });

  it('of one that did not report all the time is no witness', async () => {
    const row = await rowOf(without(worker(), 'reportsThrough'));
    expect(row.reportsSince).toBe(row.lastReportAt);
  });

  it('of one that reports no more still tells of its drain', async () => {
    const row = await rowOf(without(worker({ drainElapsed: 30, lastReportAt: ago(100) }), 'draining'));
    expect(row).toMatchObject({ draining: true, drainingSince: ago(130) * 1000 });
  });

  it('tells nothing of earlier sessions where the drain has just begun', async () => {
    const row = await rowOf(worker({ active: 3, 'active-1': 9, draining: 1, drainElapsed: 10 }));
    expect(row.earlier).toEqual({ at: NOW, active: 3 });
  });

  it('has the interval of its pool where it is not told, and came up no later than it is known to report', async () => {
    const row = await rowOf(without(worker(), 'startTime', 'interval'));
    expect(row).toMatchObject({ intervalSeconds: 15, startedAt: ago(60) * 1000 });
  });

  it('stays, where the server can not tell when its last report was', async () => {
    const row = await rowOf(without(worker({ active: 3 }), 'lastReportAt'));
    expect(row).toMatchObject({ active: 3, lastReportAt: ago(60) * 1000 });
  });

  it.each([
    ['interval', 0, { intervalSeconds: 15 }],
    ['interval', 1e9, { intervalSeconds: 3600 }],
    ['startTime', 1e300, { startedAt: ago(60) * 1000 }],
    ['active', -1, { active: 0 }],
    ['active', Number.NaN, { active: 0 }],
    ['dropped', Number.POSITIVE_INFINITY, { dropped: 0 }],
    ['drainElapsed', -5, { draining: false }],
  ])('believes no %s of %d', async (fact, value, expected) => {
    expect(await rowOf(worker({ [fact]: value }))).toMatchObject(expected);
  });

  it('needs the three names, and more than what was before the window', async () => {
    const [running] = worker({}, 'w-2');
    prometheus.known = [
      ...pool('voice', 'v2', ago(600)),
      ...worker({}, 'w-3').filter(({ fact }) => fact === 'droppedBefore'),
      { ...running, labels: { openrtc_pool_name: 'voice', openrtc_worker_id: 'w-2' } } as Known,
    ];
    expect((await read()).workers).toEqual([]);
  });

  it('tells of ends that nobody could tell, in the whole window and before it', async () => {
    const labels = { openrtc_pool_name: 'voice', openrtc_worker_id: 'w-1', openrtc_worker_version: 'v2' };
    const row = await rowOf([
      ...worker({ running: 0, unknownBefore: 2 }),
      { fact: 'ended', labels: { ...labels, openrtc_session_outcome: 'unknown' }, value: 3 },
    ]);
    expect(row).toMatchObject({ exited: true, ended: { unknown: 3 }, unknownBefore: 2 });
    const queries = prometheus.asked.map(({ query }) => query).join('\n');
    const unknown =
      '{__name__=~"openrtc_sessions_ended(_total)?",openrtc_pool_name="voice",openrtc_session_outcome="unknown"}';
    expect(queries).toContain(`max_over_time(${unknown}[660000ms])`);
    expect(queries).toContain(`max_over_time(${unknown}[3600000ms] offset 600000ms)`);
  });

  describe('tells what was dropped before the window:', () => {
    it('what was known when it began', async () => {
      expect(await rowOf(worker({ dropped: 5, droppedBefore: 2, droppedFirst: 3 }))).toMatchObject({
        droppedBefore: 2,
      });
    });

    it('nothing, of a worker that came up in it', async () => {
      const young = worker({ startTime: ago(500), dropped: 5, droppedFirst: 3 });
      expect((await rowOf(without(young, 'droppedBefore'))).droppedBefore).toBe(0);
    });

    it('what an older one first told, where it was not seen before: its losses can not be dated', async () => {
      const old = without(worker({ dropped: 5, droppedFirst: 3 }), 'droppedBefore');
      expect((await rowOf(old)).droppedBefore).toBe(3);
      const { checks } = assessDeploy(await read({ since: ago(600) * 1000 }), { target: 'v2' });
      expect(checks.dropped.sentence).toContain('Unknown when w-1 (v2) lost 3 sessions');
    });

    it('nothing, where that is not known either: in doubt it was dropped in the deploy', async () => {
      const old = worker({ dropped: 5 });
      expect((await rowOf(without(old, 'droppedBefore'))).droppedBefore).toBe(0);
    });
  });
});

describe('a clock', () => {
  const setClock = (aheadSeconds: number, heardSeconds: number, more: readonly Known[] = []) => {
    prometheus.now = Date.now() + aheadSeconds * 1000;
    const now = prometheus.now / 1000;
    prometheus.known = [
      ...pool('voice', 'v2', now - 600),
      ...worker({ lastReportAt: now - heardSeconds, startTime: now - 600 }),
      ...more,
    ];
    return prometheusSource({ url: prometheus.url }).read({ target: 'v2' });
  };
  const ahead = (aheadSeconds: number) =>
    worker({ newestAt: Date.now() / 1000 + aheadSeconds }, 'w-2').filter(({ fact }) => fact === 'newestAt');

  it('that is ahead so that all seem silent is said', async () => {
    await expect(setClock(600, 600)).rejects.toThrow(
      "its clock is 10 min ahead of this machine's: what workers report now seems to be of another time",
    );
  });

  it('that is behind so that what is reported is of its future is said', async () => {
    await expect(setClock(-600, 5, ahead(-5))).rejects.toThrow(
      "its clock is 10 min behind this machine's: what workers report now seems to be of another time",
    );
  });

  it.each([600, -600])(
    'that agrees with the workers is right, and this machine is off by %d s',
    async (off) => {
      expect((await setClock(off, 5)).workers).toHaveLength(1);
    },
  );

  it('that is off by less than a silence window does no harm', async () => {
    expect((await setClock(-50, 100, ahead(-5))).workers).toHaveLength(2);
  });

  it('that is off so far that no worker is found is said', async () => {
    prometheus.now = Date.now() + 7 * 3_600_000;
    await expect(prometheusSource({ url: prometheus.url }).pools()).rejects.toThrow(
      "it has no report of a worker from the last 4 h, and its clock is 7 h ahead of this machine's",
    );
  });

  it('that is so far behind that a pool has yet to come is said', async () => {
    prometheus.now = Date.now() - 600_000;
    prometheus.known = pool('chat', 'v9', 1);
    await expect(prometheusSource({ url: prometheus.url }).read({ pool: 'voice' })).rejects.toThrow(
      "no worker of the pool voice reported, only of chat, and its clock is 10 min behind this machine's",
    );
  });

  it('is no matter for a past moment', async () => {
    prometheus.now = Date.now() + 600_000;
    expect((await rowOf(worker({ lastReportAt: ago(600) }))).lastReportAt).toBe(ago(600) * 1000);
  });
});

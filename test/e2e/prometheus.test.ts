import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeployFacts, FactsQuery, WorkerFacts } from '../../src/deploy/facts.js';
import { prometheusSource } from '../../src/deploy/prometheus/source.js';
import { decodeMetrics } from '../../src/deploy/receiver/decode.js';
import { WorkerTable } from '../../src/deploy/receiver/worker-table.js';
import { assessDeploy } from '../../src/deploy/verdict/assess.js';
import { Child } from '../wire/support/child.js';
import { reportingTo } from '../wire/support/environment.js';
import { eventually } from '../wire/support/eventually.js';
import { INTERVAL_SECONDS, type Life, otlpJson, reportsOf, send, type Told } from './support/history.js';
import { type Naming, Prometheus } from './support/prometheus.js';

/** The last moment of the history that the tests look at; it goes on for a minute. */
const NOW = Math.floor(Date.now() / 1000) * 1000 - 60_000;
const ago = (seconds: number) => NOW - seconds * 1000;
const SILENCE_MS = INTERVAL_SECONDS * 4_000;
const AFTER_NOW = -60;

const falling = (from: number, at: number) => Math.max(0, Math.ceil((ago(from) - at) / 60_000) + 5);

/** A deploy of v2 that began 500 s ago, with what can happen in one. */
const LIVES: readonly Life[] = [
  // Ends as it should.
  {
    id: 'drained',
    version: 'v1',
    startedAt: ago(1500),
    endsAt: ago(150),
    drainingSince: ago(400),
    saysGoodbye: true,
    active: (at) => Math.max(0, falling(400, at) - 1),
  },
  // Is cut off at its drain timeout.
  {
    id: 'forced',
    version: 'v1',
    startedAt: ago(1502),
    endsAt: ago(100),
    drainingSince: ago(400),
    saysGoodbye: true,
    active: () => 2,
  },
  // Is killed with sessions, and says nothing.
  {
    id: 'killed',
    version: 'v1',
    startedAt: ago(1504),
    endsAt: ago(120),
    drainingSince: ago(400),
    active: () => 3,
  },
  // Still drains.
  {
    id: 'draining',
    version: 'v1',
    startedAt: ago(1506),
    endsAt: ago(AFTER_NOW),
    drainingSince: ago(400),
    active: (at) => falling(400, at) + 2,
  },
  // Had ended before the deploy.
  {
    id: 'earlier',
    version: 'v1',
    startedAt: ago(1508),
    endsAt: ago(900),
    saysGoodbye: true,
    active: () => 4,
  },
  // The new version: the first crashes at once.
  { id: 'crashed', version: 'v2', startedAt: ago(500), endsAt: ago(495), active: () => 0 },
  { id: 'new-1', version: 'v2', startedAt: ago(480), endsAt: ago(AFTER_NOW), active: () => 4 },
  {
    id: 'new-2',
    version: 'v2',
    startedAt: ago(470),
    endsAt: ago(AFTER_NOW),
    active: (at) => (at > ago(90) ? 6 : 5),
  },
];

const HISTORY: readonly Told[] = LIVES.flatMap(reportsOf).map((told) => ({
  ...told,
  // One lost sessions before the deploy, one lost another in it.
  dropped: (told.dropped ?? 0) + (told.id === 'draining' ? (told.at > ago(200) ? 8 : 7) : 0),
  tenants: { acme: told.running ? told.active : 0 },
  started: Math.round((told.at - told.startedAt) / 30_000),
}));

/** What the receiver would know at a moment: who can be believed, because it heard each report as it came. */
function heardUntil(at: number, query: FactsQuery): DeployFacts {
  const table = new WorkerTable(ago(2000));
  for (const told of HISTORY.toSorted((a, b) => a.at - b.at)) {
    if (told.at <= at) table.add(decodeMetrics(Buffer.from(otlpJson(told)), 'application/json'), told.at);
  }
  return table.read(query, at);
}

/** A row without what may differ between the sources, which is tested on its own. */
function comparable(row: WorkerFacts, now: number) {
  const { startedAt, reportsSince, earlier, drainTimeoutSeconds, ended, rejected, tenants, ...same } = row;
  // A count of 0 is left out.
  const counts = [ended, rejected, tenants].map((record) =>
    Object.entries(record).filter(([, count]) => count > 0),
  );
  return {
    ...same,
    isWitness: reportsSince <= now - SILENCE_MS && now - row.lastReportAt <= SILENCE_MS / 2,
    // Asked for of the workers that report.
    ...(now - row.lastReportAt < SILENCE_MS && { drainTimeoutSeconds, counts }),
  };
}

const byId = (rows: readonly WorkerFacts[], now: number) =>
  Object.fromEntries(rows.map((row) => [row.id, comparable(row, now)]));

const NAMINGS: Naming[] = ['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes'];

describe.each(NAMINGS)('a history in a Prometheus with %s', (naming) => {
  let prometheus: Prometheus;
  beforeAll(async () => {
    prometheus = await Prometheus.start(naming);
    await send(prometheus.otlpUrl, HISTORY);
  });
  afterAll(() => prometheus[Symbol.asyncDispose]());

  const read = (query: FactsQuery) => prometheusSource({ url: prometheus.url }).read({ at: NOW, ...query });

  it.each([
    ['now', NOW, {}],
    ['with a given start', NOW, { since: ago(450) }],
    ['when the killed one was not silent yet', ago(75), {}],
    ['when the old ones had begun to drain', ago(330), {}],
    ['before the new version settled', ago(440), {}],
    ['a second after it came up', ago(499), {}],
  ])('is what the receiver heard: %s', async (_, at, query) => {
    const heard = heardUntil(at, { target: 'v2', ...query });
    const facts = await read({ target: 'v2', at, ...query });
    expect(facts).toMatchObject({ now: at, since: heard.since });
    expect(facts.coveredSince).toBeLessThanOrEqual(heard.since ?? 0);
    const inWindow = heard.workers.filter(
      ({ lastReportAt }) => lastReportAt > (facts.readSince ?? expect.unreachable()),
    );
    expect(byId(facts.workers, at)).toEqual(byId(inWindow, at));
    const { phase, dropped, checks } = assessDeploy(heard, { target: 'v2' });
    expect(assessDeploy(facts, { target: 'v2' })).toMatchObject({
      phase,
      dropped,
      checks: { version: checks.version, dropped: checks.dropped },
    });
  });

  it('tells how fast sessions fall, from the drain alone', async () => {
    const earlierOf = async (at: number) => {
      const { workers } = await read({ at, target: 'v2' });
      return workers.find(({ id }) => id === 'draining')?.earlier;
    };
    expect(await earlierOf(NOW)).toEqual({ at: ago(300), active: 6 });
    expect(await earlierOf(ago(200))).toEqual({ at: ago(380), active: 7 });
    expect(await earlierOf(ago(380))).toEqual({ at: ago(380), active: 7 });
  });
});

it.each<Naming>(['NoTranslation', 'NoUTF8EscapingWithSuffixes'])(
  'a history in a Prometheus with %s is not found, and it is said what to set',
  async (naming) => {
    await using prometheus = await Prometheus.start(naming);
    await send(prometheus.otlpUrl, HISTORY);
    await expect(prometheusSource({ url: prometheus.url }).read({ at: NOW, target: 'v2' })).rejects.toThrow(
      'under names with dots, such as openrtc.deployment_version: set its otlp.translation_strategy to Underscore',
    );
  },
);

describe('a Prometheus', () => {
  let prometheus: Prometheus;
  let pools = 0;
  /** Tests do not see each other's pools. */
  let pool: string;
  beforeAll(async () => {
    prometheus = await Prometheus.start();
  });
  afterAll(() => prometheus[Symbol.asyncDispose]());

  const source = () => prometheusSource({ url: prometheus.url });
  const begin = (...lives: readonly Partial<Life>[]) => {
    pool = `pool-${++pools}`;
    const life = { id: 'w-1', version: 'v1', startedAt: ago(600), endsAt: ago(AFTER_NOW), active: () => 1 };
    const reports = lives.flatMap((given) => reportsOf({ ...life, ...given }));
    return send(
      prometheus.otlpUrl,
      reports.map((told) => ({ ...told, pool })),
    );
  };
  const read = (query: FactsQuery = {}) => source().read({ pool, at: NOW, since: ago(300), ...query });
  const rowOf = async (query: FactsQuery = {}) => {
    const { workers } = await read(query);
    expect(workers).toHaveLength(1);
    return workers[0] ?? expect.unreachable();
  };

  it('without a report of a worker says so', async () => {
    await expect(source().pools()).rejects.toThrow(
      `Prometheus at ${prometheus.url}: it has no report of a worker from the last 4 h`,
    );
  });

  it('under a wrong URL is not found', async () => {
    await expect(prometheusSource({ url: `${prometheus.url}/nowhere` }).pools()).rejects.toThrow(
      'there is no Prometheus API (404)',
    );
  });

  it('that does not like a matcher says why', async () => {
    await expect(prometheusSource({ url: prometheus.url, matchers: 'a=~"("' }).pools()).rejects.toThrow(
      /cannot answer: .*missing closing \)/,
    );
  });

  it('folds copies of a worker: a goodbye wins, else the maximum, and a stale one has no say', async () => {
    await begin(
      { active: () => 2, more: { replica: 'a' } },
      { active: () => 3, more: { replica: 'b' } },
      // Its name was changed while the worker ran.
      { active: () => 9, endsAt: ago(120), more: { replica: 'before' } },
    );
    expect(await rowOf()).toMatchObject({ active: 3, exited: false, lastReportAt: expect.any(Number) });
    await send(prometheus.otlpUrl, [
      {
        id: 'w-1',
        version: 'v1',
        pool,
        at: NOW,
        startedAt: ago(600),
        active: 0,
        running: false,
        dropped: 2,
      },
    ]);
    expect(await rowOf()).toMatchObject({ active: 0, exited: true, dropped: 2 });
  });

  it('knows a goodbye for good, whatever comes late', async () => {
    await begin({ endsAt: ago(120), saysGoodbye: true });
    const late = { id: 'w-1', version: 'v1', pool, startedAt: ago(600), active: 4 };
    await send(prometheus.otlpUrl, [{ ...late, at: ago(121) }]);
    expect(await rowOf()).toMatchObject({ exited: true, active: 0, dropped: 1, isContradictory: false });
  });

  it('does not count what was dropped before', async () => {
    await begin({ id: 'w-1' });
    const told = { id: 'w-1', version: 'v1', pool, startedAt: ago(600), active: 1 };
    await send(prometheus.otlpUrl, [
      { ...told, at: ago(301), dropped: 5 },
      { ...told, at: ago(299), dropped: 6 },
    ]);
    expect(await rowOf()).toMatchObject({ dropped: 6, droppedBefore: 5 });
  });

  it('that saw nothing when the deploy began has not covered it', async () => {
    await begin({ startedAt: ago(200) });
    const told = { id: 'w-2', version: 'v1', pool, startedAt: ago(6000), active: 1, dropped: 7 };
    await send(prometheus.otlpUrl, [{ ...told, at: ago(150) }]);
    const facts = await read();
    expect(facts.coveredSince).toBe(NOW);
    expect(facts.workers.find(({ id }) => id === 'w-2')).toMatchObject({ dropped: 7, droppedBefore: 7 });
  });

  it('that saw the first worker of a pool come up has covered it all', async () => {
    await begin({ startedAt: ago(200) });
    const facts = await read();
    expect(facts.coveredSince).toBe(ago(300));
  });

  it.each([
    ['an outage of three intervals', 45],
    ['a longer one', 300],
  ])('has no witness after %s, until a worker has reported for a silence window', async (_, seconds) => {
    const endsAt = ago(200);
    const startsAgain = endsAt + (seconds + INTERVAL_SECONDS) * 1000;
    await begin({ endsAt, startedAt: ago(600) }, { startedAt: startsAgain, endsAt: startsAgain + 120_000 });
    const isHeard = async (at: number) => {
      const { workers } = await read({ at });
      return workers.some(({ reportsSince }) => reportsSince <= at - SILENCE_MS);
    };
    expect(await isHeard(endsAt)).toBe(true);
    expect(await isHeard(startsAgain)).toBe(false);
    expect(await isHeard(startsAgain + SILENCE_MS - 1000)).toBe(false);
    expect(await isHeard(startsAgain + SILENCE_MS)).toBe(true);
  });

  it('is asked for one part of it with matchers', async () => {
    await begin({ id: 'here', more: { cluster: 'eu' } }, { id: 'there', more: { cluster: 'us' } });
    const eu = prometheusSource({ url: prometheus.url, matchers: 'cluster="eu"' });
    const { workers } = await eu.read({ pool, at: NOW });
    expect(workers.map(({ id }) => id)).toEqual(['here']);
  });

  it('takes any name of a pool, a worker and a version', async () => {
    const odd = `${String.raw`a"b\c{}`}\n😀`;
    await begin({ id: odd, version: odd });
    expect(await rowOf({ target: odd })).toMatchObject({ id: odd, version: odd });
    await send(prometheus.otlpUrl, [
      { id: 'w', version: 'v', pool: odd, at: NOW, startedAt: NOW, active: 1 },
    ]);
    expect((await read({ pool: odd })).workers).toMatchObject([{ pool: odd, id: 'w' }]);
  });

  it('hears real workers, their goodbye, and what they dropped', async () => {
    const environment = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRIC_EXPORT_INTERVAL: '500' };
    await using worker = new Child('fixtures/worker.js', {
      ...reportingTo({ url: prometheus.otlpUrl }),
      ...environment,
    });
    await worker.ask('start', 2);
    const asked = { pool: 'voice', target: 'v1' };
    await eventually(async () => {
      const { workers } = await source().read(asked);
      expect(workers).toMatchObject([{ id: 'w-1', active: 2, exited: false, intervalSeconds: 0.5 }]);
      expect(workers[0]?.reportsSince).toBeLessThanOrEqual(Date.now() - 1_000);
    });
    await worker.ask('shutdown', { now: true });
    await eventually(async () => {
      const facts = await source().read(asked);
      expect(facts.coveredSince).toBe(facts.since);
      expect(facts.workers).toMatchObject([{ exited: true, active: 0, dropped: 2, droppedBefore: 0 }]);
    });
  });

  describe('of another time than this machine', () => {
    afterEach(() => vi.useRealTimers());
    /** Moves the clock of this machine, and of its workers. */
    const moveClock = (seconds: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
      return Date.now();
    };
    const reportFrom = async (now: number) => {
      pool = `pool-${++pools}`;
      const life = { id: 'w-1', version: 'v1', startedAt: now - 300_000, endsAt: now + 1, active: () => 1 };
      await send(
        prometheus.otlpUrl,
        reportsOf(life).map((told) => ({ ...told, pool })),
      );
    };

    it.each([
      [-180, "3 min ahead of this machine's"],
      [180, "3 min behind this machine's"],
    ])('says so: %d s', async (seconds, words) => {
      await reportFrom(moveClock(seconds));
      const asked = source().read({ pool, target: 'v1' });
      await expect(asked).rejects.toThrow(`its clock is ${words}`);
    });

    it('does not mind when the workers go by its clock', async () => {
      await reportFrom(Date.now());
      moveClock(180);
      expect((await source().read({ pool, target: 'v1' })).workers).toHaveLength(1);
    });
  });

  it('that goes away and comes back is asked again', async () => {
    await begin({});
    const asking = source();
    await asking.read({ pool, at: NOW });
    await prometheus.stop();
    await expect(asking.read({ pool, at: NOW })).rejects.toThrow('nothing listens there');
    await prometheus.start();
    expect((await asking.read({ pool, at: NOW })).workers).toHaveLength(1);
  });
});

import { afterAll, beforeAll } from 'vitest';
import type { PhaseName } from '../../../examples/grafana/source/phases.js';
import { METRICS, type MetricKey, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../../src/attributes.js';
import type { DeployFacts } from '../../../src/deploy/facts.js';
import { labelName, namesOf } from '../../../src/deploy/prometheus/promql.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import type { AssessOptions } from '../../../src/deploy/verdict/assessment.js';
import type { Verdict } from '../../../src/deploy/verdict/verdict.js';
import { madeAt, type Played, requestsOf, T0 } from '../../deploy/played-pool.js';
import { type AnyPanel, panelsNamed } from '../../grafana/panels.js';
import { type FirstRow, firstRow, tooGreen } from './first-row.js';
import type { Sight } from './grafana.js';
import { clock, HELD, type Held, heldShown, LAST_END, type LastEnd, lastEndShown } from './holding.js';
import { Prometheus } from './prometheus.js';
import { type PanelView, readPanels } from './read-panels.js';
import { type Series, writeInOrder } from './remote-write.js';

/** Where backends mark a series as stale between its reports, they write this value. */
const STALE = new Float64Array(new BigUint64Array([0x7ff0000000000002n]).buffer)[0] as number;

/** A worker of a story, as a Prometheus gets it. */
export interface Written extends Played {
  /** More labels of its series. */
  readonly labels?: Readonly<Record<string, string>>;
  /** So many seconds after each report its series are marked as stale. */
  readonly staleAfter?: number;
  /** Two ways lead to the backend, and one names metrics without their units. */
  readonly hasBothNames?: true;
}

interface Asked extends Partial<AssessOptions> {
  readonly since?: number;
  readonly matchers?: string;
}

interface Shown extends Partial<Pick<Sight, 'target' | 'expected' | 'more'>> {
  readonly rangeSeconds?: number;
}

/** Subqueries look at multiples of such a step, in ms: what a story shows must not depend on the minute it is played. */
const LONGEST_STEP = 240_000;
/** The time 0 of stories, in Unix ms: samples must not be older than an hour before the newest. */
export const ZERO = Math.floor(Date.now() / LONGEST_STEP) * LONGEST_STEP - 13 * LONGEST_STEP;
/** Other moments for a time 0, between the steps: so many s later. */
export const BETWEEN_STEPS: readonly number[] = [0, 60, 120, 180];
/** When they end, in s. */
export const END = 3_200;

/** Two workers of the target that settle and go on. */
export const green = (from: number, { active = 1, end = END } = {}): Written[] =>
  ['n1', 'n2'].map((id) => ({ id, version: 'v2', reports: [from, end], active, start: from - 10 }));

/** A worker of the version before. */
export const v1 = (id: string, more: Partial<Written> & Pick<Written, 'reports'>): Written => ({
  id,
  version: 'v1',
  start: -3_000,
  ...more,
});

/** One that leaves as it should. */
export const left = (id: string, at: number, more: Partial<Written> = {}): Written =>
  v1(id, { reports: [0, at - 15], goodbye: { at }, ...more });

/** A worker of v1 that drains, and whose telemetry is cut off 2 s later. */
export const cutOff = (id: string, drainsAt: number, active: number): Written =>
  v1(id, { reports: [(drainsAt % 15) + 2, drainsAt + 2], active, draining: (at) => Number(at > drainsAt) });

/** A worker that tells no sessions in its last reports, for so many s, and vanishes. */
export const vague = (from: number, seconds: number): Written[] => [
  v1('o1', { reports: [0, from], active: 0 }),
  v1('o1', { reports: [from + 15, from + seconds], without: ['active', 'draining'] }),
];

/** The half of a goodbye that says that no session is left, or how many were dropped; the other one is lost. */
export const halfGoodbyes = {
  active: v1('o1', { reports: [910, 910], active: 0, without: ['running', 'draining', 'dropped'] }),
  dropped: v1('o1', { reports: [910, 910], dropped: 5, without: ['running', 'draining', 'active'] }),
} as const;

/** An id that runs on after its goodbye. */
export const usedTwice: readonly Written[] = [
  { id: 'n1', version: 'v2', reports: [605, 885], start: 600, goodbye: { at: 900 } },
  { id: 'n1', version: 'v2', reports: [915, END], start: 600 },
];

/** Workers of the target that crash, each started by a back-off of 5 minutes after the one before. */
export const crashLoop = (start: number): Written[] =>
  range(start, END - 100, 320).map((from) => ({
    id: `c-${from}`,
    version: 'v2',
    start: from,
    reports: [from + 5, from + 15],
    every: 10,
  }));

export const range = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

/** A Prometheus for the stories of a file; they are played into it from the time 0, or so many s later. */
export function usePlayedPrometheus() {
  let prometheus: Prometheus;
  beforeAll(async () => {
    prometheus = await Prometheus.start();
  });
  afterAll(() => prometheus[Symbol.asyncDispose]());
  const playedFrom = (later: number, ...workers: readonly Written[]) =>
    playedPrometheus(prometheus.url, ZERO + later * 1000, workers);
  return {
    get url() {
      return prometheus.url;
    },
    playedFrom,
    played: (...workers: readonly Written[]) => playedFrom(0, ...workers),
  };
}

const [ALL_WORKERS, SHARE] = panelsNamed('All workers', 'Every worker on the target');

let stories = 0;

/**
 * Writes workers into a Prometheus, in a pool of the story's own, and judges at a moment of it.
 *
 * @param zero - The time 0 of the story, in Unix ms.
 */
export async function playedPrometheus(url: string, zero: number, workers: readonly Written[]) {
  const pool = `story-${++stories}`;
  const name = (given: string | undefined) => (given === undefined ? pool : `${pool}-${given}`);
  await writeInOrder(
    url,
    workers.flatMap((worker) => seriesOf(worker, name(worker.pool), zero)),
  );
  const read = async (moment: number, { target = 'v2', since, matchers }: Asked = {}): Promise<DeployFacts> =>
    prometheusSource({ url, ...(matchers !== undefined && { matchers }) }).read({
      pool,
      target,
      at: zero + moment * 1000,
      ...(since !== undefined && { since: zero + since * 1000 }),
    });
  const sightOf = (moment: number, { rangeSeconds = 3_600, ...chosen }: Shown = {}): Sight => {
    const to = zero + moment * 1000;
    return { pool, from: to - rangeSeconds * 1000, to, ...chosen };
  };
  const panel = async (one: AnyPanel, moment: number, shown?: Shown): Promise<PanelView> => {
    const [view] = await readPanels(url, sightOf(moment, shown), [one]);
    return view as PanelView;
  };
  const judge = async (moment: number, asked: Asked = {}): Promise<Verdict> => {
    const { since: _, matchers: __, target = 'v2', ...options } = asked;
    return assessDeploy(await read(moment, asked), { target, ...options });
  };
  const shownRow = async (moment: number, shown: Shown = {}): Promise<FirstRow> => {
    const row = await firstRow(url, sightOf(moment, shown));
    const { target = 'v2', expected, more: matchers } = shown;
    const asked = { target, ...(expected && { expected: Number(expected) }), ...(matchers && { matchers }) };
    const greens = tooGreen(row, await judge(moment, asked));
    if (greens.length > 0) throw new Error(`at ${moment}, greener than the gate: ${greens.join(', ')}`);
    return row;
  };
  return {
    pool,
    read,
    judge,
    /** What the dashboard's first row shows at a moment: nothing of it is greener than what the gate says. */
    shown: shownRow,
    /** What the dashboard's verdict is at each of these moments. */
    async phases(moments: readonly number[], shown: Shown = {}): Promise<PhaseName[]> {
      const phases = new Set<PhaseName>();
      for (const moment of moments) phases.add((await shownRow(moment, { target: 'v2', ...shown })).phase);
      return [...phases];
    },
    /** Whom the dashboard waits for, and with how many sessions. */
    held: async (moment: number, shown?: Shown): Promise<Held> => heldShown(await panel(HELD, moment, shown)),
    /** When the last session ends, as the dashboard says. */
    lastEnd: async (moment: number, shown?: Shown): Promise<LastEnd> =>
      lastEndShown(await panel(LAST_END, moment, shown)),
    /** How the dashboard writes a moment. */
    clock: (moment: number) => clock(zero + moment * 1000),
    /** What the dashboard's table of all workers says of them. */
    states: async (moment: number, shown?: Shown): Promise<Held> =>
      heldShown(await panel(ALL_WORKERS, moment, shown)),
    /** The share of workers on the target. */
    share: async (moment: number, shown?: Shown) => (await panel(SHARE, moment, shown)).rows[0]?.[0]?.text,
    /** All panels at a moment. */
    panels: (moment: number, shown?: Shown): Promise<PanelView[]> => readPanels(url, sightOf(moment, shown)),
  };
}

function seriesOf(worker: Written, pool: string, zero: number): Series[] {
  const byKey = new Map<MetricKey, { timestamp: number; value: number }[]>();
  for (const { at, values } of requestsOf(worker)) {
    const timestamp = zero + madeAt(worker, at) * 1000;
    for (const [key, given] of Object.entries(values) as [MetricKey, number][]) {
      const samples = byKey.get(key) ?? [];
      byKey.set(key, samples);
      // Stories tell of starts after another time 0.
      const value = key === 'startTime' ? given + (zero - T0) / 1000 : given;
      samples.push({ timestamp, value });
      if (worker.staleAfter !== undefined) {
        samples.push({ timestamp: timestamp + worker.staleAfter * 1000, value: STALE });
      }
    }
  }
  const labels = {
    [labelName(POOL_NAME)]: pool,
    [labelName(WORKER_ID)]: worker.id,
    [labelName(WORKER_VERSION)]: worker.version,
    ...worker.labels,
  };
  return [...byKey].flatMap(([key, unsorted]) => {
    const samples = unsorted.sort((a, b) => a.timestamp - b.timestamp);
    const names = namesOf(METRICS[key]).slice(worker.hasBothNames ? 0 : -1);
    return names.map((__name__) => ({ labels: { __name__, ...labels }, samples }));
  });
}

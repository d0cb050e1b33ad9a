import { POOL_NAME, REPORT_INTERVAL, START_TIME, WORKER_VERSION } from '../attributes.js';
import {
  choosePool,
  DEFAULT_INTERVAL_SECONDS,
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  silenceWindow,
} from './facts.js';
import { isPlausible, MAX_INTERVAL_SECONDS } from './plausible.js';
import type { PrometheusApi, Sample } from './prometheus-http.js';
import { type PrometheusOptions, readOptions } from './prometheus-options.js';
import { overviewQuery, workerQueries } from './prometheus-queries.js';
import { rowsOf } from './prometheus-rows.js';
import { labelName, matcher, TAG } from './promql.js';
import { duration } from './sentences.js';

export type { PrometheusOptions };

const HOUR_MS = 3_600_000;
/** How far back the pools, and the first sighting of a version that runs no more, are looked for. */
const OVERVIEW_MS = 4 * HOUR_MS;
/** What is older is not read: a window without an end would be too much for any server. */
const LONGEST_WINDOW_MS = 24 * HOUR_MS;
/** How often it is worth asking: new reports come every few seconds. */
const POLL_MS = 1_000;
/** The server has so many times as long a rest as it worked. */
const REST = 4;
/** A clock that is known to the second may seem off by so much. */
const CLOCK_ROUNDING_MS = 5_000;

/**
 * Facts from the HTTP API of Prometheus, Mimir, Thanos, VictoriaMetrics or Grafana Cloud, now or at a past moment: eight
 * instant queries at one and the same moment, whatever the size of the fleet. Moments are by the clock of the server.
 *
 * Silence is told from the times that workers give their reports: their clocks must agree with that of the server
 * within a silence window. What the server did not take in the middle of a deploy is not missed, except a worker that
 * came and went meanwhile. Of workers that report no more, tenants and the outcomes of their sessions are not read.
 *
 * @throws TypeError for an unknown or a wrong option.
 */
export function prometheusSource(options: PrometheusOptions): FactsSource {
  return new PrometheusSource(options);
}

/** What is known of a pool before its workers are read. */
interface Overview {
  /** The longest report interval of its workers, in s. */
  intervalSeconds: number;
  /** When each version first came up, in Unix ms. */
  readonly cameUp: Map<string, number>;
}

class PrometheusSource implements FactsSource {
  readonly #api: PrometheusApi;
  readonly #matchers: readonly string[];
  #pollMs = POLL_MS;

  constructor(options: PrometheusOptions) {
    const { api, matchers } = readOptions(options);
    this.#api = api;
    this.#matchers = matchers;
  }

  get pollMs(): number {
    return this.#pollMs;
  }

  async pools({ at }: Pick<FactsQuery, 'at'> = {}): Promise<string[]> {
    const { pools } = await this.#overview(at);
    return [...pools.keys()].sort();
  }

  async read({ pool: named, target, since: given, at }: FactsQuery): Promise<DeployFacts> {
    const began = performance.now();
    const { now, aheadMs, pools } = await this.#overview(at, given);
    const pool = choosePool(pools.keys(), named) ?? '';
    const overview = pools.get(pool);
    if (overview === undefined) {
      const others = [...pools.keys()].sort().join(', ');
      throw this.#api.trouble(
        `no worker of the pool ${pool} reported, only of ${others}${clockHint(aheadMs)}`,
      );
    }
    const { intervalSeconds, cameUp } = overview;
    const silence = silenceWindow(overview);
    const isClockOff = Math.abs(aheadMs) > silence;
    const since = given ?? (target === undefined ? undefined : cameUp.get(target));
    const poolCameUp = Math.min(now, ...cameUp.values());
    const begin = Math.max(since ?? poolCameUp, now - LONGEST_WINDOW_MS);

    const queries = workerQueries({
      matchers: [matcher(POOL_NAME, pool), ...this.#matchers],
      silence,
      age: since === undefined ? 0 : Math.max(0, now - begin),
      // A pool that came up later had nobody to report at the start of the deploy.
      coverageAge: now - Math.max(begin, poolCameUp),
      asksAhead: isClockOff,
    });
    const answers = await Promise.all(queries.map((query) => this.#api.query(query, now)));
    const samples = answers.flatMap((answer) => answer.samples);
    const isTold = (fact: string) => samples.some(({ labels }) => labels[TAG] === fact);
    const workers = rowsOf(samples, { now, since, intervalSeconds });
    const isHeard = workers.some(({ lastReportAt }) => now - lastReportAt <= silence);
    if (isClockOff && (!isHeard || (aheadMs < 0 && isTold('ahead')))) {
      throw this.#api.trouble(`${clockWords(aheadMs)}: what workers report now seems to be of another time`);
    }
    this.#pollMs = Math.max(POLL_MS, REST * (performance.now() - began));
    return { now, since, coveredSince: isTold('covered') ? begin : now, workers };
  }

  /** What reported at a moment, and in the hours or since the other moment before it. */
  async #overview(at: number | undefined, since?: number) {
    const askedAt = Date.now();
    const age = since === undefined ? 0 : (at ?? askedAt) - since;
    const windowMs = Math.min(Math.max(OVERVIEW_MS, age), LONGEST_WINDOW_MS);
    const { at: clock, samples } = await this.#api.query(overviewQuery(this.#matchers, windowMs), at);
    const now = at ?? clock ?? askedAt;
    const aheadMs = at === undefined ? Math.max(0, now - Date.now()) + Math.min(0, now - askedAt) : 0;
    if (samples.length === 0) {
      const among = this.#matchers.length > 0 ? ` with ${this.#matchers.join(',')}` : '';
      throw this.#api.trouble(
        `it has no report of a worker${among} from the last ${duration(windowMs / 1000)}${clockHint(aheadMs)}`,
      );
    }
    return { now, aheadMs, pools: poolsOf(samples) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function poolsOf(samples: readonly Sample[]): Map<string, Overview> {
  const pools = new Map<string, Overview>();
  for (const { labels, value } of samples) {
    const name = labels[labelName(POOL_NAME)];
    if (!name) continue;
    const pool = pools.get(name) ?? { intervalSeconds: DEFAULT_INTERVAL_SECONDS, cameUp: new Map() };
    pools.set(name, pool);
    const version = labels[labelName(WORKER_VERSION)];
    if (labels[TAG] === 'cameUp' && version && isPlausible(START_TIME, value)) {
      pool.cameUp.set(version, value * 1000);
    }
    if (labels[TAG] === 'longestInterval' && isPlausible(REPORT_INTERVAL, value)) {
      pool.intervalSeconds = Math.min(value, MAX_INTERVAL_SECONDS);
    }
  }
  return pools;
}

/** Why nothing may be found. */
const clockHint = (aheadMs: number): string =>
  Math.abs(aheadMs) > CLOCK_ROUNDING_MS ? `, and ${clockWords(aheadMs)}` : '';

const clockWords = (aheadMs: number): string =>
  `its clock is ${duration(Math.abs(aheadMs) / 1000)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;

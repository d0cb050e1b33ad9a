import { POOL_NAME } from '../../attributes.js';
import type { DeployFacts, FactsQuery, FactsSource } from '../facts.js';
import type { PrometheusApi } from './http.js';
import { Lateness } from './lateness.js';
import { type PrometheusOptions, readOptions } from './options.js';
import { readOverview } from './overview.js';
import { matcher } from './promql.js';
import { newestQuery } from './queries.js';
import { readFacts } from './read.js';

export type { PrometheusOptions };

/** How often it is worth asking: new reports come every few seconds. */
const POLL_MS = 1_000;
/** The server rests so many times as long as it worked. */
const REST = 4;

/** A Prometheus, which answers questions of one's own too. */
export interface PrometheusSource extends FactsSource {
  /**
   * Whether an expression gives any value but 0 at a moment, in Unix ms.
   *
   * @throws {@link SourceError}
   */
  isTrue(expression: string, at: number): Promise<boolean>;
}

/**
 * Facts from the HTTP API of Prometheus, Mimir, Thanos, VictoriaMetrics or Grafana Cloud, now or at a past moment: about
 * nine instant queries, whatever the size of the fleet, all about one moment. Moments are by the clock of the server.
 *
 * Silence follows from the times that workers give their reports: their clocks must agree with that of the server
 * within a silence window. What the server did not take in the middle of a deploy is not missed, except a worker that
 * came and went meanwhile. Of workers that report no more, tenants and the outcomes of their sessions are not read.
 *
 * @throws TypeError for an unknown or a wrong option.
 */
export function prometheusSource(options: PrometheusOptions): PrometheusSource {
  return new Source(options);
}

class Source implements PrometheusSource {
  readonly #api: PrometheusApi;
  readonly #matchers: readonly string[];
  /** How long the last two reads took: one that the server was not there for says nothing of the next. */
  #workMs: readonly [number, number] = [0, 0];
  readonly #lateness = new Lateness();

  constructor(options: PrometheusOptions) {
    const { api, matchers } = readOptions(options);
    this.#api = api;
    this.#matchers = matchers;
  }

  get pollMs(): number {
    return Math.max(POLL_MS, REST * Math.min(...this.#workMs), this.#api.restMs);
  }

  async pools({ at }: Pick<FactsQuery, 'at'> = {}): Promise<string[]> {
    const { pools } = await readOverview(this.#api, this.#matchers, { at });
    return [...pools.keys()].sort();
  }

  async isTrue(expression: string, at: number): Promise<boolean> {
    const { samples } = await this.#api.query(expression, at);
    return samples.some(({ value }) => value !== 0);
  }

  async read(query: FactsQuery): Promise<DeployFacts> {
    const began = performance.now();
    const isNow = query.at === undefined;
    const delayMs = isNow ? this.#lateness.delayMs : 0;
    const facts = await readFacts(this.#api, { ...query, matchers: this.#matchers, delayMs });
    if (isNow) await this.#lateness.note(facts, (pool, moment) => this.#newestAt(pool, moment));
    this.#workMs = [this.#workMs[1], performance.now() - began];
    return facts;
  }

  async #newestAt(pool: string, moment: number): Promise<number | undefined> {
    const query = newestQuery([matcher(POOL_NAME, pool), ...this.#matchers]);
    const { samples } = await this.#api.query(query, moment);
    return samples[0] && samples[0].value * 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#api.close();
  }
}

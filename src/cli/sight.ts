import {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  SourceError,
  silenceWindow,
  type WorkerFacts,
} from '../deploy/facts.js';
import { count } from '../lib/format.js';
import { plain } from './terminal/text.js';

/** Names beyond this many are counted. */
const MOST_NAMES = 3;
/** A pool without a report for longer is no longer asked for. */
const POOL_MS = 3_600_000;
/** What is older than the longest window of a source is forgotten. */
const LONGEST_WINDOW_MS = 24 * 3_600_000;

/**
 * A source that remembers who it has seen. A store that is down may answer as if its workers had never been, or by what
 * an older one has: a worker of which what was seen is missing, without a goodbye, makes a read a {@link SourceError}
 * until it is back.
 */
export function keepSight(source: FactsSource): FactsSource {
  return new Sight(source);
}

class Sight implements FactsSource {
  /** All that have not said goodbye. */
  readonly #known = new Map<string, WorkerFacts>();
  #now = 0;

  constructor(readonly source: FactsSource) {}

  get pollMs(): number {
    return this.source.pollMs;
  }

  async pools(query?: Pick<FactsQuery, 'at'>): Promise<string[]> {
    const pools = new Set(await this.source.pools(query));
    for (const { pool, lastReportAt } of this.#known.values()) {
      if (lastReportAt > this.#now - POOL_MS) pools.add(pool);
    }
    return [...pools].sort();
  }

  async read(query: FactsQuery): Promise<DeployFacts> {
    const facts = await this.source.read(query);
    if (query.at !== undefined) return facts;
    this.#note(facts);
    const lost = this.#lost(facts, query.pool);
    if (lost.length === 0) return facts;
    const named = lost.slice(0, MOST_NAMES).map(({ id, version }) => plain(`${id} (${version})`));
    const more = lost.length - named.length;
    throw new SourceError(
      `lost sight of ${named.join(', ')}${more > 0 ? ` and ${count(more, 'other worker')}` : ''}: seen before, missing now, and no goodbye`,
    );
  }

  #note({ now, workers }: DeployFacts): void {
    this.#now = now;
    for (const worker of workers) {
      if (!worker.exited && !this.#isNewerKnown(worker, now)) this.#known.set(keyOf(worker), worker);
    }
    // A goodbye in one copy is enough.
    for (const worker of workers) if (worker.exited) this.#known.delete(keyOf(worker));
    for (const [key, { lastReportAt }] of this.#known) {
      if (lastReportAt < now - LONGEST_WINDOW_MS) this.#known.delete(key);
    }
  }

  /** Whether it was seen with a report that was made by now, and that is much newer. */
  #isNewerKnown(worker: WorkerFacts, now: number): boolean {
    const { lastReportAt = 0 } = this.#known.get(keyOf(worker)) ?? {};
    return lastReportAt <= now && lastReportAt - worker.lastReportAt > silenceWindow(worker) / 2;
  }

  /** Known, in what was read, and not there, or not with what was seen. */
  #lost({ now, workers, readSince }: DeployFacts, pool: string | undefined): WorkerFacts[] {
    if (readSince === undefined) return [];
    // One of its copies is enough.
    const found = new Set(workers.filter((worker) => !this.#isNewerKnown(worker, now)).map(keyOf));
    return [...this.#known]
      .filter(
        ([key, worker]) =>
          !found.has(key) && worker.lastReportAt > readSince && (pool === undefined || worker.pool === pool),
      )
      .map(([, worker]) => worker);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.source[Symbol.asyncDispose]();
  }
}

const keyOf = ({ pool, id, version }: WorkerFacts): string => JSON.stringify([pool, id, version]);

import { assessDeploy } from '../deploy/assess.js';
import { type DeployFacts, type FactsSource, guessTarget, SourceError } from '../deploy/facts.js';
import { foldCopies } from '../deploy/fold.js';
import type { Verdict } from '../deploy/verdict.js';
import { Trends } from './trends.js';
import { sessionsByVersion } from './version-rows.js';
import { type Row, rowsOf } from './worker-rows.js';

/** A pool and where its deploy stands. */
export interface PoolView {
  readonly pool: string;
  /** Whether the target is a guess. */
  readonly isGuess: boolean;
  /** Undefined when no worker has run since the first look, and no target was given. */
  readonly verdict: Verdict | undefined;
  readonly rows: readonly Row[];
}

/** All that a frame shows. */
export interface Fleet {
  /** When it was read, in Unix ms. */
  readonly at: number;
  readonly views: readonly PoolView[];
  readonly trends: Trends;
  /** Why the source can not tell now: the views are then the last that were known. */
  readonly trouble?: string;
}

/** What to look at. */
export interface FleetQuery {
  /** @default every pool that reports */
  readonly pool?: string;
  /** @default a guess for each pool */
  readonly target?: string;
}

/** Looks at the pools of a source again and again, and remembers how many sessions they had. */
export class FleetReader {
  readonly #source: FactsSource;
  readonly #query: FleetQuery;
  readonly #trends = new Trends();
  readonly #guesses = new Map<string, string>();
  #views: readonly PoolView[] = [];

  constructor(source: FactsSource, query: FleetQuery) {
    this.#source = source;
    this.#query = query;
  }

  async read(): Promise<Fleet> {
    const trends = this.#trends;
    const at = Date.now();
    try {
      const pools = this.#query.pool === undefined ? await this.#source.pools() : [this.#query.pool];
      this.#views = await Promise.all(pools.map((pool) => this.#look(pool)));
      for (const { pool, rows } of this.#views) trends.add(pool, at, sessionsByVersion(rows));
      return { at, views: this.#views, trends };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      trends.skip(at);
      return { at, views: this.#views, trends, trouble: error.message };
    }
  }

  async #look(pool: string): Promise<PoolView> {
    const { target: given } = this.#query;
    let target = given ?? this.#guesses.get(pool);
    let facts = await this.#read(pool, target);
    if (given === undefined) {
      // When all have left, the last guess is as good as before.
      const guess = guessTarget(facts.workers) ?? target;
      // The window begins with the target: another target, another window.
      if (guess !== target) facts = await this.#read(pool, guess);
      target = guess;
      if (guess !== undefined) this.#guesses.set(pool, guess);
    }
    return {
      pool,
      isGuess: given === undefined,
      verdict: target === undefined ? undefined : assessDeploy(facts, { target }),
      rows: rowsOf(foldCopies(facts.workers), facts.now),
    };
  }

  #read(pool: string, target: string | undefined): Promise<DeployFacts> {
    return this.#source.read({ pool, ...(target !== undefined && { target }) });
  }
}

/** Whether any worker is known. */
export const isKnown = ({ views }: Fleet): boolean => views.some(({ rows }) => rows.length > 0);

/** What makes a fleet another one: not the seconds that pass. */
export function gist({ views, trouble }: Fleet): string {
  const pools = views.map(({ pool, verdict, rows }) => [
    pool,
    verdict && [verdict.target, verdict.phase, Object.values(verdict.checks).map(({ state }) => state)],
    rows.map(({ worker, state }) => [worker.id, worker.version, state, worker.active, worker.dropped]),
  ]);
  return JSON.stringify([trouble, pools]);
}

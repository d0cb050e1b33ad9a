import { type DeployFacts, type FactsSource, guessTarget, SourceError } from '../../deploy/facts.js';
import { assessDeploy } from '../../deploy/verdict/assess.js';
import { foldCopies } from '../../deploy/verdict/fold.js';
import type { Verdict } from '../../deploy/verdict/verdict.js';
import { Trends } from './trends.js';
import { sessionsByVersion } from './version-lines.js';
import { type WorkerStatus, withStates } from './worker-lines.js';

/** A pool and where its deploy stands. */
export interface PoolStatus {
  readonly pool: string;
  /** Whether the target is a guess. */
  readonly isGuess: boolean;
  /** Undefined when no worker has run since the first read, and no target was given. */
  readonly verdict: Verdict | undefined;
  readonly workers: readonly WorkerStatus[];
}

/** All that a frame shows. */
export interface Fleet {
  /** When it was read, in Unix ms. */
  readonly at: number;
  readonly pools: readonly PoolStatus[];
  readonly trends: Trends;
  /** Why the source gives no facts now: the pools are then the last that were known. */
  readonly trouble?: string;
}

/** What to read. */
export interface FleetQuery {
  /** @default every pool that reports */
  readonly pool?: string;
  /** @default a guess for each pool */
  readonly target?: string;
}

/** Reads the pools of a source again and again, and remembers how many sessions they had. */
export class FleetReader {
  readonly #trends = new Trends();
  readonly #guesses = new Map<string, string>();
  #pools: readonly PoolStatus[] = [];

  constructor(
    readonly source: FactsSource,
    readonly query: FleetQuery,
  ) {}

  /** What is known before the first read. */
  get unanswered(): Fleet {
    return { at: Date.now(), pools: [], trends: this.#trends, trouble: 'the source has not answered yet' };
  }

  async read(): Promise<Fleet> {
    const trends = this.#trends;
    const at = Date.now();
    try {
      const names = this.query.pool === undefined ? await this.source.pools() : [this.query.pool];
      this.#pools = await Promise.all(names.map((pool) => this.#readPool(pool)));
      for (const { pool, workers } of this.#pools) trends.add(pool, at, sessionsByVersion(workers));
      return { at, pools: this.#pools, trends };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      trends.skip(at);
      return { at, pools: this.#pools, trends, trouble: error.message };
    }
  }

  async #readPool(pool: string): Promise<PoolStatus> {
    const { target: given } = this.query;
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
      workers: withStates(foldCopies(facts.workers), facts.now),
    };
  }

  #read(pool: string, target: string | undefined): Promise<DeployFacts> {
    return this.source.read({ pool, ...(target !== undefined && { target }) });
  }
}

/** Whether any worker is known. */
export const isKnown = ({ pools }: Fleet): boolean => pools.some(({ workers }) => workers.length > 0);

/** What makes a fleet another one: not the seconds that pass. */
export function gist({ pools, trouble }: Fleet): string {
  const facts = pools.map(({ pool, verdict, workers }) => [
    pool,
    verdict && [verdict.target, verdict.phase, Object.values(verdict.checks).map(({ state }) => state)],
    workers.map(({ id, version, state, active, dropped }) => [id, version, state, active, dropped]),
  ]);
  return JSON.stringify([trouble, facts]);
}

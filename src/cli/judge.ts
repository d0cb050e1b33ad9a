import {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  guessTarget,
  SourceError,
  type WorkerFacts,
} from '../deploy/facts.js';
import { assessDeploy } from '../deploy/verdict/assess.js';
import { duration } from '../lib/format.js';
import { type TimeArgument, UsageError } from './args/values.js';
import type { Judged } from './gate.js';
import { plain } from './terminal/text.js';

/** As a target: the version that was started last. */
const AUTO = 'auto';
/** Times of a command line are often without fractions of a second. */
const CLOCK_SLACK_MS = 1_000;
/** A past moment is compared with the source's clock when it is this late, in ms. */
const LATELY_MS = 3_600_000;

/** What to judge, as the command line says. */
export interface JudgeOptions {
  readonly target: string;
  readonly pool?: string;
  readonly expect?: number;
  readonly since?: TimeArgument;
  readonly restart?: true;
  readonly strict?: true;
  readonly at?: TimeArgument;
  readonly presumeAfter: number;
  readonly holdWhile?: readonly string[];
}

interface Parts {
  readonly source: FactsSource;
  readonly options: JudgeOptions;
  /** Whether an expression of `holdWhile` is true at a moment. */
  isTrue?(expression: string, at: number): Promise<boolean>;
  /** Gets what is to be said once. */
  note(line: string): void;
}

/** Reads a source and judges the deploy, again and again. `now` is the time it was made, by the source's clock. */
export class Judge {
  readonly #parts: Parts;
  readonly #calledAt = performance.now();
  #start: number | undefined;
  #guessed: string | undefined;
  /** Kept: when the first worker of the target is long gone, its sighting would be a later one's. */
  #firstSighting: number | undefined;
  #hasBegun = false;
  #delaySeconds = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * @throws {@link SourceError} when the source cannot know anything now.
   * @throws {@link UsageError} for a time that is yet to come.
   */
  async judge(): Promise<Judged> {
    const { source, options, note } = this.#parts;
    const { expect: expected, restart = false, strict = false, presumeAfter: presumeAfterSeconds } = options;
    const since = options.since && (await this.#unixMs(options.since));
    const at = options.at && (await this.#moment(options.at));
    if (since !== undefined && at !== undefined && since > at) throw inFuture('--since', since - at, '--at');
    const query: FactsQuery = {
      ...this.#named,
      presumeAfterSeconds,
      ...(since !== undefined && { since }),
      ...(at !== undefined && { at }),
    };
    const target = options.target === AUTO ? await this.#guess(query) : options.target;
    const firstSighting = this.#firstSighting;
    const facts = await source.read({
      ...query,
      ...(firstSighting !== undefined && { firstSighting }),
      target,
    });
    const now = clockOf(facts);
    const { delaySeconds = 0 } = facts;
    if (since !== undefined && !this.#hasBegun && since > now + CLOCK_SLACK_MS) {
      throw inFuture('--since', since - now, CLOCK_OF_SOURCE);
    }
    this.#hasBegun = true;
    if (!facts.isSinceGiven) this.#firstSighting ??= facts.since;
    if (this.#delaySeconds === 0 && delaySeconds > 0) {
      note(`the source shows reports ${duration(delaySeconds)} late: what is judged is so long ago`);
    }
    this.#delaySeconds = delaySeconds;
    const verdict = assessDeploy(facts, {
      target,
      restart,
      strict,
      presumeAfterSeconds,
      ...(expected !== undefined && { expected }),
    });
    return { ...verdict, ...(await this.#held(verdict)) };
  }

  get #named() {
    const { pool } = this.#parts.options;
    return pool !== undefined ? { pool } : {};
  }

  async #guess(query: FactsQuery): Promise<string> {
    const { workers } = await this.#parts.source.read(query);
    const target = guessTarget(workers) ?? this.#guessed;
    if (target === undefined) throw new SourceError(noDeploy(workers));
    if (target !== this.#guessed) {
      this.#guessed = target;
      this.#firstSighting = undefined;
      this.#parts.note(`the target is a guess: the version that started last, ${plain(target)}`);
    }
    return target;
  }

  async #held({ phase, now }: Judged): Promise<Pick<Judged, 'heldBy'>> {
    const { options, isTrue } = this.#parts;
    if (!isTrue || options.holdWhile === undefined || phase !== 'complete') return {};
    const answers = await Promise.all(options.holdWhile.map((expression) => isTrue(expression, now)));
    const heldBy = options.holdWhile.filter((_, index) => answers[index]);
    return heldBy.length > 0 ? { heldBy } : {};
  }

  async #unixMs(time: TimeArgument): Promise<number> {
    if ('unixMs' in time) return time.unixMs;
    this.#start ??= await this.#calledAtOfSource();
    return this.#start - time.secondsAgo * 1000;
  }

  /** A moment to judge, which must not be yet to come. */
  async #moment(time: TimeArgument): Promise<number> {
    const at = await this.#unixMs(time);
    if (!('unixMs' in time) || at < Date.now() - LATELY_MS) return at;
    this.#start ??= await this.#calledAtOfSource();
    const aheadMs = at - this.#start - (performance.now() - this.#calledAt);
    if (aheadMs > CLOCK_SLACK_MS) throw inFuture('--at', aheadMs, CLOCK_OF_SOURCE);
    return at;
  }

  /** When this command was called, by the source's clock. */
  async #calledAtOfSource(): Promise<number> {
    // Taken before the read, and rounded up: a receiver that is as old as this command has seen all since.
    const elapsed = performance.now() - this.#calledAt;
    return Math.ceil(clockOf(await this.#parts.source.read(this.#named)) - elapsed);
  }
}

/** What the source's clock shows, in Unix ms: what it was read of may lie further back. */
const clockOf = ({ now, delaySeconds = 0 }: DeployFacts): number => now + delaySeconds * 1000;

const CLOCK_OF_SOURCE = "now, by the source's clock";

const inFuture = (option: string, ms: number, than: string): UsageError =>
  new UsageError(
    `option ${option}: expected a time that has been, got one that is ${duration(ms / 1000)} after ${than}`,
  );

/** Why there is no target to guess. */
function noDeploy(workers: readonly WorkerFacts[]): string {
  const [version] = workers.map((worker) => worker.version);
  return version === undefined
    ? 'no worker has reported: there is no target to guess'
    : `no deploy: only version ${plain(version)} has reported`;
}

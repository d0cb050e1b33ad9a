/** A drain that was told by others can begin in the worker a moment before: what ends shortly before counts too. */
const EARLY_MS = 1_000;
/** Between what a worker does and what is read of it lies as much, beside the pause between two readings. */
const READ_MS = 500;

/** Something happened after one moment, and until another: what one reading has, and the one before it had not. */
export interface Period {
  readonly after: number;
  readonly until: number;
}

/**
 * When the drain timeout of a worker is. A worker that reports its drain shows it within one reading; where only others
 * told of the drain, the worker's own may begin at any time after that.
 */
export class DrainClock {
  readonly #timeoutMs: number;
  #since: number | undefined;
  #acceptedAt: number | undefined;
  #reported: Period | undefined;

  constructor(timeoutSeconds: number | undefined) {
    this.#timeoutMs = (timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  }

  get isDraining(): boolean {
    return this.#since !== undefined;
  }

  /** Whether the worker itself reports its drain. */
  get isReported(): boolean {
    return this.#reported !== undefined;
  }

  /** Others told that the worker drains. */
  begin(since: number): void {
    this.#since = Math.min(since, this.#since ?? since);
  }

  /** What the worker itself reported at a moment. */
  report(isDraining: boolean | undefined, at: number): void {
    if (isDraining === false) this.#acceptedAt = at;
    if (!isDraining) return;
    this.begin(at);
    this.#reported ??= { after: Math.min(at, this.#acceptedAt ?? at), until: at };
  }

  /** Whether it is in this reading that the worker first reported its drain. */
  beganIn({ until }: Period): boolean {
    return this.#reported?.until === until && this.#reported.after < until;
  }

  /** Whether the timeout is over, at the latest. */
  isOver(now: number): boolean {
    const since = this.#reported?.until ?? this.#since ?? Number.POSITIVE_INFINITY;
    return now >= since + this.#timeoutMs;
  }

  /** Whether the timeout can have ended what ended in a period. */
  isIn({ after, until }: Period): boolean {
    if (!this.#reported) return this.isOver(until + this.#atMost(EARLY_MS));
    const margin = this.#atMost(READ_MS);
    return until >= this.#reported.after + this.#timeoutMs - margin && !this.isBefore(after);
  }

  /** Whether the timeout was before a moment, for sure: the worker must have reported its drain for that. */
  isBefore(moment: number): boolean {
    return this.isReported && this.isOver(moment - this.#atMost(READ_MS));
  }

  /** Of a short timeout a part. */
  #atMost(ms: number): number {
    return Math.min(ms, this.#timeoutMs / 10);
  }
}

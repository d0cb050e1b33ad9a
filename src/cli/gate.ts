import type { Phase, Verdict } from '../deploy/verdict/verdict.js';
import { EXIT } from './args/exit-codes.js';

/** Phases in which a deploy can end. */
const ENDS: ReadonlySet<Phase> = new Set(['complete', 'dropped', 'stuck', 'superseded']);
/** Less would be a moment and no end. */
const SHORTEST_SETTLE_SECONDS = 1;

/** A verdict, and what else holds a deploy open. */
export interface Judged extends Verdict {
  /** The expressions of `--hold-while` that are true. */
  readonly heldBy?: readonly string[];
}

/** How the gate decides. */
export interface GateOptions {
  /** How long an end must hold, in s: at least 1. @default one silence window */
  readonly settleSeconds?: number | undefined;
  /** End at the first confirmed drop. */
  readonly failFast?: boolean | undefined;
}

/** Decides from one verdict after the other whether a deploy has ended. */
export class Gate {
  #state: Phase | 'held' = 'unknown';
  #heldSince = 0;
  #lastAt = 0;
  #isLost = false;

  constructor(readonly options: GateOptions = {}) {}

  /** The exit code, once it is decided. */
  next(verdict: Judged): number | undefined {
    const { now, phase, silenceWindowSeconds } = verdict;
    const state = isHeld(verdict) ? 'held' : phase;
    const wasAway = this.#isLost && now - this.#lastAt > silenceWindowSeconds * 1000;
    if (state !== this.#state || wasAway) this.#heldSince = now;
    this.#state = state;
    this.#lastAt = now;
    this.#isLost = false;
    if (this.options.failFast && verdict.dropped.confirmed > 0) return EXIT.dropped;
    const settleSeconds = Math.max(
      SHORTEST_SETTLE_SECONDS,
      this.options.settleSeconds ?? silenceWindowSeconds,
    );
    const hasSettled = now - this.#heldSince >= settleSeconds * 1000;
    return hasSettled && state !== 'held' && ENDS.has(phase) ? exitCodeOf(verdict) : undefined;
  }

  /** The source gave no facts: for longer than a silence window, what held so far must hold anew. */
  lost(): void {
    this.#isLost = true;
  }
}

const isHeld = ({ phase, heldBy = [] }: Judged): boolean => phase === 'complete' && heldBy.length > 0;

/** The exit code of a verdict that has settled, or that is the last one. Dropped sessions outweigh all else. */
export function exitCodeOf(verdict: Judged | undefined): number {
  if (verdict?.checks.dropped.state === 'failed') return EXIT.dropped;
  if (verdict === undefined || verdict.phase === 'unknown') return EXIT.unknown;
  if (verdict.phase === 'superseded') return EXIT.superseded;
  return verdict.phase === 'complete' && !isHeld(verdict) ? EXIT.complete : EXIT.notDone;
}

/** What to exit with when there is no more time: `complete` that has not held for long enough is not done. */
export const exitCodeNow = (verdict: Judged | undefined): number => exitCodeOf(verdict) || EXIT.notDone;

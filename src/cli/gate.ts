import type { Phase, Verdict } from '../deploy/verdict.js';
import { EXIT } from './exit-codes.js';

/** Phases in which a deploy can end. */
const ENDS: ReadonlySet<Phase> = new Set(['complete', 'dropped', 'stuck', 'superseded']);

/** How the gate decides. */
export interface GateOptions {
  /** How long an end must hold, in s. @default one silence window */
  readonly settleSeconds?: number | undefined;
  /** End at the first confirmed drop. */
  readonly failFast?: boolean | undefined;
}

/** Decides from one verdict after the other whether a deploy has ended. */
export class Gate {
  readonly #options: GateOptions;
  #phase: Phase = 'unknown';
  #heldSince = 0;

  constructor(options: GateOptions = {}) {
    this.#options = options;
  }

  /** The exit code, once it is decided. */
  next(verdict: Verdict): number | undefined {
    if (verdict.phase !== this.#phase) {
      this.#phase = verdict.phase;
      this.#heldSince = verdict.now;
    }
    if (this.#options.failFast && verdict.dropped.confirmed > 0) return EXIT.dropped;
    const settleSeconds = this.#options.settleSeconds ?? verdict.silenceWindowSeconds;
    const hasSettled = verdict.now - this.#heldSince >= settleSeconds * 1000;
    return hasSettled && ENDS.has(verdict.phase) ? exitCodeOf(verdict) : undefined;
  }

  /** Nothing could be known: what held so far must hold anew. */
  lost(): void {
    this.#phase = 'unknown';
  }
}

/** What a verdict that has settled, or that nothing comes after, is told as. Dropped sessions outweigh all else. */
export function exitCodeOf(verdict: Verdict | undefined): number {
  if (verdict?.checks.dropped.state === 'failed') return EXIT.dropped;
  if (verdict === undefined || verdict.phase === 'unknown') return EXIT.unknown;
  if (verdict.phase === 'superseded') return EXIT.superseded;
  return verdict.phase === 'complete' ? EXIT.complete : EXIT.notDone;
}

/** What to exit with when there is no more time: `complete` that has not held for long enough is not done. */
export const exitCodeNow = (verdict: Verdict | undefined): number => exitCodeOf(verdict) || EXIT.notDone;

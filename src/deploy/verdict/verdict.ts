import type { WorkerState } from '../facts.js';

/**
 * Where a deploy stands.
 *
 * - `unknown`: there is no witness, or something that decides is absent or contradictory; never taken for good news
 * - `waiting`: no worker on the target accepts sessions
 * - `rolling`: workers off the target accept too, or fewer accept on it than are expected
 * - `draining`: all others drain, or are gone for too short a time to be sure
 * - `stuck`: a worker is past its drain timeout and still has sessions
 * - `complete`: every worker reports the target, the old ones are gone, no session was dropped
 * - `dropped`: the same, but sessions were dropped
 * - `superseded`: a newer version took over, or the target left while another version accepts
 */
export type Phase =
  | 'unknown'
  | 'waiting'
  | 'rolling'
  | 'draining'
  | 'stuck'
  | 'complete'
  | 'dropped'
  | 'superseded';

/** One of the three conditions of a finished deploy. */
export interface Check {
  /** `met` and `failed` are final as far as is known; `open` can become either; `unknown` is never good news. */
  readonly state: 'met' | 'open' | 'failed' | 'unknown';
  /** The same in plain words, with the numbers. */
  readonly sentence: string;
}

/** A worker that the deploy waits for. Durations in s. */
export interface Waiting {
  readonly id: string;
  readonly version: string;
  readonly state: WorkerState;
  readonly sessions: number;
  /** Absent when it does not drain. */
  readonly drainingForSeconds?: number;
  /** How long it may drain; absent when no timeout is set. */
  readonly drainTimeoutSeconds?: number;
  /** How long ago it last reported. */
  readonly lastReportSeconds: number;
}

/** A worker that came up on an older version after the target had come up everywhere. */
export interface Leftover {
  readonly id: string;
  readonly version: string;
  /** Sessions it has started. */
  readonly started: number;
  /** Sessions it has now. */
  readonly active: number;
}

/** The verdict on a deploy. Times in Unix ms by the source's clock, durations in s. */
export interface Verdict {
  readonly target: string;
  readonly now: number;
  /** The start of the window; undefined while the target was never seen. */
  readonly since: number | undefined;
  readonly phase: Phase;
  readonly checks: {
    /** Every worker reports the target. */
    readonly version: Check;
    /** The old workers have drained to zero sessions. */
    readonly drained: Check;
    /** No session was dropped since the start. */
    readonly dropped: Check;
  };
  /** Workers that run; of these, those on the target; of these, those that accept; how many are expected to. */
  readonly workers: {
    readonly running: number;
    readonly onTarget: number;
    readonly accepting: number;
    readonly expected: number;
  };
  /** Sessions on workers that are not on the target or do not accept. */
  readonly sessionsLeft: number;
  /** Confirmed by a report; presumed of workers that went silent. */
  readonly dropped: { readonly confirmed: number; readonly presumed: number };
  /** What must leave, and silent workers whose sessions may still come back. */
  readonly waitingFor: readonly Waiting[];
  /**
   * Vanished without a goodbye and without sessions in their last report: they may live on with their telemetry cut. Does
   * not hold the deploy, except with `strict`.
   */
  readonly unaccounted: readonly Waiting[];
  readonly leftovers: readonly Leftover[];
  /** What does not decide, and must be seen: other pools that report, what matchers cut out, clocks. Plain sentences. */
  readonly notes: readonly string[];
  /** Sessions left by tenant, where tenants are reported. */
  readonly tenantsLeft: Readonly<Record<string, number>>;
  /**
   * Until the last session has left: a guess from how fast they leave, where their lengths are as different as those of
   * calls are, and no longer than the drain timeouts allow. Undefined when nothing drains or it is too early.
   */
  readonly timeLeftSeconds: number | 'not falling' | undefined;
  /** Until the last drain timeout is over; absent where a worker with sessions has none, or is past it. */
  readonly timeLeftAtMostSeconds?: number;
  /** How long a worker may be without a report before it is silent; how long a finished state should hold. */
  readonly silenceWindowSeconds: number;
}

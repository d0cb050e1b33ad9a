import type { Span } from '@opentelemetry/api';
import type { RejectionReason, SessionOutcome } from '../attributes.js';
import type { SessionInfo, SessionStart } from '../worker/pool.js';

/** What became of the goodbye. */
export interface Goodbye {
  /**
   * Whether the collector took it. `undefined` with a `meterProvider` that was passed in: it was flushed, and a
   * provider does not tell more.
   */
  readonly delivered: boolean | undefined;
  /**
   * Sessions that this worker lost in its life, those that were active at the goodbye included. `undefined` where the
   * pool does not tell how many are active: then nobody knows, and the goodbye does not say either.
   */
  readonly droppedSessions: number | undefined;
}

/** A session that was started by hand. Nothing here throws. */
export interface TelemetrySession {
  readonly info: SessionInfo;
  readonly span: Span;
  /** Runs code inside the session: `SessionSpanProcessor` tags the spans that are started in it. */
  run<T>(fn: () => T): T;
  /** Ends the session, as `success` unless told otherwise. A second call does nothing. */
  end(outcome?: SessionOutcome, error?: unknown): void;
}

/** The telemetry of one pool. */
export interface Telemetry extends AsyncDisposable {
  readonly workerId: string;
  readonly deploymentVersion: string;
  /** Starts a session by hand, for a pool that cannot be observed. */
  startSession(info?: SessionStart): TelemetrySession;
  /**
   * Runs `fn` as a session. It ends as `success`, as `cancelled` on an AbortError, else as `failed`; what `fn`
   * returns or throws is passed on.
   */
  session<T>(info: SessionStart, fn: (session: TelemetrySession) => T | Promise<T>): Promise<T>;
  /** Counts a job that was offered and not accepted. */
  rejectJob(reason: RejectionReason): void;
  /**
   * Says goodbye: waits for live sessions up to the drain timeout (not with `now`), counts those still active as
   * dropped, and sends the last report. Takes at most 3 s beyond the wait. A second call joins the first, and with
   * `now` ends its wait. When the goodbye did not arrive, a warning of that is out before it resolves. Never rejects
   * and never throws, whatever it is given: it can be a signal handler or a callback.
   */
  shutdown(options?: { readonly now?: boolean } | null): Promise<Goodbye>;
}

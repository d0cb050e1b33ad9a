import { DEFAULT_TENANT, type RejectionReason, type SessionOutcome } from './attributes.js';

/** What a pool says of itself at one moment. Only the first two fields are needed. */
export interface RuntimeSnapshot {
  /** Sessions now active. */
  readonly activeSessions: number;
  /** Whether the pool takes no new sessions and lets the live ones finish. */
  readonly draining: boolean;
  /** The deployment version the worker runs. Read once, when the pool is instrumented. */
  readonly deploymentVersion?: string | null;
  /** How long the pool may drain, in seconds. */
  readonly drainTimeoutSeconds?: number | null;
  /** Active sessions by tenant id. */
  readonly sessionsByTenant?: Readonly<Record<string, number>>;
  /** Active sessions by agent name. */
  readonly sessionsByAgent?: Readonly<Record<string, number>>;
  /** When the snapshot was taken, in Unix seconds. */
  readonly timestamp?: number;
  /** How long the pool has been up, in seconds. */
  readonly uptimeSeconds?: number;
  readonly registeredAgents?: number;
  /** Counts only together with `sessionsEnded`. */
  readonly totalSessionsStarted?: number;
  /**
   * Sessions ended in the pool's life, by outcome, for a pool that knows more than it tells observers. Then these
   * and `totalSessionsStarted` are what the counters tell, and what they were at the first snapshot is no news.
   */
  readonly sessionsEnded?: Readonly<Partial<Record<SessionOutcome, number>>>;
  readonly totalSessionFailures?: number;
  readonly lastRoutedAgent?: string | null;
  /** Can hold personal data; never exported. */
  readonly lastError?: string | null;
}

/** One session. */
export interface SessionInfo {
  /** Unique in the pool. */
  readonly id: string;
  readonly tenant: string;
  readonly agentName?: string;
  /** When the session was accepted. */
  readonly startedAt: Date;
  /** Whatever the pool knows of the session. Can hold personal data; never exported. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The version of the worker that took the session. */
  readonly deploymentVersion?: string;
  /** Whether an earlier process told its start: then its start span is not made again. */
  readonly isResumed?: boolean;
}

/** What a caller knows when a session starts: an id is made up and the rest has defaults where left out. */
export type SessionStart = Partial<SessionInfo>;

/** Is told of a pool's sessions. It may throw or hang; that never touches a session. */
export interface SessionObserver {
  onSessionStart?(session: SessionInfo): void;
  /** Runs `fn`, the session's code, once, and returns what it returns. */
  runSession?<T>(session: SessionInfo, fn: () => T): T;
  onSessionEnd?(session: SessionInfo, outcome: SessionOutcome, error?: unknown): void;
  onJobRejected?(reason: RejectionReason): void;
}

/** The worker that `instrument()` made of a pool. */
export interface PoolWorker {
  /** The version it reports as. */
  readonly deploymentVersion: string;
  /** Its last report, as `shutdown({ now: true })` of the telemetry. Never rejects. */
  goodbye(): Promise<unknown>;
}

/** Whatever runs sessions in this process: a literal object over a `Set` of sockets will do. */
export interface PoolLike {
  /** Cheap and synchronous: it is called a few times a second. */
  runtimeSnapshot(): RuntimeSnapshot;
  /** With this the pool's sessions get spans and counters. May return a function that ends the observing. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a pool that returns nothing is as welcome.
  observe?(observer: SessionObserver): (() => void) | void;
  /** For a pool that ends the process by itself: it is given the worker, and waits for its goodbye before. */
  onInstrument?(worker: PoolWorker): void;
}

/** A session with all that its caller left out. */
export function completed(start: SessionStart | undefined, deploymentVersion: string): SessionInfo {
  return Object.assign({}, start, {
    id: start?.id ?? crypto.randomUUID(),
    tenant: start?.tenant ?? DEFAULT_TENANT,
    startedAt: start?.startedAt ?? new Date(),
    deploymentVersion: start?.deploymentVersion ?? deploymentVersion,
  });
}

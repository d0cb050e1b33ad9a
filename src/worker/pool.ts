import { DEFAULT_TENANT, type RejectionReason, type SessionOutcome } from '../attributes.js';
import { attempt } from '../lib/attempt.js';

/** What a pool says of itself at one moment. Only the first two fields are needed. */
export interface RuntimeSnapshot {
  /** Sessions now active: a whole number. Where it never was one, what was dropped is unknown too. */
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
  readonly totalSessionsStarted?: number;
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
}

/** What a caller knows when a session starts: an id is made up and the rest has defaults where left out. */
export type SessionStart = Partial<SessionInfo>;

/** Hears of a pool's sessions. It may throw or hang; that never touches a session. */
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

/** A session with all that its caller left out, or that cannot be read. */
export function completed(start: SessionStart | undefined, deploymentVersion: string): SessionInfo {
  const read = <Name extends keyof SessionInfo>(name: Name) => attempt(() => start?.[name], undefined);
  const names = attempt(() => Object.keys(start ?? {}) as Array<keyof SessionInfo>, []);
  return Object.assign(Object.fromEntries(names.map((name) => [name, read(name)])), {
    id: read('id') ?? crypto.randomUUID(),
    tenant: read('tenant') ?? DEFAULT_TENANT,
    startedAt: read('startedAt') ?? new Date(),
    deploymentVersion: read('deploymentVersion') ?? deploymentVersion,
  });
}

/** A session: of a pool, or one started by hand. */
interface Runnable {
  run<T>(fn: () => T): T;
  end(outcome: SessionOutcome, error?: unknown): void;
}

/** Runs code as a session and ends it with the outcome; what the code returns or throws is passed on. */
export async function runToEnd<S extends Runnable, T>(
  session: S,
  fn: (session: S) => T | Promise<T>,
): Promise<T> {
  try {
    const result = await session.run(() => fn(session));
    session.end('success');
    return result;
  } catch (error) {
    const isAbort = attempt(() => (error as Error | null | undefined)?.name === 'AbortError', false);
    session.end(isAbort ? 'cancelled' : 'failed', error);
    throw error;
  }
}

/** Sessions of a pool's life. */
export interface PoolTotals {
  readonly started: number;
  readonly ended: Readonly<Partial<Record<SessionOutcome, number>>>;
}

/** What the pools we bring know beyond what every pool does. */
export interface PoolInternals {
  /** Whether this process loads the worker's file and is no worker itself. */
  readonly isInert?: boolean;
  /** For a pool that counts more sessions than it shows to observers: these then are what the counters report. */
  totals?(): PoolTotals;
  /** When the drain under way cuts off, in seconds from its start: this then goes over every option. */
  drainLimitSeconds?(): number | undefined;
  /** Whether an earlier process reported the start of a session: then its start span is not made again. */
  isResumed?(session: SessionInfo): boolean;
}

const INTERNALS = Symbol.for('openrtc-otel.pool-internals');

/** Gives a pool its internals, and returns it. */
export const withInternals = <Pool extends PoolLike>(pool: Pool, internals: PoolInternals): Pool =>
  Object.defineProperty(pool, INTERNALS, { value: internals });

export const internalsOf = (pool: PoolLike): PoolInternals | undefined =>
  (pool as { readonly [INTERNALS]?: PoolInternals })[INTERNALS];

import { randomUUID } from 'node:crypto';
import type { RejectionReason, SessionOutcome } from '../attributes.js';
import { attributeValue, DEFAULT_TENANT, SESSION_OUTCOMES } from '../attributes.js';
import { show } from '../lib/redact.js';
import {
  checkOptions,
  findProblem,
  isDate,
  isFunction,
  isSeconds,
  isWhole,
  LONGEST_TIMER_MS,
  type Rule,
  type Rules,
} from '../lib/validate.js';
import { isolate, Observers } from '../worker/observers.js';
import type {
  PoolLike,
  RuntimeSnapshot,
  SessionInfo,
  SessionObserver,
  SessionStart,
} from '../worker/pool.js';
import { runToEnd, withInternals } from '../worker/pool.js';
import { AuditLog, type AuditSink } from './audit.js';

const matching = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);
const MOST_SECONDS = Math.floor(LONGEST_TIMER_MS / 1000);

const TEXT: Rule = ['a string that is not empty', matching(/./s)];
const SECONDS: Rule = [
  `seconds from 0 to ${MOST_SECONDS}`,
  (value) => isSeconds(value) && value <= MOST_SECONDS,
];
const SESSION = { id: TEXT, agentName: TEXT, startedAt: ['a valid Date', isDate] } as const;
const POOL: Rules = {
  deploymentVersion: TEXT,
  maxConcurrentSessions: ['a whole number from 1', isWhole(1)],
  drainTimeoutSeconds: SECONDS,
  auditSink: ['a function', isFunction],
};

/** Options of a {@link SessionPool}. */
export interface SessionPoolOptions {
  /** The deployment version this process runs. @default none */
  readonly deploymentVersion?: string;
  /** How many sessions may be active at once; more are rejected as `at_capacity`. @default no limit */
  readonly maxConcurrentSessions?: number;
  /** How long a drain may take, in seconds (0 to 2147483), unless `drain()` is given another time. @default no limit */
  readonly drainTimeoutSeconds?: number;
  /** Is given an event for each rejected session and for the start of the drain. @default none */
  readonly auditSink?: AuditSink;
}

/** Options of {@link SessionPool.drain}. */
export interface DrainOptions {
  /**
   * When to cut off the sessions that are still active, in seconds from now, 0 to 2147483.
   * @default the pool's `drainTimeoutSeconds`
   */
  readonly timeoutSeconds?: number;
}

/** How a drain went. */
export interface DrainResult {
  /** Whether every session ended by itself. */
  readonly drained: boolean;
  /** The sessions that were still active at the timeout and ended as `dropped`. */
  readonly stillActive: readonly SessionInfo[];
}

/** A session of a {@link SessionPool}. */
export interface PoolSession {
  readonly info: SessionInfo;
  /** Aborted when the session is cut off at the drain timeout. */
  readonly signal: AbortSignal;
  /** Runs code of the session, so that spans made in it are tagged, and gives what `fn` gave. */
  run<T>(fn: () => T): T;
  /** Ends the session; the outcome is `success` by default. Only the first call counts. */
  end(outcome?: SessionOutcome, error?: unknown): void;
}

/** A session was not accepted. */
export class JobRejectedError extends Error {
  override readonly name = 'JobRejectedError';
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Runs the long sessions of one process: limits them, counts them and drains them.
 *
 * @example
 * ```ts
 * const pool = new SessionPool({ deploymentVersion: '1.4.2', drainTimeoutSeconds: 600 });
 *
 * server.on('connection', (socket) => {
 *   pool
 *     .run({ tenant: 'acme', agentName: 'support' }, ({ signal }) => talk(socket, signal))
 *     .catch((error) => socket.close(1013, error instanceof JobRejectedError ? error.reason : 'failed'));
 * });
 *
 * const stop = async () => {
 *   process.exitCode = (await pool.drain()).drained ? 0 : 1;
 * };
 * for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop); // a second signal joins the first
 * ```
 */
export class SessionPool implements PoolLike {
  readonly #options: SessionPoolOptions;
  readonly #audit: AuditLog;
  readonly #observers = new Observers();
  readonly #active = new Map<string, { readonly info: SessionInfo; readonly controller: AbortController }>();
  readonly #agents = new Set<string>();
  readonly #startedAt = performance.now();
  readonly #drains: ((stillActive: readonly SessionInfo[]) => void)[] = [];
  #drainingSince: number | undefined;
  /** When a drain under way cuts off, in seconds from the start of the first. */
  #drainLimit: number | undefined;
  #started = 0;
  #failures = 0;
  #lastAgent: string | null = null;
  #lastError: string | null = null;

  /** @throws TypeError for an option that is unknown or has a wrong value. */
  constructor(options: SessionPoolOptions = {}) {
    checkOptions(options, POOL);
    this.#options = { ...options };
    this.#audit = new AuditLog(options.auditSink, options.deploymentVersion ?? null);
    withInternals(this, { drainLimitSeconds: () => this.#drainLimit });
  }

  /**
   * Runs a session as long as `fn` runs, and gives what it gave. The outcome is `success` when `fn` resolves,
   * `cancelled` when it rejects with an `AbortError`, `failed` on any other error.
   *
   * @throws {@link JobRejectedError} as {@link SessionPool.start} does.
   */
  async run<T>(info: SessionStart, fn: (session: PoolSession) => T | Promise<T>): Promise<T> {
    return runToEnd(this.start(info), fn);
  }

  /**
   * Starts a session that lasts until its `end()`: for event-driven code. Where left out, `id` is made up,
   * `tenant` is `default` and `startedAt` is now. No tenant turns a call away: whatever it is, it is taken as a string of
   * at most 255 characters, and an empty one as `default`.
   *
   * @throws {@link JobRejectedError} `draining`, `at_capacity`, or `invalid`: an id that is active already, or a value
   * of a wrong type.
   */
  start(info: SessionStart = {}): PoolSession {
    const accepted = this.#accept(info);
    const { id, agentName } = accepted;
    const controller = new AbortController();
    this.#active.set(id, { info: accepted, controller });
    this.#started += 1;
    if (agentName !== undefined) {
      this.#agents.add(agentName);
      this.#lastAgent = agentName;
    }
    this.#observers.notify((observer) => observer.onSessionStart?.(accepted));
    return {
      info: accepted,
      signal: controller.signal,
      run: (fn) => this.#observers.run(accepted, fn),
      end: (outcome = 'success', error) => this.#end(accepted, outcome, error),
    };
  }

  /** Takes no new sessions from now on and lets the live ones finish. A second call does nothing. */
  beginDrain(): void {
    if (this.#drainingSince !== undefined) return;
    this.#drainingSince = performance.now();
    this.#audit.emit({ event: 'deployment.drain_started', result: 'ok', active_sessions: this.#active.size });
  }

  /**
   * Begins the drain and resolves when the last session has ended, or at the timeout: then each session still
   * active ends as `dropped`, whatever its code does later, and its signal is aborted.
   *
   * @throws TypeError (as a rejection, before the drain begins) for an unknown or wrong option.
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    checkOptions(options, { timeoutSeconds: SECONDS });
    const { timeoutSeconds: limit = this.#options.drainTimeoutSeconds } = options;
    const now = performance.now();
    const elapsed = (now - (this.#drainingSince ?? now)) / 1000;
    this.beginDrain();
    if (this.#active.size === 0) return { drained: true, stillActive: [] };
    if (limit !== undefined) {
      this.#drainLimit = Math.min(elapsed + limit, this.#drainLimit ?? Number.POSITIVE_INFINITY);
    }
    return new Promise((resolve) => {
      const timer = limit === undefined ? undefined : setTimeout(() => this.#drop(), limit * 1000);
      this.#drains.push((stillActive) => {
        clearTimeout(timer);
        resolve({ drained: stillActive.length === 0, stillActive });
      });
    });
  }

  /** Every field. `totalSessionFailures` counts the outcome `failed` only, as OpenRTC does. */
  runtimeSnapshot(): Required<RuntimeSnapshot> {
    const live = this.#live();
    return {
      timestamp: Date.now() / 1000,
      uptimeSeconds: (performance.now() - this.#startedAt) / 1000,
      registeredAgents: this.#agents.size,
      activeSessions: this.#active.size,
      draining: this.#drainingSince !== undefined,
      deploymentVersion: this.#options.deploymentVersion ?? null,
      drainTimeoutSeconds: this.#drainLimit ?? this.#options.drainTimeoutSeconds ?? null,
      totalSessionsStarted: this.#started,
      totalSessionFailures: this.#failures,
      lastRoutedAgent: this.#lastAgent,
      lastError: this.#lastError,
      sessionsByAgent: countBy(live, ({ agentName }) => agentName),
      sessionsByTenant: countBy(live, ({ tenant }) => tenant),
    };
  }

  /** Notifies `observer` of every session, of the live ones at once. Returns a function that ends this. */
  observe(observer: SessionObserver): () => void {
    return this.#observers.add(observer, this.#live());
  }

  #live(): SessionInfo[] {
    return Array.from(this.#active.values(), ({ info }) => info);
  }

  #accept(start: SessionStart): SessionInfo {
    const { maxConcurrentSessions: most = Number.POSITIVE_INFINITY, deploymentVersion } = this.#options;
    const { id = randomUUID(), tenant, startedAt = new Date(), agentName, metadata } = start ?? {};
    const active = this.#active.size;
    if (this.#drainingSince !== undefined)
      this.#reject('draining', 'expected a pool that takes sessions, got one that drains');
    if (active >= most) this.#reject('at_capacity', `expected fewer than ${most} sessions, got ${active}`);
    const problem = findProblem({ id, startedAt, agentName }, SESSION);
    if (problem !== undefined) this.#reject('invalid', `session ${problem}`);
    if (this.#active.has(id)) this.#reject('invalid', `session id: expected one not active, got ${show(id)}`);
    return Object.freeze({
      id,
      tenant: attributeValue(tenant ?? '') || DEFAULT_TENANT,
      startedAt,
      ...(agentName !== undefined && { agentName }),
      ...(metadata !== undefined && { metadata }),
      ...(deploymentVersion !== undefined && { deploymentVersion }),
    });
  }

  #reject(reason: RejectionReason, message: string): never {
    this.#audit.emit({ event: 'worker.rejected', result: 'rejected', reason });
    this.#observers.notify((observer) => observer.onJobRejected?.(reason));
    throw new JobRejectedError(reason, message);
  }

  #end(info: SessionInfo, given: SessionOutcome, error?: unknown): void {
    // The id may belong to a later session by now.
    if (this.#active.get(info.id)?.info !== info) return;
    this.#active.delete(info.id);
    if (given === 'failed') {
      this.#failures += 1;
      // Not every error can be made a string.
      isolate(() => {
        this.#lastError = error === undefined ? null : String(error);
      });
    }
    const outcome = SESSION_OUTCOMES.includes(given) ? given : 'unknown';
    this.#observers.notify((observer) => observer.onSessionEnd?.(info, outcome, error));
    if (this.#active.size === 0) this.#settleDrains([]);
  }

  #drop(): void {
    const cut = [...this.#active.values()];
    this.#settleDrains(cut.map(({ info }) => info));
    for (const { info } of cut) this.#end(info, 'dropped');
    // After all have ended: code that listens to a signal must not end a session as a success.
    const reason = new DOMException('The session was cut off at the drain timeout', 'AbortError');
    for (const { controller } of cut) controller.abort(reason);
  }

  #settleDrains(stillActive: readonly SessionInfo[]): void {
    for (const settle of this.#drains.splice(0)) settle(stillActive);
  }
}

function countBy(sessions: readonly SessionInfo[], read: (session: SessionInfo) => string | undefined) {
  const counts = new Map<string, number>();
  for (const key of sessions.map(read)) {
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

import type { SessionOutcome } from '../attributes.js';
import type { PoolLike, RuntimeSnapshot, SessionObserver } from '../pool.js';
import type { ListedSession, PoolFacts, SessionEvent } from './facts.js';
import { SessionCounts } from './session-counts.js';
import { SessionSpans } from './session-spans.js';

/** Our clock of the drain can be behind the worker's: what ends this shortly before the timeout was cut off by it. */
const CUT_OFF_EARLY_MS = 1_000;
/** The socket's figures are used when neither stream nor endpoint told any for so long. */
const SNAPSHOT_MS = 5_000;

export interface OpenRtcPythonOptions {
  /** Unix seconds. */
  readonly startedAt: number;
  readonly deploymentVersion: string | undefined;
  /** How long the worker may drain, in seconds: the `drain_timeout` of its pool. No limit when undefined. */
  readonly drainTimeoutSeconds: number | undefined;
  /** Whether events will tell how sessions ended. */
  readonly hasStream: boolean;
  /** A clock in milliseconds that only goes forward. @default performance.now */
  readonly now?: () => number;
}

/** One life of an OpenRTC worker, as its outputs tell it, as a pool for `instrument()`. */
export class OpenRtcPythonPool implements PoolLike {
  readonly #options: OpenRtcPythonOptions;
  readonly #now: () => number;
  readonly #counts = new SessionCounts();
  readonly #spans = new SessionSpans();
  readonly #events = { started: 0, finished: 0, failed: 0 };
  #active = 0;
  #tenants: Readonly<Record<string, number>> = {};
  #isDraining = false;
  #drainingSince: number | undefined;
  #isCutOff = false;
  #snapshotAt = Number.NEGATIVE_INFINITY;
  /** Of the socket's last answer. */
  #listed: { readonly finished: number; readonly failed: number | undefined } | undefined;

  constructor(options: OpenRtcPythonOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes a snapshot, of the stream or of the health endpoint. */
  takeSnapshot(facts: PoolFacts): void {
    this.look();
    this.#snapshotAt = this.#now();
    const { started, active } = facts;
    this.#take(facts, started === undefined ? undefined : { started, finished: started - active });
  }

  /** Takes an event of the stream. */
  takeEvent(event: SessionEvent): void {
    this.look();
    if (event.event === 'session_started') this.#events.started++;
    else if (event.event === 'session_finished') this.#events.finished++;
    else this.#events.failed++;
    const before = this.#counts.active;
    this.#counts.take(this.#events, this.#isAtTimeout());
    // An event can be newer than the snapshot that is written before it.
    this.#active = Math.max(0, this.#active + this.#counts.active - before);
    if (event.event !== 'session_started') this.#spans.take(event, this.#now());
  }

  /** Takes what the introspection socket answered. */
  takeSocketAnswer(facts: PoolFacts, sessions: readonly ListedSession[]): void {
    this.look();
    this.#spans.list(sessions, this.#now(), this.#outcomeOfUnlisted(facts));
    const { failed, active } = facts;
    const started = facts.started ?? this.#spans.listed;
    // The socket counts starts and lists sessions at two moments: only what it tells twice is taken.
    const finished = Math.min(started - active, this.#listed?.finished ?? Number.POSITIVE_INFINITY);
    this.#listed = { finished: started - active, failed };
    if (this.#now() - this.#snapshotAt < SNAPSHOT_MS) this.#noteDraining(facts);
    else this.#take(facts, { started, finished });
  }

  /** The worker drains, since a moment of the clock, though it does not say so. */
  drain(since = this.#now()): void {
    this.#isDraining = true;
    this.#drainingSince = Math.min(since, this.#drainingSince ?? since);
  }

  /** To be called a few times a second: at the drain timeout what is active is dropped. */
  look(): void {
    if (this.#isCutOff || this.#now() < this.#timeoutAt()) return;
    this.#isCutOff = true;
    this.#counts.cutOff(this.#active);
    this.#spans.cutOff();
  }

  /**
   * The worker is gone, and its last sessions with it: dropped, unless it closed by itself (`hasClosed`) while it
   * drained and before the timeout, and no stream told the end of the last ones: OpenRTC does that when all have ended.
   */
  end(hasClosed: boolean): void {
    this.look();
    const isDrained = hasClosed && this.#isDraining && !this.#isAtTimeout() && !this.#options.hasStream;
    const outcome = isDrained ? 'unknown' : 'dropped';
    this.#spans.end(this.#counts.end(this.#active, outcome), outcome);
    this.#active = 0;
    this.#tenants = {};
  }

  observe(observer: SessionObserver): () => void {
    return this.#spans.observe(observer);
  }

  runtimeSnapshot(): RuntimeSnapshot {
    const { startedAt, deploymentVersion, drainTimeoutSeconds } = this.#options;
    const timestamp = Date.now() / 1000;
    return {
      timestamp,
      uptimeSeconds: Math.max(0, timestamp - startedAt),
      activeSessions: this.#active,
      draining: this.#isDraining,
      deploymentVersion: deploymentVersion ?? null,
      drainTimeoutSeconds: drainTimeoutSeconds ?? null,
      sessionsByTenant: this.#tenants,
      totalSessionsStarted: this.#counts.started,
      sessionsEnded: this.#counts.ended,
    };
  }

  #take(facts: PoolFacts, sums: { readonly started: number; readonly finished: number } | undefined): void {
    this.#noteDraining(facts);
    this.#active = facts.active;
    this.#tenants = facts.tenants ?? this.#tenants;
    if (sums) this.#counts.take({ ...sums, failed: facts.failed }, this.#isAtTimeout());
  }

  /** The worker's flag counts, and so does what it does not say: see `drain`. */
  #noteDraining({ draining }: PoolFacts): void {
    if (draining) this.drain();
  }

  #timeoutAt(): number {
    const { drainTimeoutSeconds: seconds = Number.POSITIVE_INFINITY } = this.#options;
    return (this.#drainingSince ?? Number.POSITIVE_INFINITY) + seconds * 1000;
  }

  #isAtTimeout(): boolean {
    const { drainTimeoutSeconds: seconds = 0 } = this.#options;
    return this.#now() >= this.#timeoutAt() - Math.min(CUT_OFF_EARLY_MS, (seconds * 1000) / 10);
  }

  #outcomeOfUnlisted({ failed }: PoolFacts): SessionOutcome | undefined {
    if (this.#isAtTimeout()) return 'dropped';
    if (this.#options.hasStream) return undefined;
    return failed !== undefined && failed === this.#listed?.failed ? 'success' : 'unknown';
  }
}

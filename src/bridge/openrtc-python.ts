import type { SessionOutcome } from '../attributes.js';
import { type PoolLike, type RuntimeSnapshot, type SessionObserver, withInternals } from '../worker/pool.js';
import { DrainClock, type Period } from './drain-clock.js';
import type { ListedSession, PoolFacts, SessionEvent } from './parse.js';
import { type EndedAs, SessionCounts } from './session-counts.js';
import { SessionSpans } from './session-spans.js';

/** The socket's figures are used when neither stream nor endpoint gave any for so long. */
const SNAPSHOT_MS = 5_000;
/** So many snapshots that contradict the socket are no chance. */
const BLIND_SNAPSHOTS = 3;

export interface OpenRtcPythonOptions {
  /** Unix seconds. */
  readonly startedAt: number;
  readonly deploymentVersion?: string | undefined;
  /** How long the worker may drain, in seconds: the `drain_timeout` of its pool. No limit when undefined. */
  readonly drainTimeoutSeconds?: number | undefined;
  /** Whether there are events, which have the outcomes of sessions. */
  readonly hasStream: boolean;
  /** When this process began to look for the worker, in Unix milliseconds. */
  readonly watchedSince: number;
  /** A clock in milliseconds that only goes forward. @default performance.now */
  readonly now?: () => number;
}

/** One life of an OpenRTC worker, read from its outputs, as a pool for `instrument()`. */
export class OpenRtcPythonPool implements PoolLike {
  readonly #options: OpenRtcPythonOptions;
  readonly #now: () => number;
  readonly #counts = new SessionCounts();
  readonly #spans: SessionSpans;
  readonly #events = { started: 0, finished: 0, failed: 0 };
  #active = 0;
  #tenants: Readonly<Record<string, number>> = {};
  readonly #drain: DrainClock;
  #isCutOff = false;
  /** Between the last two snapshots, and between the last two answers of the socket. */
  #snapshots: Period | undefined;
  #answers: Period | undefined;
  /** How many sessions have started, by the last snapshot. */
  #counted: number | undefined;
  /** Snapshots in a row that counted fewer sessions than the socket listed. */
  #blindSnapshots = 0;
  /** How many sessions were ever listed, before the last answer: no snapshot is older than that. */
  #listedBefore = 0;
  #hasJobProcesses = false;
  #isStreamStopped = false;
  /** Of the socket's last answer. */
  #listed: { readonly finished: number; readonly failed: number | undefined } | undefined;

  constructor(options: OpenRtcPythonOptions) {
    this.#options = options;
    this.#spans = new SessionSpans(options.watchedSince);
    this.#now = options.now ?? (() => performance.now());
    this.#drain = new DrainClock(options.drainTimeoutSeconds);
    withInternals(this, {
      totals: () => this.#counts,
      isResumed: (session) => this.#spans.isResumed(session),
    });
  }

  /** Whether its snapshots do not count sessions that its socket lists. */
  get isContradicted(): boolean {
    return this.#blindSnapshots >= BLIND_SNAPSHOTS;
  }

  get isDraining(): boolean {
    return this.#drain.isDraining;
  }

  /** Takes a snapshot, of the stream or of the health endpoint. @param at when it was made, on the clock */
  takeSnapshot(facts: PoolFacts, at = this.#now()): void {
    this.update();
    this.#snapshots = next(this.#snapshots, at);
    const { started, active } = facts;
    this.#counted = started ?? this.#counted;
    this.#drain.report(facts.draining, at);
    const isBlind = started !== undefined && started < this.#listedBefore;
    this.#blindSnapshots = isBlind ? this.#blindSnapshots + 1 : 0;
    // Of two sources the one that shows a session is right.
    if (this.#isBlind) return;
    const sums = started === undefined ? undefined : { started, finished: started - active };
    this.#take(facts, sums, this.#snapshots);
  }

  /** Takes an event of the stream. */
  takeEvent(event: SessionEvent): void {
    this.update();
    if (event.event === 'session_started') this.#events.started++;
    else if (event.event === 'session_finished') this.#events.finished++;
    else this.#events.failed++;
    const before = this.#counts.active;
    const endedAs = this.#endedAs(this.#snapshots ?? this.#thisMoment, this.#active);
    this.#counts.take(this.#events, endedAs);
    // An event can be newer than the snapshot that is written before it.
    this.#active = Math.max(0, this.#active + this.#counts.active - before);
    if (event.event !== 'session_started') this.#spans.take(event, this.#now(), endedAs);
  }

  /** Takes what the introspection socket answered. */
  takeSocketAnswer(given: PoolFacts, sessions: readonly ListedSession[]): void {
    this.update();
    // The end of a session is counted one answer after it is listed no more.
    const period = { after: this.#answers?.after ?? this.#now(), until: this.#now() };
    this.#answers = next(this.#answers, this.#now());
    this.#listedBefore = this.#spans.listed;
    this.#drain.report(given.draining, this.#answers.until);
    this.#hasJobProcesses = given.hasJobProcesses ?? false;
    // A worker does not see how a process of its ends: OpenRTC then counts no failure, whatever happens.
    const facts = this.#isIsolated ? { ...given, failed: undefined } : given;
    this.#spans.list(sessions, this.#now(), this.#outcomeOfUnlisted(facts));
    const { failed, active } = facts;
    const started = facts.started ?? this.#spans.listed;
    // The socket counts starts and lists sessions at two moments: only what it reports twice is taken.
    const finished = Math.min(started - active, this.#listed?.finished ?? Number.POSITIVE_INFINITY);
    this.#listed = { finished: started - active, failed };
    const snapshotAt = this.#snapshots?.until ?? Number.NEGATIVE_INFINITY;
    const isAlone = this.#isIsolated || this.#now() - snapshotAt >= SNAPSHOT_MS;
    // Where only the next snapshot is awaited, that one has the outcomes.
    if (isAlone || this.#isBlind) this.#take(facts, { started, finished: isAlone ? finished : 0 }, period);
  }

  /** The worker drains, since a moment of the clock, though it does not report it. */
  drain(since = this.#now()): void {
    this.#drain.begin(since);
  }

  /** Whether its stream stopped though it goes on: then no events will follow. */
  streamStopped(isStopped: boolean): void {
    this.#isStreamStopped = isStopped;
  }

  /** To be called a few times a second: at the drain timeout what is active is dropped. */
  update(): void {
    // A worker that reports its drain shows whom its timeout cuts off: one session of those that share its process.
    if (this.#drain.isReported && !this.#isIsolated) return;
    if (this.#drain.isOver(this.#now())) this.#cutOff();
  }

  /**
   * The worker is gone, and its last sessions with it: dropped, unless it closed by itself (`hasClosed`) while it
   * drained and before the timeout, and no stream reports the end of the last ones: OpenRTC closes when all have ended.
   */
  end(hasClosed: boolean): void {
    this.update();
    const last = { after: this.#answers?.until ?? this.#now(), until: this.#now() };
    const isDrained = hasClosed && this.isDraining && !this.#drain.isIn(last) && !this.#hasOutcomes;
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
      draining: this.isDraining,
      deploymentVersion: deploymentVersion ?? null,
      drainTimeoutSeconds: drainTimeoutSeconds ?? null,
      sessionsByTenant: this.#tenants,
      totalSessionsStarted: this.#counts.started,
    };
  }

  /** A session is counted before it is listed, so a snapshot that has fewer of them misses some. */
  get #isBlind(): boolean {
    return this.#counted !== undefined && this.#counted < this.#spans.listed;
  }

  /** Whether each session runs in a process of its own. */
  get #isIsolated(): boolean {
    const isKnown = this.#hasJobProcesses || this.isContradicted;
    return isKnown && (this.#isBlind || this.#counted === undefined);
  }

  /** Whether there are events of how sessions ended. */
  get #hasOutcomes(): boolean {
    return this.#options.hasStream && !this.#isStreamStopped && !this.#isIsolated;
  }

  get #thisMoment(): Period {
    return { after: this.#now(), until: this.#now() };
  }

  #take(
    facts: PoolFacts,
    sums: { readonly started: number; readonly finished: number } | undefined,
    period: Period,
  ): void {
    // At its timeout OpenRTC cuts off a session, at least. Where it cut off none, its timeout is at another time.
    const isMissed = this.#drain.isBefore(period.after) && this.#counts.ended.dropped === 0;
    if (isMissed) this.#cutOff();
    this.#active = facts.active;
    this.#tenants = facts.tenants ?? this.#tenants;
    if (sums) this.#counts.take({ ...sums, failed: facts.failed }, this.#endedAs(period, facts.active));
  }

  /** @param active how many sessions were left then */
  #endedAs(period: Period, active: number): EndedAs {
    if (this.#drain.isIn(period)) return 'dropped';
    // All at once, as the drain began: OpenRTC closes like this, and cuts all off, after calls that failed in a row.
    return active === 0 && this.#drain.beganIn(period) ? 'unknown' : undefined;
  }

  #cutOff(): void {
    if (this.#isCutOff) return;
    this.#isCutOff = true;
    this.#counts.cutOff(this.#active);
    this.#spans.cutOff();
  }

  #outcomeOfUnlisted({ failed }: PoolFacts): SessionOutcome | undefined {
    if (this.#hasOutcomes) return undefined;
    if (this.#drain.isIn(this.#answers ?? this.#thisMoment)) return 'dropped';
    return failed !== undefined && failed === this.#listed?.failed ? 'success' : 'unknown';
  }
}

const next = (last: Period | undefined, at: number): Period => ({ after: last?.until ?? at, until: at });

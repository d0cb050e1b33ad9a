import type { SessionOutcome } from '../attributes.js';
import { Observers } from '../worker/observers.js';
import type { SessionInfo, SessionObserver } from '../worker/pool.js';
import type { ListedSession, SessionEvent } from './parse.js';
import { POLL_EVERY_MS } from './poll.js';
import type { EndedAs } from './session-counts.js';

/** How long to wait for the event of a session's end. */
const EVENT_MS = 5_000;
/** How many events are kept while the socket does not answer. */
const MOST_EVENTS = 1_000;

interface Ended {
  readonly session: SessionInfo;
  readonly at: number;
}

interface PastEvent {
  readonly event: SessionEvent;
  readonly at: number;
  readonly endedAs: EndedAs;
}

/**
 * Notifies observers of the sessions that the introspection socket lists. A session has ended when it is listed no
 * more; how it ended is in the next event of its tenant and agent, since events carry no session id.
 */
export class SessionSpans {
  readonly #observers = new Observers();
  readonly #live = new Map<string, SessionInfo>();
  /** Ended as dropped at the drain timeout, and still listed. */
  readonly #cutOffIds = new Set<string>();
  #ended: Ended[] = [];
  #events: PastEvent[] = [];
  readonly #resumed = new WeakSet<SessionInfo>();
  #listed = 0;
  #hasListed = false;

  /** @param watchedSince when this process began to look for the worker, in Unix milliseconds. */
  constructor(readonly watchedSince: number) {}

  /** How many sessions were ever listed. */
  get listed(): number {
    return this.#listed;
  }

  /** Whether an earlier bridge reported its start. */
  isResumed(session: SessionInfo): boolean {
    return this.#resumed.has(session);
  }

  observe(observer: SessionObserver): () => void {
    return this.#observers.add(observer, [...this.#live.values()]);
  }

  /** @param outcome how those ended that are listed no more; undefined when an event will follow. */
  list(sessions: readonly ListedSession[], now: number, outcome: SessionOutcome | undefined): void {
    const listed = new Set(sessions.map(({ id }) => id));
    for (const [id, session] of this.#live) {
      if (listed.has(id)) continue;
      this.#live.delete(id);
      if (outcome) this.#notifyEnd(session, outcome);
      else this.#ended.push({ session, at: now });
    }
    for (const { id, tenant, agentName, seconds } of sessions) {
      if (this.#live.has(id) || this.#cutOffIds.has(id)) continue;
      const startedAt = new Date(Date.now() - seconds * 1000);
      const session = { id, tenant, startedAt, ...(agentName !== '' && { agentName }) };
      // Whoever read this worker before has reported the start of what is older than this process' first look.
      const isOld = startedAt.getTime() < this.watchedSince - 2 * POLL_EVERY_MS;
      if (!this.#hasListed && isOld) this.#resumed.add(session);
      this.#live.set(id, session);
      this.#listed++;
      this.#observers.notify((observer) => observer.onSessionStart?.(session));
    }
    this.#hasListed = true;
    this.#match();
    // Sessions that were never listed have events too.
    this.#events = this.#events.filter(({ at }) => now - at < EVENT_MS);
    for (const { session } of this.#ended.filter(({ at }) => now - at >= EVENT_MS)) {
      this.#notifyEnd(session, 'unknown');
    }
    this.#ended = this.#ended.filter(({ at }) => now - at < EVENT_MS);
  }

  /** @param event that a session finished or failed. */
  take(event: SessionEvent, now: number, endedAs: EndedAs): void {
    if (!this.#hasListed) return;
    this.#events = [...this.#events.slice(-MOST_EVENTS), { event, at: now, endedAs }];
    this.#match();
  }

  /** The drain timeout: what is live is dropped. */
  cutOff(): void {
    for (const session of this.#live.values()) {
      this.#cutOffIds.add(session.id);
      this.#notifyEnd(session, 'dropped');
    }
    this.#live.clear();
  }

  /** The worker is gone, and `lost` of its sessions ended with it, as `outcome`. */
  end(lost: number, outcome: SessionOutcome): void {
    this.#ended.push(...Array.from(this.#live.values(), (session) => ({ session, at: 0 })));
    this.#live.clear();
    this.#match();
    // What was listed last was lost; the end of any others is not known.
    const known = this.#ended.length - lost;
    for (const [index, { session }] of this.#ended.entries()) {
      this.#notifyEnd(session, index < known ? 'unknown' : outcome);
    }
    this.#ended = [];
  }

  /** A failure has two events: that of the end comes last. */
  #match(): void {
    this.#ended = this.#ended.filter(({ session }) => {
      const isOfIt = ({ event }: PastEvent) =>
        event.tenant === session.tenant && event.agentName === (session.agentName ?? '');
      const end = this.#events.find((past) => isOfIt(past) && past.event.event === 'session_finished');
      if (!end) return true;
      const failure = this.#events.find((past) => isOfIt(past) && past.event.event === 'session_failed');
      this.#events = this.#events.filter((past) => past !== end && past !== failure);
      if (failure && end.endedAs !== 'dropped')
        this.#notifyEnd(session, 'failed', errorOf(failure.event.errorName));
      else this.#notifyEnd(session, end.endedAs ?? 'success');
      return false;
    });
  }

  #notifyEnd(session: SessionInfo, outcome: SessionOutcome, error?: Error): void {
    this.#observers.notify((observer) => observer.onSessionEnd?.(session, outcome, error));
  }
}

function errorOf(name: string | undefined): Error | undefined {
  return name === undefined ? undefined : Object.assign(new Error(), { name });
}

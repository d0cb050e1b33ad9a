import type { SessionOutcome } from '../attributes.js';
import type { SessionInfo, SessionObserver } from '../pool.js';
import { Observers } from '../pools/observers.js';
import type { ListedSession, SessionEvent } from './facts.js';
import { ASK_EVERY_MS } from './sign.js';

/** How long the event that tells how a session ended is waited for. */
const EVENT_MS = 5_000;
/** What waits for its session while the socket does not answer. */
const MOST_OUTCOMES = 1_000;

interface Ended {
  readonly session: SessionInfo;
  readonly at: number;
}

interface Outcome {
  readonly event: SessionEvent;
  readonly at: number;
}

/**
 * The sessions that the introspection socket lists, told to observers. A session has ended when it is listed no
 * more; how it ended is told by the next event of its tenant and agent, since events carry no session id.
 */
export class SessionSpans {
  readonly #observers = new Observers();
  readonly #live = new Map<string, SessionInfo>();
  /** Told as dropped at the drain timeout, and still listed. */
  readonly #doomed = new Set<string>();
  #ended: Ended[] = [];
  #outcomes: Outcome[] = [];
  #listed = 0;
  #hasListed = false;

  /** How many sessions were ever listed. */
  get listed(): number {
    return this.#listed;
  }

  observe(observer: SessionObserver): () => void {
    return this.#observers.add(observer, [...this.#live.values()]);
  }

  /** @param outcome how those ended that are listed no more; undefined when an event is to tell. */
  list(sessions: readonly ListedSession[], now: number, outcome: SessionOutcome | undefined): void {
    const listed = new Set(sessions.map(({ id }) => id));
    for (const [id, session] of this.#live) {
      if (listed.has(id)) continue;
      this.#live.delete(id);
      if (outcome) this.#tellEnd(session, outcome);
      else this.#ended.push({ session, at: now });
    }
    for (const { id, tenant, agentName, seconds } of sessions) {
      if (this.#live.has(id) || this.#doomed.has(id)) continue;
      const startedAt = new Date(Date.now() - seconds * 1000);
      // Whoever read this worker before has told the start of what is old when it is first looked at.
      const isResumed = !this.#hasListed && seconds * 1000 > 2 * ASK_EVERY_MS;
      const session = { id, tenant, startedAt, isResumed, ...(agentName !== '' && { agentName }) };
      this.#live.set(id, session);
      this.#listed++;
      this.#observers.notify((observer) => observer.onSessionStart?.(session));
    }
    this.#hasListed = true;
    this.#match();
    // Sessions that were never listed have events too.
    this.#outcomes = this.#outcomes.filter(({ at }) => now - at < EVENT_MS);
    for (const { session } of this.#ended.filter(({ at }) => now - at >= EVENT_MS)) {
      this.#tellEnd(session, 'unknown');
    }
    this.#ended = this.#ended.filter(({ at }) => now - at < EVENT_MS);
  }

  /** @param event that a session finished or failed. */
  take(event: SessionEvent, now: number): void {
    if (!this.#hasListed) return;
    this.#outcomes = [...this.#outcomes.slice(-MOST_OUTCOMES), { event, at: now }];
    this.#match();
  }

  /** The drain timeout: what is live is dropped. */
  cutOff(): void {
    for (const session of this.#live.values()) {
      this.#doomed.add(session.id);
      this.#tellEnd(session, 'dropped');
    }
    this.#live.clear();
  }

  /** The worker is gone, and `lost` of its sessions ended with it, as `outcome`. */
  end(lost: number, outcome: SessionOutcome): void {
    this.#ended.push(...Array.from(this.#live.values(), (session) => ({ session, at: 0 })));
    this.#live.clear();
    this.#match();
    // What was listed last was lost; of any others nobody told the end.
    const known = this.#ended.length - lost;
    for (const [index, { session }] of this.#ended.entries()) {
      this.#tellEnd(session, index < known ? 'unknown' : outcome);
    }
    this.#ended = [];
  }

  /** A failure has two events: that of the end comes last. */
  #match(): void {
    this.#ended = this.#ended.filter(({ session }) => {
      const isOfIt = ({ event }: Outcome) =>
        event.tenant === session.tenant && event.agentName === (session.agentName ?? '');
      const end = this.#outcomes.find((told) => isOfIt(told) && told.event.event === 'session_finished');
      if (!end) return true;
      const failure = this.#outcomes.find((told) => isOfIt(told) && told.event.event === 'session_failed');
      this.#outcomes = this.#outcomes.filter((told) => told !== end && told !== failure);
      if (failure) this.#tellEnd(session, 'failed', named(failure.event.errorName));
      else this.#tellEnd(session, 'success');
      return false;
    });
  }

  #tellEnd(session: SessionInfo, outcome: SessionOutcome, error?: Error): void {
    this.#observers.notify((observer) => observer.onSessionEnd?.(session, outcome, error));
  }
}

function named(name: string | undefined): Error | undefined {
  return name === undefined ? undefined : Object.assign(new Error(), { name });
}

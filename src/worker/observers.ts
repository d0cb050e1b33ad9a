import type { SessionInfo, SessionObserver } from './pool.js';

/** Calls `hook`. What it throws or rejects with goes nowhere, and nobody waits for it. */
export function isolate(hook: () => unknown): void {
  try {
    Promise.resolve(hook()).catch(() => {});
  } catch {
    // A broken observer or sink must never touch a session.
  }
}

/** Runs `fn` at the first call; every call gives what that one gave, a throw included. */
function once<T>(fn: () => T): () => T {
  let result: () => T;
  let called = false;
  return () => {
    if (!called) {
      called = true;
      try {
        const value = fn();
        result = () => value;
      } catch (error) {
        result = () => {
          throw error;
        };
      }
    }
    return result();
  };
}

function within<T>(observer: SessionObserver, session: SessionInfo, inner: () => T): () => T {
  return once(() => {
    let returned: unknown;
    let result: T | undefined;
    try {
      returned = observer.runSession?.(session, inner);
    } catch {
      // Its own error, or the session's, which the next call of `inner` throws again.
    }
    try {
      result = inner();
      return result;
    } finally {
      // A session's own promise is left alone: to catch it here would hide that nobody else does.
      if (returned !== result) isolate(() => returned);
    }
  });
}

/** The observers of a pool: each is isolated from the sessions and from the other observers. */
export class Observers {
  readonly #observers = new Set<SessionObserver>();

  /** Adds an observer and tells it of the sessions that are already live. */
  add(observer: SessionObserver, live: readonly SessionInfo[]): () => void {
    if (!this.#observers.has(observer)) {
      this.#observers.add(observer);
      for (const session of live) isolate(() => observer.onSessionStart?.(session));
    }
    return () => {
      this.#observers.delete(observer);
    };
  }

  notify(tell: (observer: SessionObserver) => void): void {
    // A copy: an observer added by a hook has been told of this session when it was added.
    for (const observer of [...this.#observers]) isolate(() => tell(observer));
  }

  /** Runs `fn` exactly once, inside every observer's `runSession`, and gives what it gave. */
  run<T>(session: SessionInfo, fn: () => T): T {
    let run = once(fn);
    for (const observer of this.#observers) run = within(observer, session, run);
    return run();
  }
}

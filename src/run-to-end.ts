import type { SessionOutcome } from './attributes.js';

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
    const isAbort = (error as Error | null | undefined)?.name === 'AbortError';
    session.end(isAbort ? 'cancelled' : 'failed', error);
    throw error;
  }
}

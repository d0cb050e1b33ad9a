import type { SessionOutcome } from '../../src/attributes.js';
import { JobRejectedError } from '../../src/pools/index.js';
import type { SessionObserver } from '../../src/worker/pool.js';

export type Log = [hook: string, id: string, outcome?: SessionOutcome, error?: unknown][];

export function boom(_?: unknown): never {
  throw new Error('observer');
}

export const hang = () => new Promise<never>(() => {});
export const tick = () => new Promise((resolve) => setImmediate(resolve));

export function record(log: Log): SessionObserver {
  return {
    onSessionStart: ({ id }) => log.push(['start', id]),
    onSessionEnd: ({ id }, outcome, error) => log.push(['end', id, outcome, error]),
    onJobRejected: (reason) => log.push(['rejected', reason]),
  };
}

export function rejection(start: () => unknown): JobRejectedError {
  try {
    start();
  } catch (error) {
    if (error instanceof JobRejectedError) return error;
    throw error;
  }
  throw new Error('the session was accepted');
}

/** What reached the process as an unhandled rejection while `run` ran. */
export async function unhandledRejections(run: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => seen.push(reason));
  try {
    await run();
    await tick();
    await tick();
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
  return seen;
}

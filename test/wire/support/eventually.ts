import { vi } from 'vitest';

/** Waits until an assertion holds. Generous, because the machine may be busy with other tests. */
export function eventually<T>(assertion: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertion, { timeout: 60_000, interval: 20 });
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';

/** Listens, around each test, to what the package says. Returns a function that gives what a test was told so far. */
export function listenToWarnings(): () => Promise<string[]> {
  let said: string[] = [];
  const listen = (warning: Error) => {
    if (warning.name === 'openrtc-otel') said.push(warning.message);
  };
  beforeEach(() => {
    said = [];
    process.on('warning', listen);
  });
  afterEach(async () => {
    // Node tells warnings on the next tick: none may reach the next test.
    await nextTurn();
    process.off('warning', listen);
  });
  return async () => {
    await nextTurn();
    return [...said];
  };
}

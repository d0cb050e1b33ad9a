import { setTimeout as sleep } from 'node:timers/promises';

/** Later than a timer of a busy machine. */
const STALLED_MS = 500;

/** Until the next look. Who was stopped meanwhile first takes in the reports that waited for it. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const begun = performance.now();
  const rest = () => sleep(ms, undefined, { signal }).catch(() => {});
  await rest();
  if (performance.now() - begun > ms + STALLED_MS) await rest();
}

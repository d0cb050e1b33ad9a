import { EXIT } from './args/exit-codes.js';

/** What a signal makes a command exit with. */
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

/** Is aborted by the first signal, with its exit code as the reason. A second signal ends the process at once. */
export function stopOnSignal(): AbortController {
  const stop = new AbortController();
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCode);
      stop.abort(exitCode);
    });
  }
  return stop;
}

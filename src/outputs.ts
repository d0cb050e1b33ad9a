import type { Report } from './worker.js';

/** Where a worker's reports go: our own pipeline, or a provider that was passed in. */
export interface MetricsOutput {
  /** Reports now. Resolves when that is done, well or not. */
  flush(): Promise<void>;
  /** Sends the last report; tells whether it was delivered, or undefined where that can not be known. */
  goodbye(report: Report): Promise<boolean | undefined>;
  close(): void;
}

/** Where a worker's spans go. */
export interface SpansOutput {
  /** A start span was made: it should leave soon. */
  sessionStarted(): void;
  /** Sends what waits. Resolves when that is done, well or not. */
  flush(): Promise<void>;
  close(): void;
}

export interface Outputs {
  readonly metrics?: MetricsOutput;
  readonly spans?: SpansOutput;
}

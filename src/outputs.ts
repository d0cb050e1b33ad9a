import type { HrTime } from '@opentelemetry/api';
import type { Report, Totals } from './worker.js';

/** What a report told of the sums: the goodbye goes on from there. */
export interface Told {
  readonly sumsStart: HrTime;
  readonly time: HrTime;
  readonly totals: Totals;
}

/** Where a worker's reports go: our own pipeline, or a provider that was passed in. */
export interface MetricsOutput {
  /** Reports now. Resolves when that is done, well or not. */
  flush(): Promise<void>;
  /**
   * Sends the last report; tells whether it was delivered, or undefined where that can not be known.
   * @param at when it is said, in Unix ms
   */
  goodbye(report: Report, at: number): Promise<boolean | undefined>;
  close(): void;
}

/** Where a worker's spans go. */
export interface SpansOutput {
  /** A start span was made: it should leave soon. */
  sessionStarted(): void;
  /** Sends what waits; tells whether nothing is left that could be sent again. */
  flush(): Promise<boolean>;
  close(): void;
}

export interface Outputs {
  readonly metrics?: MetricsOutput;
  readonly spans?: SpansOutput;
}

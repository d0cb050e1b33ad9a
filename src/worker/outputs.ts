import type { Report } from '../attributes.js';

/** What became of a goodbye. */
export interface Delivery {
  /** `undefined` where that cannot be known. */
  readonly delivered: boolean | undefined;
  /** The sentence that warns of a goodbye that did not arrive. */
  readonly problem?: string;
}

/** Where a worker's reports go: our own pipeline, or a provider that was passed in. */
export interface MetricsOutput {
  /** How often it reports. */
  readonly intervalSeconds: number;
  /** When the last report was collected, in Unix ms; 0 where that is not known. */
  readonly lastReportAt: number;
  /** Reports now. Resolves when that is done, well or not. */
  flush(): Promise<void>;
  /**
   * Sends the goodbye, and nothing after it.
   * @param last the last report
   * @param at when the worker said goodbye, in Unix ms; later than its last report
   */
  goodbye(last: Report, at: number): Promise<Delivery>;
  close(): void;
}

/** Where a worker's spans go. */
export interface SpansOutput {
  /** A start span was made: it should leave soon. */
  sessionStarted(): void;
  /** Sends what waits. Resolves to whether nothing is left that could be sent again. */
  flush(): Promise<boolean>;
  close(): void;
}

export interface Outputs {
  readonly metrics?: MetricsOutput;
  readonly spans?: SpansOutput;
}

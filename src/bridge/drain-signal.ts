import { statSync } from 'node:fs';

/** Whether workers drain, by other means than their own reports: OpenRTC does not report a drain that SIGTERM started. */
export class DrainSignal {
  #requestedAt: number | undefined;

  /** @param file whose existence says so; one from before a worker's start was meant for another worker. */
  constructor(readonly file: string | undefined) {}

  get isRequested(): boolean {
    return this.#requestedAt !== undefined;
  }

  /** All workers drain from now on. */
  request(): void {
    this.#requestedAt ??= performance.now();
  }

  /** Since when a worker drains, on the clock of `performance.now()`. @param startedAt Unix milliseconds. */
  since(startedAt: number): number | undefined {
    return this.#touchedAt(startedAt) ?? this.#requestedAt;
  }

  #touchedAt(startedAt: number): number | undefined {
    const touched = this.file && statSync(this.file, { throwIfNoEntry: false })?.mtimeMs;
    if (!touched || touched < startedAt) return undefined;
    return performance.now() - Math.max(0, Date.now() - touched);
  }
}

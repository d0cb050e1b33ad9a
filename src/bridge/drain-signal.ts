import { statSync } from 'node:fs';

/**
 * What tells that workers drain, other than they themselves: OpenRTC does not report a drain that SIGTERM started.
 */
export class DrainSignal {
  #askedAt: number | undefined;

  /** @param file whose existence says so; one from before a worker's start was meant for another worker. */
  constructor(readonly file: string | undefined) {}

  get isAsked(): boolean {
    return this.#askedAt !== undefined;
  }

  /** All workers drain from now on. */
  ask(): void {
    this.#askedAt ??= performance.now();
  }

  /** Since when a worker drains, on the clock of `performance.now()`. @param startedAt Unix milliseconds. */
  since(startedAt: number): number | undefined {
    return this.#touchedAt(startedAt) ?? this.#askedAt;
  }

  #touchedAt(startedAt: number): number | undefined {
    const touched = this.file && statSync(this.file, { throwIfNoEntry: false })?.mtimeMs;
    if (!touched || touched < startedAt) return undefined;
    return performance.now() - Math.max(0, Date.now() - touched);
  }
}

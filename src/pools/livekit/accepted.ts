/** A process that takes so long to start is given up by LiveKit several times over. */
const LONGEST_WAIT_MS = 60_000;

/** A job that was accepted. Its answer names no more than its id: who it is for is known when it is listed. */
export interface AcceptedJob {
  readonly id: string;
  readonly acceptedAt: Date;
}

interface Waiting extends AcceptedJob {
  /** By the clock that nobody sets. */
  readonly since: number;
}

/** Jobs that were accepted and have no process yet: LiveKit lists a job only from then on, seconds later. */
export class AcceptedJobs {
  readonly #waiting = new Map<string, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  add(id: string): void {
    if (!this.#waiting.has(id)) {
      this.#waiting.set(id, { id, acceptedAt: new Date(), since: performance.now() });
    }
  }

  /** Takes a job that is listed; undefined for one whose acceptance nobody saw. */
  take(id: string): AcceptedJob | undefined {
    const job = this.#waiting.get(id);
    this.#waiting.delete(id);
    return job;
  }

  /** Takes those that have waited for so long that they get no process any more. */
  takeLate(): AcceptedJob[] {
    const begin = performance.now() - LONGEST_WAIT_MS;
    return this.#takeWhere(({ since }) => since <= begin);
  }

  takeAll(): AcceptedJob[] {
    return this.#takeWhere(() => true);
  }

  #takeWhere(isTaken: (job: Waiting) => boolean): AcceptedJob[] {
    const taken = [...this.#waiting.values()].filter(isTaken);
    for (const { id } of taken) this.#waiting.delete(id);
    return taken;
  }
}

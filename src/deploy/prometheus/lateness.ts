import { type DeployFacts, silenceWindow } from '../facts.js';

/** Reads in a row that miss what is found later: one alone is the retry of a report, or a batch that was held up. */
const READS = 3;
/** A source that is later than this, and than a report interval, is not waited for. */
const LONGEST_DELAY_MS = 5_000;
/** A share of the silence window that is late without harm. */
const HARMLESS = 1 / 8;

interface Missed {
  readonly pool: string;
  /** What was read, and the newest report that it had, in Unix ms. */
  readonly now: number;
  readonly newestAt: number;
  readonly intervalSeconds: number;
}

/** Notices that a source shows samples later than it got them: a read, asked again later, has newer ones. */
export class Lateness {
  /** By how much reads must lie in the past, in ms. */
  delayMs = 0;
  #last: Missed | undefined;
  #misses = 0;

  /** @param newestAt - When the newest report of a pool was made, asked now about a moment; in Unix ms. */
  async note(facts: DeployFacts, newestAt: (pool: string, moment: number) => Promise<number | undefined>) {
    const last = this.#last;
    const running = facts.workers.filter(({ exited }) => !exited);
    this.#last = running[0] && {
      pool: running[0].pool,
      now: facts.now,
      newestAt: Math.max(...running.map(({ lastReportAt }) => lastReportAt)),
      intervalSeconds: Math.min(...running.map(({ intervalSeconds }) => intervalSeconds)),
    };
    if (last === undefined || last.pool !== this.#last?.pool) return;
    const age = last.now - last.newestAt;
    if (age <= silenceWindow(last) * HARMLESS || facts.now <= last.now) return;
    const found = await newestAt(last.pool, last.now);
    this.#misses = found !== undefined && found > last.newestAt + 1 ? this.#misses + 1 : 0;
    if (this.#misses < READS) return;
    this.#misses = 0;
    const longest = Math.max(LONGEST_DELAY_MS, last.intervalSeconds * 1000);
    this.delayMs = Math.min(this.delayMs + age, longest);
  }
}

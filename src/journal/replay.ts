import type { SessionOutcome } from '../attributes.js';
import type { Told } from '../outputs.js';
import { copyTotals, type Report, type Totals } from '../worker.js';
import {
  type Facts,
  FORMAT,
  fromLine,
  type JournaledSession,
  type RecoverersRecord,
  type WorkerRecord,
  type WorkersRecord,
} from './records.js';

/** What a journal knows of its worker: how things were at the last record that can be read. */
export interface LastKnown {
  readonly worker: WorkerRecord;
  readonly facts: Facts;
  /** What the sums were, the live sessions not ended. */
  readonly totals: Totals;
  readonly told: Told | undefined;
  /** Live sessions that the worker was told of. */
  readonly live: number;
  /** Active sessions that nobody told of; negative where told ones ended without a word. */
  readonly untold: number;
  /** The told ones of which it is sure that they are live, the oldest first. */
  readonly sessions: readonly JournaledSession[];
  /** When the worker last wrote, in Unix ms. */
  readonly lastSign: number;
  /** When its goodbye may have been said, in Unix ms; undefined when it certainly was not. */
  readonly saidAt: number | undefined;
  /** Whether the goodbye has arrived, so that only spans are left. */
  readonly isGoodbyeTold: boolean;
  /** Of the goodbye that the worker wrote itself. */
  readonly drainElapsedSeconds: number | undefined;
  /** Lines that can not be read. */
  readonly damaged: number;
}

const NO_FACTS: Facts = { intervalSeconds: 15, tenants: [] };

/**
 * Reads a journal. Each record of the worker tells how many sessions are live after it, so that number is exact up to
 * the last record that can be read, whatever is damaged before it.
 *
 * @throws Error that says why it tells nothing
 */
export function replay(text: string): LastKnown {
  const reader = new Reader();
  for (const line of text.split('\n')) if (line !== '') reader.take(line);
  return reader.result();
}

class Reader {
  #worker: WorkerRecord | undefined;
  #totals: Totals | undefined;
  #facts = NO_FACTS;
  #told: Told | undefined;
  #live = 0;
  #untold = 0;
  readonly #sessions = new Map<string, JournaledSession>();
  #lastSign = 0;
  #saidAt: number | undefined;
  #isGoodbyeTold = false;
  #drainElapsedSeconds: number | undefined;
  /** How many of those that were live when it was last rewritten have not been read yet. */
  #sessionsToCome = 0;
  #damaged = 0;

  take(line: string): void {
    const record = fromLine(line);
    if (!record) this.#damage();
    else if (record.kind === 'saying' || record.kind === 'said') this.#takeRecoverers(record);
    else if (record.kind === 'worker' && !this.#worker) this.#begin(record.worker, record);
    else if (record.kind === 'worker' || !this.#worker) this.#damage();
    else this.#take(record);
  }

  result(): LastKnown {
    if (!this.#worker || !this.#totals) throw new Error('no record says whose journal it is');
    if (this.#worker.format !== FORMAT) {
      throw new Error(`it has format ${this.#worker.format}; this version reads format ${FORMAT}`);
    }
    return {
      worker: this.#worker,
      facts: this.#facts,
      totals: atLeast(this.#totals, this.#told?.totals, this.#live),
      told: this.#told,
      live: this.#live,
      untold: this.#untold,
      sessions: [...this.#sessions.values()],
      lastSign: this.#lastSign,
      saidAt: this.#saidAt,
      isGoodbyeTold: this.#isGoodbyeTold,
      drainElapsedSeconds: this.#drainElapsedSeconds,
      damaged: this.#damaged,
    };
  }

  #begin(worker: WorkerRecord, record: WorkersRecord): void {
    this.#worker = worker;
    this.#totals = copyTotals(worker.totals);
    this.#takeSign(record);
    this.#sessionsToCome = record.live;
  }

  /** What can not be read can be the end of any session, but for what was written when it was rewritten. */
  #damage(): void {
    this.#damaged++;
    if (this.#sessionsToCome === 0) this.#sessions.clear();
    else this.#sessionsToCome--;
  }

  #take(record: WorkersRecord): void {
    this.#takeSign(record);
    if (record.kind === 'start') this.#start(record.session);
    else if (record.kind === 'end') this.#end(record.id, record.outcome);
    else if (record.kind === 'reject' && this.#totals) this.#totals.rejected[record.reason]++;
    else if (record.kind === 'facts') this.#facts = record.facts;
    else if (record.kind === 'report') this.#told = record.told;
    else if (record.kind === 'alive') this.#sessionsToCome = 0;
    else if (record.kind === 'goodbye') {
      this.#saidAt = record.at;
      this.#drainElapsedSeconds = record.drainElapsedSeconds;
    }
  }

  #start(session: JournaledSession): void {
    this.#sessions.set(session.id, session);
    if (this.#sessionsToCome > 0) this.#sessionsToCome--;
  }

  #takeSign({ at, live, untold = 0 }: WorkersRecord): void {
    this.#lastSign = at;
    this.#live = live;
    this.#untold = untold;
  }

  #end(id: string, outcome: SessionOutcome): void {
    this.#sessions.delete(id);
    if (this.#totals) this.#totals.ended[outcome]++;
  }

  #takeRecoverers(record: RecoverersRecord): void {
    if (record.kind === 'saying') this.#saidAt = record.at;
    else this.#isGoodbyeTold = true;
  }
}

/** Sums only grow: what a damaged line hides was told by a report, or is lost. All that started ended or is live. */
function atLeast(known: Totals, told: Totals | undefined, live: number): Totals {
  const totals = copyTotals(known);
  for (const counts of ['ended', 'rejected'] as const) {
    const sums: Record<string, number> = totals[counts];
    for (const [name, sum] of Object.entries(told?.[counts] ?? {}))
      sums[name] = Math.max(sums[name] ?? 0, sum);
  }
  const ended = Object.values(totals.ended).reduce((sum, count) => sum + count, 0);
  totals.started = Math.max(told?.started ?? 0, ended + live);
  return totals;
}

/** How many sessions were active when the worker died: the told ones, and those that only the pool counted. */
export const activeIn = ({ live, untold }: LastKnown): number => Math.max(0, live + untold);

/** The facts of the worker's last moment, its live sessions ended as `Sessions.endAll` does it. */
export function finalReport(known: LastKnown): Report {
  const { facts, live, lastSign } = known;
  const active = activeIn(known);
  const totals = copyTotals(known.totals);
  const { dropped } = totals.ended;
  totals.ended.dropped += Math.min(live, active);
  totals.ended.unknown += Math.max(0, live - active);
  const drained = facts.drainingSince === undefined ? 0 : (lastSign - facts.drainingSince) / 1000;
  return {
    running: true,
    isStale: true,
    active,
    draining: facts.draining,
    dropped,
    intervalSeconds: facts.intervalSeconds,
    drainElapsedSeconds: known.drainElapsedSeconds ?? Math.max(0, drained),
    drainTimeoutSeconds: facts.drainTimeoutSeconds,
    tenants: new Map(facts.tenants.map((tenant) => [tenant, 0])),
    totals,
  };
}

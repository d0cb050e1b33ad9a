import type { Report } from '../attributes.js';
import {
  FORMAT,
  fromLine,
  type JournaledSession,
  type JournaledWorker,
  type JournalRecord,
  type Sign,
} from './records.js';

/** What a journal knows of its worker: how things were at the last record that can be read. */
export interface LastKnown {
  readonly worker: JournaledWorker;
  /** Its last report: what is active is what it lost if it was killed. */
  readonly last: Partial<Report> & Pick<Sign, 'active' | 'dropped'>;
  /** The sessions of which it is sure that they are live, the oldest first. */
  readonly sessions: readonly JournaledSession[];
  /** When the worker last wrote, in Unix ms. */
  readonly lastSign: number;
  /** When its goodbye may have been sent, in Unix ms; undefined when it certainly was not. */
  readonly goodbyeAt: number | undefined;
  /** Whether the goodbye has arrived, so that only spans are left. */
  readonly hasArrived: boolean;
  /** Lines that cannot be read. */
  readonly damaged: number;
}

/**
 * Reads a journal line by line. Each record of the worker has how many sessions are active after it, so that number is
 * exact up to the last record that can be read, whatever is damaged before it.
 */
export class Replay {
  #worker: JournaledWorker | undefined;
  #values: Partial<Report> = {};
  #sign: Sign = { at: 0, dropped: 0 };
  readonly #sessions = new Map<string, JournaledSession>();
  #goodbyeAt: number | undefined;
  #hasArrived = false;
  /** How many of those that were live when it was last rewritten have not been read yet. */
  #sessionsToCome = 0;
  #damaged = 0;

  /** @throws Error that says why nothing is known, after the first line already */
  take(line: string): void {
    if (line === '') return;
    this.#take(fromLine(line));
    this.#head();
  }

  /** Whether it is known whose journal it is. */
  get hasHead(): boolean {
    return this.#worker !== undefined;
  }

  /** @throws Error that says why nothing is known */
  result(): LastKnown {
    const worker = this.#head();
    const { at, active, dropped } = this.#sign;
    return {
      worker,
      last: { ...this.#values, running: 1, active, dropped },
      sessions: [...this.#sessions.values()],
      lastSign: at,
      goodbyeAt: this.#goodbyeAt,
      hasArrived: this.#hasArrived,
      damaged: this.#damaged,
    };
  }

  #head(): JournaledWorker {
    if (!this.#worker) throw new Error('no record says whose journal it is');
    if (this.#worker.format !== FORMAT) {
      throw new Error(`it has format ${this.#worker.format}; this version reads format ${FORMAT}`);
    }
    return this.#worker;
  }

  #take(record: JournalRecord | undefined): void {
    if (record?.kind === 'goodbye') this.#goodbyeAt = record.at;
    else if (record?.kind === 'arrived') this.#hasArrived = true;
    else if (!record || (record.kind === 'worker') === (this.#worker !== undefined)) this.#damage();
    else this.#takeOfWorker(record);
  }

  /** What cannot be read can be the end of any session, but for what was written when it was rewritten. */
  #damage(): void {
    this.#damaged++;
    if (this.#sessionsToCome === 0) this.#sessions.clear();
    else this.#sessionsToCome--;
  }

  #takeOfWorker(record: Extract<JournalRecord, Sign>): void {
    this.#sign = record;
    if (record.kind === 'worker') {
      this.#worker = record.worker;
      this.#sessionsToCome = record.live;
    } else if (record.kind === 'start') {
      this.#sessions.set(record.session.id, record.session);
      if (this.#sessionsToCome > 0) this.#sessionsToCome--;
    } else if (record.kind === 'end') {
      this.#sessions.delete(record.id);
    } else {
      this.#values = record.values;
      this.#sessionsToCome = 0;
    }
  }
}

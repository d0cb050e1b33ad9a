import { label, type RejectionReason, type SessionOutcome } from './attributes.js';
import type { Environment } from './environment.js';
import { Beacon } from './journal/beacon.js';
import { JournalFile } from './journal/file.js';
import { bootId, Folder, newName } from './journal/folder.js';
import {
  type Facts,
  FORMAT,
  type JournalRecord,
  startRecord,
  toLine,
  type WorkerRecord,
  type WorkersRecord,
} from './journal/records.js';
import { Recoverer } from './journal/recoverer.js';
import type { Told } from './outputs.js';
import { errorClass, say, Trouble } from './say.js';
import type { LiveSession } from './sessions.js';
import { copyTotals, type Report } from './worker.js';

/** How often an idle worker gives a sign of life, and how often one tries to write again what it could not. */
const SIGN_EVERY_MS = 1_000;

/** The worker that a journal is of. */
export interface JournalOwner {
  readonly worker: Omit<WorkerRecord, 'format' | 'name' | 'boot'>;
  readonly environment: Environment;
  /** The oldest first. */
  readonly live: Iterable<LiveSession>;
  /** Looks at the pool, and gives `saw` what it sees. */
  look(): void;
}

const open = new Set<Journal>();
const onExit = () => {
  for (const journal of open) journal.processEnds();
};

/**
 * Keeps what is needed to say a worker's goodbye after its death. Nothing here throws: what can not be written is said
 * once, and tried again.
 */
export class Journal {
  readonly #name = newName();
  readonly #folder: Folder;
  readonly #owner: JournalOwner;
  readonly #boot = bootId();
  readonly #file: JournalFile;
  readonly #beacon: Beacon;
  readonly #trouble: Trouble;
  /** The line of each live session. */
  readonly #lines = new Map<string, string>();
  #facts: Facts = { intervalSeconds: 0, tenants: [] };
  #untold = 0;
  #told: Told | undefined;
  #drainElapsedSeconds = 0;
  /** Of the worker's own goodbye. */
  #lastWords = '';
  #recoverer: Recoverer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #signAt = Number.NEGATIVE_INFINITY;
  #isOver = false;

  constructor(path: string, owner: JournalOwner) {
    this.#folder = new Folder(path);
    this.#owner = owner;
    const { journal, temporary } = this.#folder;
    this.#file = new JournalFile(journal(this.#name), temporary(this.#name), () => this.#contents());
    this.#beacon = new Beacon(this.#folder, this.#name);
    this.#trouble = new Trouble(`the journal in ${this.#folder.path} is written again`);
  }

  /** Begins to write, and to recover the dead workers of the folder. */
  async open(): Promise<void> {
    this.#signAt = performance.now();
    this.refresh();
    this.#owner.look();
    await this.#heal();
    if (open.size === 0) process.on('exit', onExit);
    open.add(this);
    this.#recover();
  }

  started(session: LiveSession): void {
    if (this.#isOver) return;
    const line = this.#startLine(session);
    this.#lines.set(session.id, line);
    this.#add(line);
    this.#lookAgain();
  }

  ended({ id }: LiveSession, outcome: SessionOutcome): void {
    if (this.#isOver) return;
    this.#lines.delete(id);
    this.#write({ kind: 'end', ...this.#sign(), id: label(id), outcome });
    this.#lookAgain();
  }

  rejected(reason: RejectionReason): void {
    this.#write({ kind: 'reject', ...this.#sign(), reason });
  }

  reported(told: Told): void {
    this.#told = told;
    this.#write({ kind: 'report', ...this.#sign(), told });
  }

  /** What the pool says, a few times a second. @param active sessions, as far as is known */
  saw(report: Report, active: number): void {
    if (this.#isOver) return;
    const { draining, drainTimeoutSeconds, intervalSeconds, drainElapsedSeconds } = report;
    this.#drainElapsedSeconds = drainElapsedSeconds;
    const drainingSince = draining
      ? (this.#facts.drainingSince ?? Math.round(Date.now() - drainElapsedSeconds * 1_000))
      : undefined;
    const facts: Facts = {
      draining,
      drainingSince,
      drainTimeoutSeconds,
      intervalSeconds,
      tenants: [...report.tenants.keys()],
    };
    const untold = active - this.#lines.size;
    const isNew = untold !== this.#untold || JSON.stringify(facts) !== JSON.stringify(this.#facts);
    this.#facts = facts;
    this.#untold = untold;
    if (isNew) this.#write({ kind: 'facts', ...this.#sign(), facts });
    if (performance.now() - this.#signAt > SIGN_EVERY_MS) this.#giveSign();
  }

  /** Writes all anew, the spans' ids too: an SDK that comes late decides which are sampled. */
  refresh(): void {
    if (this.#isOver) return;
    this.#lines.clear();
    for (const session of this.#owner.live) this.#lines.set(session.id, this.#startLine(session));
    if (this.#file.isOpen) this.#tryTo(() => this.#file.rewrite());
  }

  /** The goodbye is about to be sent: what ends from here on is what it drops. */
  goodbye(at: number): void {
    if (this.#isOver) return;
    if (!this.#file.isOpen) this.#tryTo(() => this.#file.rewrite());
    const drainElapsedSeconds = this.#drainElapsedSeconds;
    this.#add(this.#note({ kind: 'goodbye', ...this.#sign(), at, drainElapsedSeconds }));
    this.#isOver = true;
  }

  /** A process that ends by itself takes its socket with it, and so what proves its death. */
  processEnds(): void {
    this.#owner.look();
    this.goodbye(Date.now());
    this.#leave({ goodbye: false, spans: false });
  }

  /** Nothing is sent any more. What did not arrive is left to others. */
  async close(hasArrived: { readonly goodbye: boolean; readonly spans: boolean }): Promise<void> {
    if (!open.delete(this)) return;
    if (open.size === 0) process.off('exit', onExit);
    clearInterval(this.#timer);
    this.#isOver = true;
    this.#leave(hasArrived);
    // As long as a goodbye of another worker is under way, others must see that its holder lives.
    await this.#recoverer?.settled();
    this.#beacon.close();
  }

  #leave(hasArrived: { readonly goodbye: boolean; readonly spans: boolean }): void {
    const { journal, dead } = this.#folder;
    try {
      if (hasArrived.goodbye && (hasArrived.spans || this.#lines.size === 0)) {
        this.#file.remove();
        return;
      }
      try {
        if (hasArrived.goodbye) this.#file.add(this.#note({ kind: 'said' }));
        this.#file.close();
      } finally {
        this.#folder.rename(journal(this.#name), dead(this.#name));
      }
    } catch (error) {
      say(`the journal in ${this.#folder.path} could not be left as it should (${codeOf(error)})`);
    }
  }

  #recover(): void {
    const { environment } = this.#owner;
    // A provider that was passed in is of no use to a worker that is not its own.
    if (environment.disabled || !environment.exports.METRICS) return;
    const recoverer = new Recoverer(this.#folder, this.#name, environment, {
      told: ({ poolName, workerId, version }, dropped) =>
        say(
          `the goodbye of the dead worker ${workerId} (${poolName}, ${version}) was said: ${dropped} dropped`,
        ),
      left: say,
    });
    const look = () => {
      if (this.#beacon.isSeen) void recoverer.look();
    };
    this.#recoverer = recoverer;
    this.#timer = setInterval(look, environment.intervalMs).unref();
    look();
  }

  #contents(): string {
    const { worker } = this.#owner;
    const sign = this.#sign();
    const head = { ...worker, format: FORMAT, name: this.#name, boot: this.#boot } as const;
    return [
      toLine({ kind: 'worker', ...sign, worker: { ...head, totals: copyTotals(worker.totals) } }),
      toLine({ kind: 'facts', ...sign, facts: this.#facts }),
      ...(this.#told ? [toLine({ kind: 'report', ...sign, told: this.#told })] : []),
      ...this.#lines.values(),
      toLine({ kind: 'alive', ...sign }),
      this.#lastWords,
    ].join('');
  }

  #startLine(session: LiveSession): string {
    return toLine(startRecord(session, { ...this.#sign(), live: this.#lines.size + 1 }));
  }

  #sign() {
    return { at: Date.now(), live: this.#lines.size, untold: this.#untold || undefined };
  }

  /** A line that the file keeps when it is rewritten. */
  #note(record: JournalRecord): string {
    const line = toLine(record);
    this.#lastWords += line;
    return line;
  }

  #write(record: WorkersRecord): void {
    this.#add(toLine(record));
  }

  #add(line: string): void {
    if (this.#isOver || !this.#file.isOpen) return;
    this.#tryTo(() => this.#file.add(line));
  }

  /** Where the pool counts sessions that nobody tells of, a told one can be one of those. */
  #lookAgain(): void {
    if (this.#untold !== 0) this.#owner.look();
  }

  #giveSign(): void {
    this.#signAt = performance.now();
    this.#write({ kind: 'alive', ...this.#sign() });
    if (this.#file.isThere() && this.#beacon.isSeen) return;
    if (this.#file.isOpen) this.#broke({ code: 'ENOENT' });
    void this.#heal();
  }

  /** The folder is gone, or nothing could be written: all anew, under the same name. */
  async #heal(): Promise<void> {
    try {
      await this.#beacon.light();
      if (this.#isOver) return this.#beacon.close();
      this.#file.rewrite();
      this.#trouble.healed();
    } catch (error) {
      this.#broke(error);
    }
  }

  #tryTo(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#broke(error);
    }
  }

  #broke(error: unknown): void {
    this.#trouble.broke(
      `the journal in ${this.#folder.path} can not be written (${codeOf(error)}): until it can, nobody says this ` +
        "worker's goodbye if it is killed",
    );
    try {
      // What is old would say what is no longer so.
      this.#file.remove();
    } catch {
      // Read-only: nobody can take it either.
    }
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | null)?.code ?? errorClass(error);

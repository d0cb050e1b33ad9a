import { attributeValue, type Report } from '../attributes.js';
import { attempt } from '../lib/attempt.js';
import { unref } from '../lib/timer.js';
import { errorCode, Trouble, warn } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import type { LiveSession } from '../worker/sessions.js';
import type { Totals } from '../worker/worker.js';
import { JournalFile } from './file.js';
import { bootId, Folder, newName } from './folder.js';
import { LivenessSocket } from './liveness-socket.js';
import { FORMAT, gaugesOf, type JournaledWorker, type JournalRecord, toLine, toSession } from './records.js';
import { Recoverer } from './recoverer.js';

/** How often an idle worker writes that it lives, and how often one tries to write again what it could not. */
const SIGN_EVERY_MS = 1_000;

/** The worker that a journal is of. */
export interface JournalOwner {
  readonly worker: Omit<JournaledWorker, 'format' | 'name' | 'boot' | 'place'>;
  readonly totals: Totals;
  readonly environment: Environment;
  /** The oldest first. */
  readonly live: Iterable<LiveSession>;
  /** Reads the pool, and gives `reported` the values. */
  readNow(): void;
}

/** What of a worker's last words has arrived. */
interface Arrived {
  readonly goodbye: boolean;
  readonly spans: boolean;
}

const open = new Set<Journal>();
const onExit = () => {
  for (const journal of open) journal.processEnds();
};

/**
 * Keeps what is needed to send a worker's goodbye after its death. Nothing here throws: there is one warning of what
 * cannot be written, and it is tried again.
 */
export class Journal {
  readonly #name = newName();
  readonly #folder: Folder;
  readonly #owner: JournalOwner;
  readonly #boot = bootId();
  readonly #file: JournalFile;
  readonly #socket: LivenessSocket;
  readonly #trouble: Trouble;
  /** The line of each live session. */
  readonly #lines = new Map<string, string>();
  /** The line of the last report, without its sign. */
  #values = '{}';
  /** Active sessions that no observer knows; negative where known ones ended unseen; undefined before the pool told. */
  #unseen: number | undefined;
  /** What was dropped when the goodbye was due: from then on what is active counts as dropped elsewhere too. */
  #dropped: number | undefined;
  /** What was written about the worker's own goodbye. */
  #ending = '';
  /** The folder that the journal names. */
  #writtenIn: string | undefined;
  #recoverer: Recoverer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #signAt = Number.NEGATIVE_INFINITY;
  #healing: Promise<void> | undefined;
  #isOver = false;
  #isClosed = false;

  constructor(path: string, owner: JournalOwner) {
    this.#folder = new Folder(path);
    this.#owner = owner;
    const { journal, temporary } = this.#folder;
    this.#file = new JournalFile(journal(this.#name), temporary(this.#name), (inode) =>
      this.#contents(inode),
    );
    this.#socket = new LivenessSocket(this.#folder, this.#name);
    this.#trouble = new Trouble(`the journal in ${this.#folder.path} is written again`);
  }

  /** Begins to write, and to recover the dead workers of the folder. */
  async open(): Promise<void> {
    this.#signAt = performance.now();
    this.refresh();
    this.#owner.readNow();
    await this.#heal();
    if (open.size === 0) process.on('exit', onExit);
    open.add(this);
    this.#recover();
  }

  started(session: LiveSession): void {
    if (this.#isOver) return;
    this.#tryTo(() => {
      const line = this.#startLine(session);
      this.#lines.set(session.id, line);
      this.#add(line);
      this.#readAgain();
    });
  }

  ended({ id }: LiveSession): void {
    if (this.#isOver) return;
    this.#tryTo(() => {
      this.#lines.delete(id);
      this.#add(toLine({ kind: 'end', ...this.#sign(), id: attributeValue(id) }));
      this.#readAgain();
    });
  }

  /** What is reported, a few times a second. */
  reported(report: Report): void {
    if (this.#isOver) return;
    this.#tryTo(() => {
      const values = JSON.stringify(gaugesOf(report));
      const unseen = report.active === undefined ? undefined : report.active - this.#lines.size;
      const isNew = unseen !== this.#unseen || values !== this.#values;
      this.#values = values;
      this.#unseen = unseen;
      const isDue = performance.now() - this.#signAt > SIGN_EVERY_MS;
      if (isDue) this.#check();
      if (isNew || isDue) this.#add(this.#reportLine());
    });
  }

  /** Writes all anew, the spans' ids too: an SDK that comes late decides which are sampled. */
  refresh(): void {
    if (this.#isOver) return;
    this.#tryTo(() => {
      this.#lines.clear();
      for (const session of this.#owner.live) this.#lines.set(session.id, this.#startLine(session));
      if (this.#file.isOpen) this.#file.rewrite();
    });
  }

  /** The goodbye is due: what ends from here on is what it drops. */
  freeze(): void {
    if (this.#isOver) return;
    this.#tryTo(() => {
      if (!this.#file.isOpen) this.#file.rewrite();
      this.#add(this.#reportLine());
    });
    this.#dropped = this.#owner.totals.ended.dropped;
    this.#isOver = true;
  }

  /** The goodbye is about to be sent. @param at the time it has, in Unix ms */
  goodbye(at: number): void {
    this.freeze();
    if (this.#ending !== '') return;
    this.#tryTo(() => this.#add(this.#endingLine({ kind: 'goodbye', at })));
  }

  /** Whoever ends by itself has a last look at its pool, and need not be found dead. */
  processEnds(): void {
    this.#owner.readNow();
    this.goodbye(Date.now());
    this.#leave({ goodbye: false, spans: false });
  }

  /** Nothing is sent any more. What did not arrive is left to others. */
  async close(arrived: Arrived): Promise<void> {
    if (!open.delete(this)) return;
    if (open.size === 0) process.off('exit', onExit);
    clearInterval(this.#timer);
    this.#isOver = true;
    this.#leave(arrived);
    // As long as a goodbye of another worker is under way, others must see that its holder lives.
    await this.#recoverer?.settled();
    this.#isClosed = true;
    this.#socket.close();
  }

  #leave(arrived: Arrived): void {
    const { journal, dead } = this.#folder;
    try {
      if (arrived.goodbye && (arrived.spans || this.#lines.size === 0)) {
        this.#file.remove();
        return;
      }
      try {
        if (arrived.goodbye) this.#file.add(this.#endingLine({ kind: 'arrived' }));
        this.#file.close();
      } finally {
        this.#folder.rename(journal(this.#name), dead(this.#name));
      }
    } catch (error) {
      warn(`the journal in ${this.#folder.path} was not closed (${errorCode(error)})`);
    }
  }

  #recover(): void {
    const { environment } = this.#owner;
    // A provider that was passed in is of no use to a worker that is not its own.
    if (environment.disabled || !environment.exports.METRICS) return;
    const recoverer = new Recoverer(this.#folder, this.#name, environment, {
      delivered: ({ poolName, workerId, version }, dropped) =>
        warn(`sent the goodbye of the dead worker ${workerId} (${poolName}, ${version}): ${dropped} dropped`),
      left: warn,
    });
    const look = () => {
      if (this.#socket.isListening) void recoverer.look();
    };
    this.#recoverer = recoverer;
    this.#timer = unref(setInterval(look, environment.intervalMs));
    look();
  }

  /** @param inode of the file that is written */
  #contents(inode: bigint): string {
    const { worker } = this.#owner;
    const at = this.#folder.place();
    this.#writtenIn = at.folder;
    const place = { ...at, socket: String(this.#socket.inode), file: String(inode) };
    const head = { ...worker, format: FORMAT, name: this.#name, boot: this.#boot, place } as const;
    const first = toLine({ kind: 'worker', ...this.#sign(), worker: head, live: this.#lines.size });
    return [first, ...this.#lines.values(), this.#reportLine(), this.#ending].join('');
  }

  #startLine(session: LiveSession): string {
    return toLine({ kind: 'start', ...this.#sign(1), session: toSession(session) });
  }

  #reportLine(): string {
    return toLine({ kind: 'report', ...this.#sign(), values: JSON.parse(this.#values) });
  }

  /** @param more sessions that are live and have no line yet */
  #sign(more = 0) {
    const active =
      this.#unseen === undefined ? undefined : Math.max(0, this.#lines.size + this.#unseen + more);
    return { at: Date.now(), active, dropped: this.#dropped ?? this.#owner.totals.ended.dropped };
  }

  /** A line that the file keeps when it is rewritten. */
  #endingLine(record: JournalRecord): string {
    const line = toLine(record);
    this.#ending += line;
    return line;
  }

  #add(line: string): void {
    if (this.#file.isOpen) this.#file.add(line);
  }

  /** Where the pool counts sessions that no observer knows, one that starts or ends can be one of those. */
  #readAgain(): void {
    if (this.#unseen) this.#owner.readNow();
  }

  #check(): void {
    this.#signAt = performance.now();
    // Its files may have been moved into another folder.
    const isInPlace = attempt(() => this.#folder.place().folder, undefined) === this.#writtenIn;
    if (isInPlace && this.#file.isThere() && this.#socket.isListening) this.#trouble.healed();
    else void this.#heal();
  }

  /**
   * The folder is gone, moved or replaced, or nothing could be written: all anew, at the path that was asked for and
   * under the same name. Until the new is there the old goes on.
   */
  #heal(): Promise<void> {
    this.#healing ??= this.#writeAnew().finally(() => {
      this.#healing = undefined;
      if (this.#isClosed) this.#socket.close();
    });
    return this.#healing;
  }

  async #writeAnew(): Promise<void> {
    const isLost = this.#file.isOpen;
    try {
      await this.#socket.listen(() => {
        if (!this.#isOver) this.#file.rewrite();
      });
      if (isLost) this.#warnOf({ code: 'ENOENT' });
      this.#trouble.healed();
    } catch (error) {
      this.#warnOf(error);
    }
  }

  #tryTo(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#warnOf(error);
      // What is old would say what is no longer so. Read-only, nobody can take it either.
      attempt(() => this.#file.remove(), undefined);
    }
  }

  #warnOf(error: unknown): void {
    this.#trouble.broke(
      `the journal in ${this.#folder.path} cannot be written (${errorCode(error)}): until it can, nobody sends this ` +
        "worker's goodbye if it is killed",
    );
  }
}

import { rmSync } from 'node:fs';
import type { Environment } from '../environment.js';
import { errorClass } from '../say.js';
import type { WorkerIdentity } from '../worker.js';
import { bootId, type Folder, type Listing } from './folder.js';
import { probe } from './liveness.js';
import { toLine } from './records.js';
import { finalReport, type LastKnown, replay } from './replay.js';

/** A worker of another boot or machine is dead when it has been silent for this long, at least. */
const SHORTEST_SILENCE_MS = 60_000;
/** As in the verdict: a worker without a report for so many intervals is silent. */
const SILENT_INTERVALS = 4;
/** A goodbye that may have arrived is said again with the time it had: until backends take it for too old. */
const SAME_TIME_MS = 600_000;
/** The pause before a second attempt; it doubles up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface RecoveryListener {
  /** A goodbye has arrived. */
  told(worker: WorkerIdentity, dropped: number): void;
  /** What was left, and why. Each is said once. */
  left(message: string): void;
}

/** How a look went. */
export interface Recovered {
  /** Workers whose goodbye has arrived. */
  readonly told: number;
  /** Journals that were left: nothing proves that the worker is dead, it can not be read, or nothing was delivered. */
  readonly left: number;
}

type Outcome = keyof Recovered | 'nothing';

/** Finds the dead workers of a folder and says their goodbyes. */
export class Recoverer {
  readonly #folder: Folder;
  readonly #name: string;
  readonly #environment: Environment;
  readonly #listener: RecoveryListener;
  readonly #said = new Set<string>();
  /** Journals whose goodbye has arrived, for where that can not be noted in them. */
  readonly #told = new Set<string>();
  readonly #underWay = new Map<string, Promise<Outcome>>();
  readonly #pauses = new Map<string, { readonly ms: number; readonly until: number }>();

  /** @param name of the socket in the folder that proves to others that this recoverer lives */
  constructor(folder: Folder, name: string, environment: Environment, listener: RecoveryListener) {
    this.#folder = folder;
    this.#name = name;
    this.#environment = environment;
    this.#listener = listener;
  }

  /**
   * Looks at every journal once; resolves when all that was found is told or left. Never rejects.
   *
   * @param isPatient whether journals that failed before get their pause
   */
  async look(isPatient = true): Promise<Recovered> {
    const { journals, dead, claims, others } = this.#list();
    this.#forgetAllBut([...journals, ...dead, ...claims.map(({ name }) => name)]);
    const outcomes = await Promise.all([
      ...journals.map((name) => this.#once(name, isPatient, () => this.#lookAtWorker(name))),
      ...dead.map((name) => this.#once(name, isPatient, () => this.#take(name, this.#folder.dead(name)))),
      ...claims.map(({ name, holder }) =>
        this.#once(name, isPatient, () => this.#lookAtHolder(name, holder)),
      ),
      ...others.map((name) => this.#once(name, isPatient, () => this.#sweep(name))),
    ]);
    const count = (kind: Outcome) => outcomes.filter((outcome) => outcome === kind).length;
    return { told: count('told'), left: count('left') };
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #list(): Listing {
    try {
      return this.#folder.list();
    } catch (error) {
      this.#leave(`the folder ${this.#folder.path} can not be read`, error);
      return { journals: [], dead: [], claims: [], others: [] };
    }
  }

  /** What others have finished. */
  #forgetAllBut(names: readonly string[]): void {
    for (const name of [...this.#pauses.keys(), ...this.#told]) {
      if (names.includes(name) || this.#underWay.has(name)) continue;
      this.#pauses.delete(name);
      this.#told.delete(name);
    }
  }

  /** One look at a journal at a time. */
  #once(name: string, isPatient: boolean, look: () => Promise<Outcome>): Promise<Outcome> {
    if (name === this.#name) return Promise.resolve('nothing');
    const pause = this.#pauses.get(name);
    if (isPatient && pause && performance.now() < pause.until) return Promise.resolve('left');
    const underWay = this.#underWay.get(name);
    if (underWay) return underWay;
    const looking = look()
      .catch((error) => this.#leave(`the journal ${name} is left`, error))
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, looking);
    return looking;
  }

  async #lookAtWorker(name: string): Promise<Outcome> {
    const { socket, journal, isTrusted } = this.#folder;
    const life = await probe(socket(name), isTrusted);
    if (life === 'alive') return 'nothing';
    const known = this.#read(name, journal(name));
    if (known === 'left' || known === 'nothing') return known;
    const { boot, identity } = known.worker;
    const who = `the worker ${identity.workerId} of ${journal(name)}`;
    if (boot !== bootId()) {
      const limit = Math.max(SHORTEST_SILENCE_MS, SILENT_INTERVALS * 1_000 * known.facts.intervalSeconds);
      if (Date.now() - known.lastSign < limit) {
        return this.#leave(
          `${who} is of another boot or machine: dead only after ${limit / 1_000} s of silence`,
        );
      }
    } else if (life === 'gone') {
      return this.#leave(
        `${who} has no socket, so nothing proves that it is dead: remove the journal by hand`,
      );
    }
    return this.#take(name, journal(name));
  }

  async #lookAtHolder(name: string, holder: string): Promise<Outcome> {
    const { socket, claim, isTrusted } = this.#folder;
    // One of its own that is not under way could not be given back. A holder removes its socket last.
    const isHeld = holder !== this.#name && (await probe(socket(holder), isTrusted)) === 'alive';
    return isHeld ? 'nothing' : this.#take(name, claim(name, holder));
  }

  /** Of several who try, one gets it. */
  async #take(name: string, path: string): Promise<Outcome> {
    const mine = this.#folder.claim(name, this.#name);
    if (!this.#folder.rename(path, mine)) return 'nothing';
    this.#pause(name);
    try {
      this.#folder.sweep(name);
      const known = this.#read(name, mine);
      if (known === 'left' || known === 'nothing') return known;
      const failure = await this.#tell(known, mine);
      if (failure !== undefined) return this.#leave(failure);
      rmSync(mine);
      return 'told';
    } finally {
      this.#folder.rename(mine, this.#folder.dead(name));
    }
  }

  #pause(name: string): void {
    const { ms } = this.#pauses.get(name) ?? { ms: FIRST_PAUSE_MS / 2 };
    const next = Math.min(2 * ms, LONGEST_PAUSE_MS);
    this.#pauses.set(name, { ms: next, until: performance.now() + next });
  }

  #read(name: string, path: string): LastKnown | 'left' | 'nothing' {
    try {
      const known = replay(this.#folder.read(path));
      if (known.worker.name === name) return known;
      throw new Error('it is a copy');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Somebody else was faster.
      if (code === 'ENOENT') return 'nothing';
      const reason = code === 'ELOOP' ? 'it is a link' : (code ?? message);
      return this.#leave(`${path} can not be read (${reason}): remove it by hand`);
    }
  }

  /** What went wrong; undefined when all has arrived. */
  async #tell(known: LastKnown, path: string): Promise<string | undefined> {
    const { tellGoodbye, tellSpans } = await loadTell();
    const { identity, name } = known.worker;
    const of = `the dead worker ${identity.workerId} (${identity.poolName}, ${identity.version})`;
    const note = (line: string) => this.#note(path, line);
    if (!known.isGoodbyeTold && !this.#told.has(name)) {
      const isRecent = known.saidAt !== undefined && Math.abs(Date.now() - known.saidAt) < SAME_TIME_MS;
      const at = isRecent ? Number(known.saidAt) : Date.now();
      if (!isRecent) note(toLine({ kind: 'saying', at }));
      const failure = await tellGoodbye(known, at, this.#environment);
      if (failure && !failure.isInPart) return `the goodbye of ${of} did not arrive: ${failure.reason}`;
      this.#told.add(name);
      note(toLine({ kind: 'said' }));
      if (failure) this.#leave(`the goodbye of ${of} arrived in part: ${failure.reason}`);
      const { dropped, active = 0 } = finalReport(known);
      this.#listener.told(identity, dropped + active);
      this.#sayWhatIsMissing(known, of);
    }
    if (!this.#environment.exports.TRACES) return undefined;
    const failure = await tellSpans(known, this.#environment);
    if (!failure) return undefined;
    const message = `the spans of ${of} did not arrive: ${failure.reason}`;
    if (failure.canRetry) return message;
    this.#leave(message);
    return undefined;
  }

  #sayWhatIsMissing({ damaged, live, sessions }: LastKnown, of: string): void {
    if (damaged === 0) return;
    this.#leave(
      `the journal of ${of} has ${damaged} damaged lines: ${Math.max(0, live - sessions.length)} of its sessions get no span`,
    );
  }

  /** Without a note, as on a full disk, whoever comes after this recoverer says it once more, with another time. */
  #note(path: string, line: string): void {
    try {
      this.#folder.append(path, line);
    } catch (error) {
      this.#leave('a note could not be added to a journal', error);
    }
  }

  /** Removes what a dead worker or a dead recoverer left beside its journal. */
  async #sweep(name: string): Promise<Outcome> {
    const life = await probe(this.#folder.socket(name), this.#folder.isTrusted);
    if (life !== 'alive' && this.#folder.isOld(name)) this.#folder.sweep(name);
    return 'nothing';
  }

  #leave(what: string, error?: unknown): Outcome & 'left' {
    const code = error && ((error as NodeJS.ErrnoException).code ?? errorClass(error));
    const message = code ? `${what}: ${code}` : what;
    if (!this.#said.has(message)) this.#listener.left(message);
    this.#said.add(message);
    return 'left';
  }
}

/** Loads what is needed to say a goodbye. It takes a while, so that a follower does it before there is one. */
export const loadTell = () => import('./tell.js');

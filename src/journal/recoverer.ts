import { rm } from 'node:fs/promises';
import { SILENT_AFTER_INTERVALS } from '../attributes.js';
import { jittered } from '../lib/jitter.js';
import { Turns } from '../lib/turns.js';
import { errorCode } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import type { WorkerIdentity } from '../worker/worker.js';
import { bootId, type Folder, type Listing } from './folder.js';
import { type Life, probe } from './liveness-socket.js';
import { toLine } from './records.js';
import { type LastKnown, Replay } from './replay.js';

/** A worker of another boot or machine is dead when it has been silent for this long, at least. */
const SHORTEST_SILENCE_MS = 60_000;
/** A goodbye that may have arrived is sent again with the time it had: until backends take it for too old. */
const SAME_TIME_MS = 600_000;
/** The pause before a second attempt; it doubles up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Journals that are looked at at a time: a worker that finds a thousand has calls of its own. */
const MOST_AT_A_TIME = 8;

export interface RecoveryListener {
  /** A goodbye has arrived. @param dropped in words where nobody knows */
  delivered(worker: WorkerIdentity, dropped: number | string): void;
  /** What was left, and why. Each once. */
  left(message: string): void;
}

/** How a look went. */
export interface Recovered {
  /** Workers whose goodbye has arrived. */
  readonly delivered: number;
  /** Journals that were left: nothing proves that the worker is dead, it cannot be read, or nothing was delivered. */
  readonly left: number;
}

type Outcome = keyof Recovered | 'nothing';

/** Finds the dead workers of a folder and sends their goodbyes. */
export class Recoverer {
  readonly #folder: Folder;
  readonly #name: string;
  readonly #environment: Environment;
  readonly #listener: RecoveryListener;
  readonly #mentioned = new Set<string>();
  /** Journals whose goodbye has arrived, for where that cannot be noted in them. */
  readonly #arrived = new Set<string>();
  readonly #underWay = new Map<string, Promise<Outcome>>();
  readonly #turns = new Turns(MOST_AT_A_TIME);
  readonly #pauses = new Map<string, { readonly ms: number; readonly until: number }>();

  /** @param name of the socket in the folder that proves to others that this recoverer lives */
  constructor(folder: Folder, name: string, environment: Environment, listener: RecoveryListener) {
    this.#folder = folder;
    this.#name = name;
    this.#environment = environment;
    this.#listener = listener;
  }

  /**
   * Looks at every journal once; resolves when all that was found is delivered or left. Never rejects.
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
    return { delivered: count('delivered'), left: count('left') };
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #probe(name: string): Promise<Life> {
    return probe(this.#folder.socket(name), this.#folder.isTrusted);
  }

  #list(): Listing {
    try {
      return this.#folder.list();
    } catch (error) {
      this.#leave(`the folder ${this.#folder.path} cannot be read`, error);
      return { journals: [], dead: [], claims: [], others: [] };
    }
  }

  /** What others have finished. */
  #forgetAllBut(names: readonly string[]): void {
    const there = new Set(names);
    for (const name of [...this.#pauses.keys(), ...this.#arrived]) {
      if (there.has(name) || this.#underWay.has(name)) continue;
      this.#pauses.delete(name);
      this.#arrived.delete(name);
    }
  }

  /** One look at a journal at a time. */
  #once(name: string, isPatient: boolean, look: () => Promise<Outcome>): Promise<Outcome> {
    if (name === this.#name) return Promise.resolve('nothing');
    const pause = this.#pauses.get(name);
    if (isPatient && pause && performance.now() < pause.until) return Promise.resolve('left');
    const underWay = this.#underWay.get(name);
    if (underWay) return underWay;
    const looking = this.#turns
      .run(look)
      .catch((error) => this.#leave(`the journal ${name} is left`, error))
      .then((outcome) => {
        if (outcome === 'left') this.#pause(name);
        else this.#pauses.delete(name);
        return outcome;
      })
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, looking);
    return looking;
  }

  /** Proof of death is that nobody listens on the very socket that the worker had, in the folder that it writes to. */
  async #lookAtWorker(name: string): Promise<Outcome> {
    const path = this.#folder.journal(name);
    const socket = this.#folder.inode(this.#folder.socket(name));
    const life = await this.#probe(name);
    if (life === 'alive') return 'nothing';
    const known = await this.#read(name, path, true);
    if (known === 'left' || known === 'nothing') return known;
    const { boot, identity, place } = known.worker;
    const who = `the worker ${identity.workerId} of ${path}`;
    const { device, folder } = this.#folder.place();
    const file = this.#folder.inode(path);
    // Somebody else was faster.
    if (file === undefined) return 'nothing';
    if (place.folder !== folder || place.file !== String(file)) {
      return this.#leave(
        `${who} writes to another folder, and what is here is a copy or a rest: remove it by hand`,
      );
    }
    if (boot !== bootId() || place.device !== device) return this.#takeIfSilent(name, path);
    if (life === 'gone' || place.socket !== String(socket)) {
      return this.#leave(
        `${who} has no socket, so nothing proves that it is dead: remove the journal by hand`,
      );
    }
    return this.#take(name, path);
  }

  /** Of a worker of another boot or machine no socket answers, dead or alive. */
  async #takeIfSilent(name: string, path: string): Promise<Outcome> {
    const known = await this.#read(name, path);
    if (known === 'left' || known === 'nothing') return known;
    const { interval = 0 } = known.last;
    const limit = Math.max(SHORTEST_SILENCE_MS, SILENT_AFTER_INTERVALS * 1_000 * interval);
    if (Date.now() - known.lastSign >= limit) return this.#take(name, path);
    return this.#leave(
      `the worker ${known.worker.identity.workerId} of ${path} is of another boot or machine: dead only after ` +
        `${limit / 1_000} s of silence`,
    );
  }

  async #lookAtHolder(name: string, holder: string): Promise<Outcome> {
    const { claim } = this.#folder;
    // One of its own that is not under way could not be given back. A holder removes its socket last.
    const isHeld = holder !== this.#name && (await this.#probe(holder)) === 'alive';
    return isHeld ? 'nothing' : this.#take(name, claim(name, holder));
  }

  /** Of several who try, one gets it. */
  async #take(name: string, path: string): Promise<Outcome> {
    const mine = this.#folder.claim(name, this.#name);
    if (!this.#folder.rename(path, mine)) return 'nothing';
    try {
      this.#folder.sweep(name);
      const known = await this.#read(name, mine);
      if (known === 'left' || known === 'nothing') return known;
      const failure = await this.#deliver(known, mine);
      if (failure !== undefined) return this.#leave(failure);
      // Not in one go with the rest of the work: to remove a long file takes a while.
      await rm(mine);
      return 'delivered';
    } finally {
      this.#folder.rename(mine, this.#folder.dead(name));
    }
  }

  #pause(name: string): void {
    const { ms } = this.#pauses.get(name) ?? { ms: FIRST_PAUSE_MS / 2 };
    const next = Math.min(2 * ms, LONGEST_PAUSE_MS);
    this.#pauses.set(name, { ms: next, until: performance.now() + jittered(next) });
  }

  /** @param isHeadEnough whether only its worker must be known */
  async #read(name: string, path: string, isHeadEnough = false): Promise<LastKnown | 'left' | 'nothing'> {
    try {
      const replay = new Replay();
      for await (const lines of this.#folder.read(path)) {
        for (const line of lines) replay.take(line);
        if (isHeadEnough && replay.hasHead) break;
      }
      const known = replay.result();
      if (known.worker.name === name) return known;
      throw new Error('it is a copy');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Somebody else was faster.
      if (code === 'ENOENT') return 'nothing';
      const reason = code === 'ELOOP' ? 'it is a link' : (code ?? message);
      return this.#leave(`${path} cannot be read (${reason}): remove it by hand`);
    }
  }

  /** What went wrong; undefined when all has arrived. */
  async #deliver(known: LastKnown, path: string): Promise<string | undefined> {
    const { deliverGoodbye, deliverSpans } = await loadDelivery();
    const { identity, name } = known.worker;
    const of = `the dead worker ${identity.workerId} (${identity.poolName}, ${identity.version})`;
    const note = (line: string) => this.#note(path, line);
    if (!known.hasArrived && !this.#arrived.has(name)) {
      const isRecent = known.goodbyeAt !== undefined && Math.abs(Date.now() - known.goodbyeAt) < SAME_TIME_MS;
      const at = isRecent ? Number(known.goodbyeAt) : Math.max(Date.now(), known.lastSign + 1);
      if (!isRecent) note(toLine({ kind: 'goodbye', at }));
      const failure = await deliverGoodbye(known, at, this.#environment);
      // Also where a part of it was taken: nobody knows whether that is the part that decides.
      if (failure) return `the goodbye of ${of} did not arrive: ${failure.reason}`;
      this.#arrived.add(name);
      note(toLine({ kind: 'arrived' }));
      const { active, dropped } = known.last;
      this.#listener.delivered(identity, active === undefined ? 'unknown how many' : dropped + active);
      this.#mentionDamage(known, of);
    }
    if (!this.#environment.exports.TRACES) return undefined;
    const failure = await deliverSpans(known, this.#environment);
    if (!failure) return undefined;
    const message = `the spans of ${of} did not arrive: ${failure.reason}`;
    if (failure.canRetry) return message;
    this.#leave(message);
    return undefined;
  }

  #mentionDamage({ damaged, last, sessions }: LastKnown, of: string): void {
    if (damaged === 0) return;
    this.#leave(
      `the journal of ${of} has ${damaged} damaged lines: ${Math.max(0, (last.active ?? 0) - sessions.length)} of its sessions get no span`,
    );
  }

  /** Without a note, as on a full disk, whoever comes after this recoverer sends it once more, with another time. */
  #note(path: string, line: string): void {
    try {
      this.#folder.append(path, line);
    } catch (error) {
      this.#leave('a note could not be added to a journal', error);
    }
  }

  /** Removes what a dead worker or a dead recoverer left beside its journal. */
  async #sweep(name: string): Promise<Outcome> {
    const life = await this.#probe(name);
    if (life === 'alive' || !this.#folder.isOld(name)) return 'nothing';
    // A recoverer that was killed leaves the same.
    if (life === 'dead') {
      this.#leave(
        `a process died that has only the socket ${this.#folder.socket(name)}: if it was a worker, nobody can send its goodbye`,
      );
    }
    this.#folder.sweep(name);
    return 'nothing';
  }

  #leave(what: string, error?: unknown): Outcome & 'left' {
    const message = error === undefined ? what : `${what}: ${errorCode(error)}`;
    if (!this.#mentioned.has(message)) this.#listener.left(message);
    this.#mentioned.add(message);
    return 'left';
  }
}

/** Loads what is needed to send a goodbye. It takes a while, so a follower does it before there is one. */
export const loadDelivery = () => import('./deliver.js');

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {import('./plan.js').WorkerPlan} WorkerPlan */
/** @typedef {import('../../examples/scenarios/servers.js').Server} Server */

/**
 * A call server of the fleet.
 * @typedef {object} WorkerParts
 * @property {string} id
 * @property {number} generation
 * @property {number} slot Its place in its generation.
 * @property {string} version
 * @property {WorkerPlan} plan
 * @property {string | undefined} folder Of its journal.
 * @property {Server} server
 */

export class Worker {
  id;
  generation;
  slot;
  version;
  plan;
  folder;
  /** While it is held, none of its calls begins or ends. */
  isHeld = false;
  isTerminated = false;
  /** Whether it was ended by something that leaves it no time for a goodbye. */
  isKilled = false;
  /** Dead, and nobody can say its goodbye. */
  isLost = false;
  /** How it ended. @type {import('../../examples/scenarios/child.js').Exit | undefined} */
  exit;
  #server;

  /** @param {WorkerParts} parts */
  constructor({ id, generation, slot, version, plan, folder, server }) {
    this.id = id;
    this.generation = generation;
    this.slot = slot;
    this.version = version;
    this.plan = plan;
    this.folder = folder;
    this.#server = server;
    void server.process.exited.then((exit) => {
      this.exit = exit;
    });
  }

  get port() {
    return this.#server.port;
  }

  get isAlive() {
    return this.#server.process.exitedAt === undefined;
  }

  get exited() {
    return this.#server.process.exited;
  }

  get complaints() {
    return this.#server.process.stderr;
  }

  /** @param {NodeJS.Signals} name */
  signal(name) {
    this.#server.process.kill(name);
  }

  terminate() {
    if (this.isTerminated || !this.isAlive) return;
    this.isTerminated = true;
    this.signal('SIGTERM');
  }

  /** How many sessions the process itself counts. */
  async active() {
    const answer = await fetch(`http://127.0.0.1:${this.port}/`);
    return /** @type {{ active_sessions: number }} */ (await answer.json()).active_sessions;
  }

  /** Whether there is a file in its folder that tells of it. */
  get hasJournal() {
    const { folder } = this;
    if (folder === undefined) return false;
    return readdirSync(folder).some(
      (file) => /\.(journal|claim|dead)$/.test(file) && this.#isIn(folder, file),
    );
  }

  /** Whether it says that it cannot write its journal. */
  get couldNotWrite() {
    const said = this.complaints.findLast((line) => /cannot be written|is written again/.test(line));
    return said?.includes('cannot be written') === true;
  }

  /** Whether it says that its own goodbye was not delivered. */
  get isUnheard() {
    return this.complaints.some((line) => line.includes('the goodbye did not arrive'));
  }

  /** @param {string} folder @param {string} file */
  #isIn(folder, file) {
    try {
      return readFileSync(join(folder, file), 'utf8').includes(`"${this.id}"`);
    } catch {
      // It was taken meanwhile.
      return false;
    }
  }
}

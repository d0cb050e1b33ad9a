import { Child, inTime } from './child.js';

const SCRIPT = new URL('../call-server/callers.js', import.meta.url);

/** @typedef {import('../call-server/callers.js').Tally} Tally */
/** @typedef {import('../call-server/callers.js').CallState} CallState */

/** The callers: what they see is the truth of a scenario. */
export class Callers {
  /** @type {Tally} */
  tally = { calls: 0, talking: 0, hungUp: 0, dropped: 0 };
  #process;
  /** Waits for the next state of a call. @type {Map<string, (is: CallState) => void>} */
  #waiting = new Map();
  #calls = 0;

  /** @param {Readonly<Record<string, string>>} env */
  constructor(env) {
    this.#process = new Child(SCRIPT, {
      env,
      onMessage: (message) => {
        const { tally, call, is } = /** @type {{ tally?: Tally, call: string, is: CallState }} */ (message);
        if (tally) this.tally = tally;
        else this.#waiting.get(call)?.(is);
      },
    });
  }

  /** Whom they call again and again from now on. @param {readonly number[]} ports */
  phone(ports) {
    this.#process.send({ phone: ports });
  }

  /** Places a call that lasts until it is hung up. Resolves to its id when it is answered. @param {number} port */
  async call(port) {
    const id = `call-${++this.#calls}`;
    await this.#until(id, 'answered', { call: id, port });
    return id;
  }

  /** Resolves when both ends have closed. @param {string} id */
  async hangUp(id) {
    await this.#until(id, 'hung up', { hangUp: id });
  }

  /** All hang up; resolves when the last call is over. */
  async stop() {
    this.#process.send({ stop: true });
    await inTime(this.#process.exited, () => `${this.tally.talking} callers to hang up`);
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  /** @param {string} id @param {CallState} expected @param {import('../call-server/callers.js').Order} order */
  async #until(id, expected, order) {
    /** @type {Promise<CallState>} */
    const next = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#process.send(order);
    const is = await inTime(next, () => `${id} to be ${expected}`);
    if (is !== expected) throw new Error(`${id}: expected it to be ${expected}, got ${is}`);
  }
}

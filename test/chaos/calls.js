import { Child } from '../../examples/scenarios/child.js';
import { until } from '../support/until.js';

const SCRIPT = new URL('../../examples/call-server/callers.js', import.meta.url);

/** @typedef {import('./worker.js').Worker} Worker */

/**
 * A call as its caller sees it.
 * @typedef {object} Call
 * @property {string} id Also its tenant, so that telemetry tells of which call it speaks.
 * @property {Worker} worker
 * @property {'placed' | 'answered' | 'hanging up' | 'hung up' | 'dropped' | 'turned away'} is
 * @property {number} [answeredAt] In Unix ms.
 * @property {number} [endedAt] In Unix ms.
 */

/** All calls of a play: what the callers saw is the truth. */
export class Calls {
  /** @type {Map<string, Call>} */
  #calls = new Map();
  #isOver = false;
  #process = new Child(SCRIPT, { env: { CALLERS: '0' }, onMessage: (message) => this.#take(message) });

  get all() {
    return [...this.#calls.values()];
  }

  /** @param {Worker} worker */
  of(worker) {
    return this.all.filter((call) => call.worker === worker);
  }

  /** Calls that their callers hold now. @param {Worker} worker */
  talking(worker) {
    return this.of(worker).filter(({ is }) => is === 'answered');
  }

  /** Calls that were lost. @param {Worker} worker */
  dropped(worker) {
    return this.of(worker).filter(({ is }) => is === 'dropped');
  }

  /** Resolves when it is answered or turned away. @param {Worker} worker */
  async place(worker) {
    if (this.#isOver) throw new Error('the callers are gone');
    const id = `call-${this.#calls.size + 1}`;
    /** @type {Call} */
    const call = { id, worker, is: 'placed' };
    this.#calls.set(id, call);
    this.#process.send({ call: id, port: worker.port, tenant: id });
    await until(`an answer to ${id} by ${worker.id}`, () => call.is !== 'placed' || this.#isOver);
    return call;
  }

  /** Resolves when both ends have closed, or the call was dropped. @param {Call} call */
  async hangUp(call) {
    if (call.is === 'answered' && !this.#isOver) {
      call.is = 'hanging up';
      this.#process.send({ hangUp: call.id });
    }
    await until(`the end of ${call.id} with ${call.worker.id}`, () => call.endedAt || this.#isOver);
  }

  /** No call of a worker is about to begin or to end. @param {Worker} worker */
  isQuiet(worker) {
    return this.of(worker).every(({ is }) => is !== 'placed' && is !== 'hanging up');
  }

  kill() {
    this.#isOver = true;
    this.#process.kill('SIGKILL');
  }

  /** @param {unknown} message */
  #take(message) {
    const { call: id = '', is } = /** @type {{ call?: string, is: Call['is'] }} */ (message);
    const call = this.#calls.get(id);
    if (!call) return;
    if (is === 'answered') call.answeredAt = Date.now();
    else call.endedAt = Date.now();
    call.is = is;
  }
}

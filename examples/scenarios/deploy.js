import { inTime } from './child.js';
import { describe } from './gate.js';

/** @typedef {import('./gate.js').Gate} Gate */
/** @typedef {import('./gate.js').Pattern} Pattern */
/** @typedef {import('./gate.js').Verdict} Verdict */

/**
 * A step that a gate has said, and the verdict that said it. Seconds since the stage was opened.
 * @typedef {{ step: string, source: string, seconds: number, verdict: Verdict }} Seen
 */
/** How long something took. @typedef {{ what: string, source: string, seconds: number }} Measure */

/** A deploy and the gates that judge it, one a source: all must come to the same. */
export class Deploy {
  /** @type {Seen[]} */
  seen = [];
  /** @type {Measure[]} */
  measures = [];
  gates;
  #begunAt;

  /** @param {readonly Gate[]} gates @param {number} begunAt When the stage was opened, in Unix ms. */
  constructor(gates, begunAt) {
    this.gates = gates;
    this.#begunAt = begunAt;
  }

  /** Waits until each gate says this, from what it was seen to say last on. @param {Pattern} pattern */
  see(pattern) {
    return this.#see(pattern, () => {});
  }

  /**
   * The same, and how long it takes from a moment on.
   * @param {Pattern} pattern @param {string} what @param {number | undefined} since In Unix ms.
   */
  measure(pattern, what, since) {
    return this.#see(pattern, (source, at) => {
      this.measures.push({ what, source, seconds: (at - (since ?? Number.NaN)) / 1000 });
    });
  }

  /** @param {Pattern} pattern */
  hasNotSaid(pattern) {
    for (const gate of this.gates) {
      if (gate.hasSaid(pattern))
        throw new Error(`the gate (${gate.source.name}) has said ${describe(pattern)}`);
    }
  }

  /** Waits for the gates to end, and says with which exit codes. */
  exitCodes() {
    const codes = Promise.all(this.gates.map(({ ended }) => ended));
    return inTime(codes, () => 'the gates to end');
  }

  /** @param {number} exitCode */
  async endsWith(exitCode) {
    const wrong = (await this.exitCodes()).find((code) => code !== exitCode);
    if (wrong !== undefined) throw new Error(`exit code of the gate: expected ${exitCode}, got ${wrong}`);
  }

  /** @param {Pattern} pattern @param {(source: string, at: number) => void} note */
  async #see(pattern, note) {
    await Promise.all(
      this.gates.map(async (gate) => {
        const { at, verdict } = await gate.see(pattern);
        const { name } = gate.source;
        const seconds = (at - this.#begunAt) / 1000;
        this.seen.push({ step: describe(pattern), source: name, seconds, verdict });
        note(name, at);
      }),
    );
  }
}

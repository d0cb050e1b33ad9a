import { EventEmitter, once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { Child, inTime } from './child.js';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url);

/**
 * A source of the gate.
 * @typedef {object} Source
 * @property {string} name
 * @property {readonly string[]} args Options of `openrtc-otel watch`.
 * @property {string} [otlp] Where workers report; where the gate says it listens when it is the receiver itself.
 */

/** What the gate says, of which scenarios read this. @typedef {{
 *   phase: string,
 *   sessionsLeft?: number,
 *   workers?: { running: number },
 *   dropped?: { confirmed: number, presumed: number },
 *   checks?: Record<string, { state: string, sentence: string }>,
 *   waitingFor?: readonly { id: string, state: string }[],
 *   error?: string,
 *   exitCode?: number,
 * }} Verdict */

/** What a verdict must say at least: values at any depth. @typedef {Record<string, unknown>} Pattern */

/** A verdict and when it was heard, in Unix ms. @typedef {{ at: number, verdict: Verdict }} Heard */

/** The embedded receiver: the gate is the receiver. @type {Source} */
export const RECEIVER = { name: 'receiver', args: ['--listen', '0'] };

/** A Prometheus that takes OTLP. @param {string} url @returns {Source} */
export const prometheus = (url) => ({
  name: 'Prometheus',
  args: ['--prometheus', url],
  otlp: `${url}/api/v1/otlp`,
});

/** One `openrtc-otel watch`, as a process. */
export class Gate {
  /** All that it said. @type {Heard[]} */
  heard = [];
  source;
  /** Resolves to the exit code. @type {Promise<number | null>} */
  ended;
  #process;
  #news = new EventEmitter();
  /** What `see` has matched last. */
  #seen = 0;
  #hasEnded = false;

  /** @param {Source} source @param {readonly string[]} args @param {(verdict: Verdict) => void} tell */
  constructor(source, args, tell) {
    this.source = source;
    this.#process = new Child(COMMAND, {
      args: ['watch', '--json', ...args, ...source.args],
      onLine: (line) => {
        const verdict = /** @type {Verdict} */ (JSON.parse(line));
        this.heard.push({ at: Date.now(), verdict });
        this.#news.emit('news');
        tell(verdict);
      },
    });
    this.ended = this.#process.exited.then(({ code }) => {
      this.#hasEnded = true;
      this.#news.emit('news');
      return code;
    });
  }

  /** Where workers report to it; undefined when it asks another. */
  get listensAt() {
    return this.#process.stderr.join('\n').match(/listening on (http:\S+?):? /)?.[1];
  }

  /** The last that it said. */
  get verdict() {
    return this.heard.at(-1)?.verdict;
  }

  /** Resolves when it has said something. */
  async begun() {
    await inTime(this.#next(0), () => `the gate (${this.source.name}) to say something`);
  }

  /**
   * Waits until it says this, from what was seen last on.
   * @param {Pattern} pattern @returns {Promise<Heard>}
   */
  see(pattern) {
    return inTime(this.#find(pattern), () => `${describe(pattern)}; ${this.#lastWords()}`);
  }

  /** @param {Pattern} pattern */
  hasSaid(pattern) {
    return this.heard.some(({ verdict }) => matches(verdict, pattern));
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  /** @param {Pattern} pattern */
  async #find(pattern) {
    for (let index = this.#seen; ; index++) {
      const heard = await this.#next(index);
      if (!matches(heard.verdict, pattern)) continue;
      this.#seen = index;
      return heard;
    }
  }

  /** @param {number} index @returns {Promise<Heard>} */
  async #next(index) {
    for (;;) {
      const heard = this.heard[index];
      if (heard) return heard;
      if (this.#hasEnded) throw new Error(`the gate ended too early; ${this.#lastWords()}`);
      await once(this.#news, 'news');
    }
  }

  #lastWords() {
    const said = this.verdict ? JSON.stringify(this.verdict) : 'nothing';
    return [`the gate (${this.source.name}) said last: ${said}`, ...this.#process.stderr].join('\n');
  }
}

/** @param {unknown} value @param {unknown} pattern @returns {boolean} */
function matches(value, pattern) {
  if (typeof pattern !== 'object' || pattern === null) return isDeepStrictEqual(value, pattern);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(pattern) && (!Array.isArray(value) || value.length !== pattern.length)) return false;
  const fields = /** @type {Record<string, unknown>} */ (value);
  return Object.entries(pattern).every(([key, item]) => matches(fields[key], item));
}

/** A pattern in words: `draining, sessionsLeft 2`. @param {Pattern} pattern */
export function describe({ phase, ...rest }) {
  const facts = Object.entries(rest).map(([key, value]) =>
    `${key} ${JSON.stringify(value)}`.replace(/["{}[\]]/g, '').replaceAll(/[:,]/g, '$& '),
  );
  return [...(phase === undefined ? [] : [phase]), ...facts].join(', ');
}

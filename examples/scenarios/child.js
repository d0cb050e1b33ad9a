import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Lines of stderr that are kept for when something fails. */
const KEPT_LINES = 20;
const PATIENCE_SECONDS = 60;

/**
 * @typedef {object} ChildOptions
 * @property {readonly string[]} [args]
 * @property {readonly string[]} [nodeArgs]
 * @property {Readonly<Record<string, string>>} [env] The only `OTEL_*` variables it sees are the ones in here.
 * @property {(line: string) => void} [onLine] Gets what it prints.
 * @property {(message: unknown) => void} [onMessage] Gets what it sends; it has a channel only with this.
 */

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

/** A Node process. */
export class Child {
  /** The last lines it said on stderr. @type {string[]} */
  stderr = [];
  /** When it exited, in Unix ms; undefined while it runs. @type {number | undefined} */
  exitedAt;
  /** Resolves when it has exited and all that it wrote and sent was read. @type {Promise<Exit>} */
  exited;
  #process;

  /** @param {URL} script @param {ChildOptions} [options] */
  constructor(script, { args = [], nodeArgs = [], env = {}, onLine, onMessage } = {}) {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
    this.#process = spawn(process.execPath, [...nodeArgs, fileURLToPath(script), ...args], {
      env: { ...Object.fromEntries(own), ...env },
      stdio: ['ignore', 'pipe', 'pipe', onMessage ? 'ipc' : 'ignore'],
    });
    const { stdout, stderr } = this.#process;
    if (stdout && onLine) createInterface(stdout).on('line', onLine);
    else stdout?.resume();
    if (stderr) createInterface(stderr).on('line', (line) => this.#keep(line));
    if (onMessage) this.#process.on('message', onMessage);
    this.#process.once('exit', () => {
      this.exitedAt = Date.now();
    });
    const told = onMessage && once(this.#process, 'disconnect');
    this.exited = Promise.all([once(this.#process, 'close'), told]).then(([[code, signal]]) => ({
      code,
      signal,
    }));
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#process.kill(signal);
  }

  /** @param {import('node:child_process').Serializable} message */
  send(message) {
    this.#process.send(message);
  }

  /** @param {string} line */
  #keep(line) {
    this.stderr.push(line);
    if (this.stderr.length > KEPT_LINES) this.stderr.shift();
  }
}

/**
 * Waits for what a real process does, with patience and not for ever.
 * @template T @param {Promise<T>} promise @param {() => string} describe What it waited for. @returns {Promise<T>}
 */
export async function inTime(promise, describe) {
  const timer = new AbortController();
  const late = sleep(PATIENCE_SECONDS * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${PATIENCE_SECONDS} s for ${describe()}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}

import { Child, inTime } from './child.js';

const SCRIPT = new URL('../call-server/server.js', import.meta.url);

/** A call server. @typedef {{ version: string, port: number, process: Child }} Server */

/** The call servers of a stage, as processes. */
export class Servers {
  /** @type {Child[]} */
  #all = [];

  /** The last that each said on stderr. */
  get complaints() {
    return this.#all.flatMap(({ stderr }) => stderr);
  }

  /**
   * Starts one; resolves when it listens.
   * @param {string} version @param {readonly string[]} nodeArgs @param {Readonly<Record<string, string>>} env
   * @returns {Promise<Server>}
   */
  async start(version, nodeArgs, env) {
    /** @type {(port: number) => void} */
    let listens = () => {};
    /** @type {Promise<number>} */
    const listening = new Promise((resolve) => {
      listens = resolve;
    });
    const child = new Child(SCRIPT, {
      nodeArgs,
      env: { DEPLOYMENT_VERSION: version, ...env },
      onLine: (line) => listens(Number(line.match(/^listening on (\d+)$/)?.[1])),
    });
    this.#all.push(child);
    const ended = child.exited.then(() => {
      throw new Error(`a call server ended before it listened:\n${child.stderr.join('\n')}`);
    });
    // Most end later, when nobody asks any more.
    ended.catch(() => {});
    const port = await inTime(Promise.race([listening, ended]), () => 'a call server to listen');
    return { version, port, process: child };
  }

  /** Terminates those that are left; resolves when they have exited. */
  async terminate() {
    const left = this.#all.filter(({ exitedAt }) => exitedAt === undefined);
    for (const child of left) child.kill('SIGTERM');
    const exited = Promise.all(left.map((child) => child.exited));
    await inTime(exited, () => `${left.length} call servers to drain and exit`);
  }

  kill() {
    for (const child of this.#all) child.kill('SIGKILL');
  }
}

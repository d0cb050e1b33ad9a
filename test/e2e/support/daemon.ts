import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const KEPT_LINES = 1_000;
const START_MS = 30_000;
const STOP_MS = 10_000;

export interface DaemonOptions {
  readonly cwd: string;
  /** More environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it writes to stderr when it listens, with the port as the first group. */
  readonly listens: RegExp;
}

/** A server that a test started and that ends before the test does. */
export class Daemon {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #kill = () => this.#process.kill('SIGKILL');

  private constructor(child: ChildProcess, port: number) {
    this.#process = child;
    this.port = port;
    process.once('exit', this.#kill);
    child.once('close', () => process.off('exit', this.#kill));
  }

  /** Resolves when it listens; one that does not is killed. */
  static async start(program: string, args: readonly string[], options: DaemonOptions): Promise<Daemon> {
    const { cwd, env, listens } = options;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const lines: string[] = [];
    const listening = new Promise<number>((resolve) => {
      createInterface(child.stderr).on('line', (line) => {
        if (lines.length < KEPT_LINES) lines.push(line);
        const port = listens.exec(line)?.[1];
        if (port) resolve(Number(port));
      });
    });
    const ended = once(child, 'close').then(() => {
      throw new Error(`${program} ended:\n${lines.join('\n')}`);
    });
    ended.catch(() => {});
    const late = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const port = await Promise.race([listening, ended]);
    clearTimeout(late);
    return new Daemon(child, port);
  }

  /** Stops it as an operator would. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const killed = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await once(child, 'close');
    clearTimeout(killed);
  }
}

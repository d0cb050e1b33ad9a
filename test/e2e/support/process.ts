import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { run } from './project.js';

/** A process and all that it starts: none outlives the test. */
export class Process implements AsyncDisposable {
  /** What it wrote so far, to stdout and to stderr. */
  output = '';
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #process: ChildProcess;

  constructor(
    program: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
  ) {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env };
    // In a group of its own, so that what it leaves behind can be ended too.
    this.#process = spawn(program, args, {
      ...options,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
    this.exit = once(this.#process, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The processes it started that run this script, the oldest first. */
  async children(script: string): Promise<number[]> {
    const args = ['-o', 'pid=,args=', '--sort', 'start_time', '--ppid', String(this.#process.pid)];
    const { stdout } = await run('ps', args, { cwd: '/' });
    const lines = stdout.split('\n').filter((line) => line.includes(script));
    return lines.map((line) => Number(line.trim().split(' ')[0]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-(this.#process.pid ?? Number.NaN), 'SIGKILL');
    } catch {
      // All have ended.
    }
    await this.exit;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

interface Answer {
  readonly id: number;
  readonly answer?: unknown;
}

const running = new Set<Child>();

afterAll(() => {
  for (const child of running) child.kill();
});

/** A Node process that a test starts, and that does not outlive it. */
export class Child implements AsyncDisposable {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Resolves when the process has ended and all that it wrote was read. */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #process: ChildProcess;
  readonly #questions = new Map<number, (answer: unknown) => void>();

  /** Runs a module, given relative to the folder of the wire tests. It sees no `OTEL_*` variables but the given ones. */
  constructor(module: string, env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
    const path = fileURLToPath(new URL(`../${module}`, import.meta.url));
    this.#process = spawn(process.execPath, [path, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const { stdout, stderr } = this.#process;
    if (stdout) createInterface(stdout).on('line', (line) => this.stdout.push(line));
    if (stderr) createInterface(stderr).on('line', (line) => this.stderr.push(line));
    this.#process.on('message', ({ id, answer }: Answer) => this.#questions.get(id)?.(answer));
    this.exit = once(this.#process, 'close').then(([code, signal]) => ({ code, signal }));
    running.add(this);
    void this.exit.then(() => running.delete(this));
  }

  /** What the package said so far. */
  get said(): string[] {
    return this.stderr.flatMap((line) => line.match(/^\(node:\d+\) openrtc-otel: (.*)$/)?.[1] ?? []);
  }

  /** Gives a command to a fixture that obeys, and resolves to its answer. */
  async ask<T>(command: string, ...args: unknown[]): Promise<T> {
    const id = this.#questions.size;
    const answer = new Promise<unknown>((resolve) => this.#questions.set(id, resolve));
    this.#process.send({ id, command, args });
    const ended = this.exit.then(({ code, signal }) => {
      throw new Error(`${command}: the process ended (${signal ?? code}): ${this.stderr.join('\n')}`);
    });
    return (await Promise.race([answer, ended])) as T;
  }

  /** What the process wrote, as JSON, when it has ended. */
  async result<T>(): Promise<T> {
    const { code, signal } = await this.exit;
    if (code !== 0) throw new Error(`the process ended with ${signal ?? code}: ${this.stderr.join('\n')}`);
    return JSON.parse(this.stdout.join('\n')) as T;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.exit;
  }
}

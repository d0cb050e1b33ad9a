import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { eventually } from '../wire/support/eventually.js';
import { type Shown, show } from './terminal.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const process of running) process.kill('SIGKILL');
});

/** A program that a test started, and all that it wrote. */
export class Program {
  stdout = '';
  stderr = '';
  readonly exitCode: Promise<number | null>;
  readonly #process: ChildProcess;

  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#process = spawn(file, args, { env: { PATH: process.env.PATH, ...env } });
    this.#process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.#process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    running.add(this.#process);
    this.exitCode = once(this.#process, 'close').then(([code]) => {
      running.delete(this.#process);
      return code;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  type(keys: string): void {
    this.#process.stdin?.write(keys);
  }

  closeOutput(): void {
    this.#process.stdout?.destroy();
  }
}

/** `openrtc-otel` without a terminal. */
export const command = (args: readonly string[], env?: Readonly<Record<string, string>>): Program =>
  new Program(process.execPath, [COMMAND, ...args], env);

/** Whether the `script` of util-linux is there, which gives a program a terminal. */
export const hasTerminal = (spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '').includes(
  'util-linux',
);

/** A crash on demand: an error that nobody catches. */
const CRASH = `data:text/javascript,process.on('SIGUSR2', () => { throw new Error('crashed') })`;
const COLUMNS = 100;
const ROWS = 30;

/** `openrtc-otel` in a terminal of its own. */
export class Terminal {
  readonly #program: Program;

  constructor(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const program = [process.execPath, '--import', CRASH, COMMAND, ...args].map(
      (part) => `'${part.replaceAll("'", `'\\''`)}'`,
    );
    const shell = `stty cols ${COLUMNS} rows ${ROWS}; tty; echo $$; exec ${program.join(' ')}`;
    const env = { TERM: 'xterm-256color', SHELL: '/bin/sh', ...more };
    this.#program = new Program(
      'script',
      ['--quiet', '--flush', '--return', '--command', shell, '/dev/null'],
      env,
    );
  }

  get exitCode(): Promise<number | null> {
    return this.#program.exitCode;
  }

  /** What the terminal shows now. */
  shown(columns = COLUMNS, rows = ROWS): Promise<Shown> {
    return show(this.#program.stdout, columns, rows);
  }

  type(keys: string): void {
    this.#program.type(keys);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    process.kill(Number((await this.#begin()).pid), signal);
  }

  async resize(columns: number, rows: number): Promise<void> {
    const { tty } = await this.#begin();
    spawnSync('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)]);
  }

  #begin(): Promise<{ readonly tty: string; readonly pid: string }> {
    return eventually(() => {
      const [, tty, pid] = /^(\S+)\r\n(\d+)\r\n/.exec(this.#program.stdout) ?? [];
      if (tty === undefined || pid === undefined) throw new Error('the program has not begun');
      return { tty, pid };
    });
  }
}

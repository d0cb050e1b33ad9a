import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { goInstall, installed } from './installed.js';

const VERSION = 'v0.316.0';
const MODULE = 'github.com/prometheus/prometheus/cmd';
// Without the tags it does not resolve.
const TAGS = ['-tags', 'remove_all_sd,netgo'];

const START_MS = 30_000;

/** The folder with `prometheus` and `promtool`. */
export const prometheusDir = (): Promise<string> =>
  installed(`prometheus-${VERSION}`, async (dir) => {
    for (const program of ['prometheus', 'promtool']) {
      await goInstall(dir, `${MODULE}/${program}@${VERSION}`, TAGS);
    }
  });

/** How metrics are named: as by default, or as where suffixes are off (the default of Mimir). */
export type Naming = 'UnderscoreEscapingWithSuffixes' | 'UnderscoreEscapingWithoutSuffixes';

const config = (naming: Naming) => `
storage: { tsdb: { out_of_order_time_window: 30m } }
otlp: { translation_strategy: ${naming} }
`;

/** A Prometheus on loopback that takes OTLP and remote write, and that keeps nothing when disposed. */
export class Prometheus implements AsyncDisposable {
  readonly #program: string;
  readonly #dir: string;
  #process: ChildProcess | undefined;
  #port = 0;

  private constructor(program: string, dir: string) {
    this.#program = program;
    this.#dir = dir;
  }

  static async start(naming: Naming = 'UnderscoreEscapingWithSuffixes'): Promise<Prometheus> {
    const program = join(await prometheusDir(), 'prometheus');
    const dir = await mkdtemp(join(tmpdir(), 'openrtc-otel-prometheus-'));
    await writeFile(join(dir, 'prometheus.yml'), config(naming));
    const prometheus = new Prometheus(program, dir);
    await prometheus.start();
    return prometheus;
  }

  /** The base of its HTTP API. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What a worker has in `OTEL_EXPORTER_OTLP_ENDPOINT`. It takes metrics alone. */
  get otlpUrl(): string {
    return `${this.url}/api/v1/otlp`;
  }

  /** Listens, on the same port each time, with the samples it had. */
  async start(): Promise<void> {
    const child = spawn(
      this.#program,
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${this.#port}`,
        '--web.enable-otlp-receiver',
        '--web.enable-remote-write-receiver',
      ],
      { cwd: this.#dir, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = child;
    const lines: string[] = [];
    const listens = new Promise<number>((resolve) => {
      createInterface(child.stderr).on('line', (line) => {
        if (lines.length < 1_000) lines.push(line);
        const port = /msg="Listening on" .*address=127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port) resolve(Number(port));
      });
    });
    const ended = once(child, 'close').then(() => {
      throw new Error(`Prometheus ended:\n${lines.join('\n')}`);
    });
    ended.catch(() => {});
    const late = sleep(START_MS, undefined, { ref: false }).then(() => {
      throw new Error(`Prometheus does not listen:\n${lines.join('\n')}`);
    });
    this.#port = await Promise.race([listens, ended, late]);
    while (!(await fetch(`${this.url}/-/ready`)).ok) await sleep(50);
  }

  /** Stops as an operator would, and keeps its samples. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const killed = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await once(child, 'close');
    clearTimeout(killed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

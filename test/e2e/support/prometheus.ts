import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from './daemon.js';
import { goInstall } from './go-install.js';
import { installed } from './installed.js';

const VERSION = 'v0.316.0';
const MODULE = 'github.com/prometheus/prometheus/cmd';
// Without the tags it does not resolve.
const TAGS = ['-tags', 'remove_all_sd,netgo'];

/** The folder with `prometheus` and `promtool`. */
export const prometheusDir = (): Promise<string> =>
  installed(`prometheus-${VERSION}`, async (dir) => {
    for (const program of ['prometheus', 'promtool']) {
      await goInstall(dir, `${MODULE}/${program}@${VERSION}`, TAGS);
    }
  });

/** How metrics are named: as by default, as where suffixes are off (the default of Mimir), or with dots. */
export type Naming =
  | 'UnderscoreEscapingWithSuffixes'
  | 'UnderscoreEscapingWithoutSuffixes'
  | 'NoUTF8EscapingWithSuffixes'
  | 'NoTranslation';

/** `otlp` decides how names that come over OTLP are written; over remote write, the sender does. */
const config = (naming: Naming, outOfOrderWindow: string) => `
storage: { tsdb: { out_of_order_time_window: ${outOfOrderWindow} } }
otlp: { translation_strategy: ${naming} }
`;

/** A Prometheus on loopback that takes OTLP and remote write, and that keeps nothing when disposed. */
export class Prometheus implements AsyncDisposable {
  readonly #program: string;
  readonly #dir: string;
  #daemon: Daemon | undefined;

  private constructor(program: string, dir: string) {
    this.#program = program;
    this.#dir = dir;
  }

  /** @param outOfOrderWindow - How late a sample may come; `0s` is the default of Prometheus. */
  static async start(
    naming: Naming = 'UnderscoreEscapingWithSuffixes',
    outOfOrderWindow = '30m',
  ): Promise<Prometheus> {
    const program = join(await prometheusDir(), 'prometheus');
    const dir = await mkdtemp(join(tmpdir(), 'openrtc-otel-prometheus-'));
    await writeFile(join(dir, 'prometheus.yml'), config(naming, outOfOrderWindow));
    const prometheus = new Prometheus(program, dir);
    await prometheus.start();
    return prometheus;
  }

  /** The base of its HTTP API. */
  get url(): string {
    return `http://127.0.0.1:${this.#daemon?.port}`;
  }

  /** What a worker has in `OTEL_EXPORTER_OTLP_ENDPOINT`. It takes metrics alone. */
  get otlpUrl(): string {
    return `${this.url}/api/v1/otlp`;
  }

  /** Listens, on the same port each time, with the samples it had. */
  async start(): Promise<void> {
    this.#daemon = await Daemon.start(
      this.#program,
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${this.#daemon?.port ?? 0}`,
        '--web.enable-otlp-receiver',
        '--web.enable-remote-write-receiver',
      ],
      { cwd: this.#dir, listens: /msg="Listening on" .*address=127\.0\.0\.1:(\d+)/ },
    );
    while (!(await fetch(`${this.url}/-/ready`)).ok) await sleep(50);
  }

  /** Stops as an operator would, and keeps its samples. */
  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

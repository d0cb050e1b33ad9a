import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Daemon } from './daemon.js';
import { installed } from './installed.js';
import { type Output, ROOT, run } from './project.js';

const VERSION = 'v0.155.0';
const SOURCES = ['go.mod', 'main.go'].map((name) => ({
  name,
  path: fileURLToPath(new URL(`collector/${name}`, import.meta.url)),
}));
/** The recipes that users copy. */
const CONFIGS = join(ROOT, 'examples/grafana/collector');

/** A file of examples/grafana/collector, without its ending. */
export type CollectorConfig = 'prometheus' | 'delta' | 'otlp' | 'vendor';

/** The Collector with the components of the recipes. */
export async function collectorProgram(): Promise<string> {
  const hash = createHash('sha256');
  for (const { path } of SOURCES) hash.update(await readFile(path));
  const name = `collector-${VERSION}-${hash.digest('hex').slice(0, 8)}`;
  return join(await installed(name, build), 'otelcol');
}

async function build(dir: string): Promise<void> {
  for (const { name, path } of SOURCES) await copyFile(path, join(dir, name));
  // The requirements of the requirements are written into the copy; a tidy would fail on a module of tests.
  const env = { GOFLAGS: '-mod=mod -buildvcs=false' };
  const args = ['build', '-trimpath', '-ldflags=-s -w', '-o', 'otelcol', '.'];
  const { code, stderr } = await run('go', args, { cwd: dir, env });
  if (code !== 0) throw new Error(`go build of the Collector: ${stderr}`);
}

/** The options that name configurations, each on top of the ones before. */
const configArgs = (configs: readonly CollectorConfig[]): string[] =>
  configs.map((config) => `--config=${join(CONFIGS, `${config}.yaml`)}`);

/** What the Collector itself says of configurations. */
export async function validate(
  configs: readonly CollectorConfig[],
  env: Readonly<Record<string, string>> = {},
): Promise<Output> {
  return run(await collectorProgram(), ['validate', ...configArgs(configs)], { cwd: ROOT, env });
}

/** A real Collector on loopback, set up by the recipes' configurations and what their environment says. */
export class Collector implements AsyncDisposable {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  static async start(
    configs: readonly CollectorConfig[],
    env: Readonly<Record<string, string>>,
  ): Promise<Collector> {
    return new Collector(
      await Daemon.start(await collectorProgram(), configArgs(configs), {
        cwd: ROOT,
        env: { OTLP_LISTEN: '127.0.0.1:0', ...env },
        listens: /Starting HTTP server.*"endpoint": "127\.0\.0\.1:(\d+)"/,
      }),
    );
  }

  /** What a worker has in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${this.#daemon.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon.stop();
  }
}

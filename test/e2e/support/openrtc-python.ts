import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../support/until.js';
import { installed } from './installed.js';
import type { LiveKit } from './livekit.js';
import { Process } from './process.js';
import { ROOT, run } from './project.js';

const OPENRTC = 'openrtc[livekit,cli,top]==0.20.1';
/** The command line of OpenRTC 0.20.1 breaks with the typer that pip would choose. */
const TYPER = 'typer==0.27.3';
const COMMAND = join(ROOT, 'dist/cli/main.js');
/** The worker of the example, as it is. */
const WORKER = ['test/e2e/fixtures/openrtc/without_models.py', 'examples/openrtc-python/worker.py', 'start'];

/** The name of the worker's agent. */
export const AGENT = 'support';

export interface OpenRtcWorker {
  /** Where its outputs are. */
  readonly dir: string;
  readonly process: Process;
}

/** The folder of a Python environment with OpenRTC. */
export const openRtcDir = (): Promise<string> => installed('openrtc-0.20.1', installOpenRtc);

/** Real OpenRTC workers and their bridges. */
export class OpenRtcWorkers implements AsyncDisposable {
  readonly #livekit: LiveKit;
  readonly #endpoint: string;
  readonly #python: string;
  readonly #dir: string;
  readonly #processes: Process[] = [];

  private constructor(livekit: LiveKit, endpoint: string, python: string, dir: string) {
    this.#livekit = livekit;
    this.#endpoint = endpoint;
    this.#python = python;
    this.#dir = dir;
  }

  /** @param endpoint where the bridges report to */
  static async create(livekit: LiveKit, endpoint: string): Promise<OpenRtcWorkers> {
    const dir = await mkdtemp(join(tmpdir(), 'openrtc-e2e-'));
    return new OpenRtcWorkers(livekit, endpoint, join(await openRtcDir(), 'bin/python'), dir);
  }

  /** Starts a worker in a folder and waits until it takes calls. */
  async start(
    folder: string,
    version: string,
    drainTimeoutSeconds = 600,
    env: NodeJS.ProcessEnv = {},
  ): Promise<OpenRtcWorker> {
    const dir = join(this.#dir, folder);
    const worker = this.#spawn(this.#python, WORKER, {
      ...this.#livekit.environment,
      BRIDGE_DIR: dir,
      DEPLOYMENT_VERSION: version,
      DRAIN_TIMEOUT_SECONDS: String(drainTimeoutSeconds),
      PORT: '0',
      ...env,
    });
    await until('the worker registers', () => worker.output.includes('registered worker'));
    return { dir, process: worker };
  }

  /** Starts the bridge of a worker's folder, as the manifests do. */
  bridge({ dir }: OpenRtcWorker, ...more: readonly string[]): Process {
    const files = ['--jsonl', `${dir}/worker.jsonl`, '--socket', `${dir}/worker.sock`];
    const args = [COMMAND, 'bridge', ...files, ...more];
    return this.#spawn(process.execPath, args, {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.#endpoint,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
    });
  }

  /** What a pod's termination does, and `docker stop`. */
  async terminate({ process: worker }: OpenRtcWorker): Promise<void> {
    worker.kill('SIGTERM');
    await until('the worker drains', () => worker.output.includes('draining worker'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) await child[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #spawn(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Process {
    const child = new Process(program, args, { cwd: ROOT, env });
    this.#processes.push(child);
    return child;
  }
}

async function installOpenRtc(dir: string): Promise<void> {
  const python = join(dir, 'bin/python');
  const pip = [python, '-m', 'pip', 'install', '--quiet', '--no-compile'];
  const steps = [
    ['python3', '-m', 'venv', dir],
    [...pip, OPENRTC],
    [...pip, '--no-deps', TYPER],
  ];
  for (const [program = '', ...args] of steps) {
    const { code, stderr } = await run(program, args, { cwd: ROOT });
    if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  }
}

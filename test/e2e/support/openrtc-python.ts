import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { installed } from './installed.js';
import { livekitServer } from './livekit-server.js';
import { ROOT, run } from './project.js';

const OPENRTC = ['openrtc[livekit,cli,top]==0.20.1', 'livekit-api==1.2.2'];
/** The command line of OpenRTC 0.20.1 breaks with the typer that pip would choose. */
const TYPER = 'typer==0.27.3';
const FIXTURES = join(ROOT, 'test/e2e/fixtures/openrtc');
const KEY = 'devkey';
const SECRET = 'a-secret-of-the-tests-that-is-long-enough';

/** The real LiveKit server on loopback, with callers, and with real OpenRTC workers and their bridges. */
export class OpenRtcStage implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'openrtc-e2e-'));
  readonly #children: ChildProcess[] = [];
  readonly #python: string;
  #env: NodeJS.ProcessEnv = {};
  #callers: ChildProcess | undefined;
  #answers: Interface | undefined;
  #rooms = 0;

  private constructor(python: string) {
    this.#python = python;
  }

  static async create(): Promise<OpenRtcStage> {
    const server = await livekitServer();
    const openrtc = await installed('openrtc-0.20.1', installOpenRtc);
    const stage = new OpenRtcStage(join(openrtc, 'bin/python'));
    await stage.#startServer(server);
    stage.#startCallers();
    return stage;
  }

  /** A worker of the example, in a folder of its own. */
  worker(name: string, version: string, drainTimeoutSeconds = 600): OpenRtcWorker {
    const dir = join(this.#dir, name);
    const env = {
      ...this.#env,
      BRIDGE_DIR: dir,
      DEPLOYMENT_VERSION: version,
      DRAIN_TIMEOUT_SECONDS: String(drainTimeoutSeconds),
      PORT: '0',
    };
    const worker = join(ROOT, 'examples/openrtc-python/worker.py');
    const args = [join(FIXTURES, 'without_models.py'), worker, 'start'];
    return { dir, process: this.#spawn(this.#python, args, env) };
  }

  /** The bridge of a worker's folder, as the manifests start it. */
  bridge({ dir }: OpenRtcWorker, endpoint: string, more: readonly string[] = []): ChildProcess {
    const args = [
      '--jsonl',
      `${dir}/worker.jsonl`,
      '--socket',
      `${dir}/worker.sock`,
      '--drain-file',
      `${dir}/drain`,
    ];
    return this.#spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'bridge', ...args, ...more], {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
    });
  }

  /** What a pod's termination does: the preStop hook touches the file, then SIGTERM. */
  terminate({ dir, process: child }: OpenRtcWorker): void {
    writeFileSync(join(dir, 'drain'), '');
    child.kill('SIGTERM');
  }

  /** Places a call and gives its room. */
  async call(tenant: string): Promise<string> {
    const room = `room-${++this.#rooms}`;
    await this.#order({ do: 'call', room, tenant });
    return room;
  }

  hangUp(room: string): Promise<void> {
    return this.#order({ do: 'hang up', room });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #startServer(program: string): Promise<void> {
    const port = await freePort();
    const config = join(this.#dir, 'livekit.yaml');
    writeFileSync(
      config,
      JSON.stringify({
        port,
        bind_addresses: ['127.0.0.1'],
        keys: { [KEY]: SECRET },
        rtc: {
          node_ip: '127.0.0.1',
          tcp_port: 0,
          use_external_ip: false,
          enable_loopback_candidate: true,
          interfaces: { includes: ['lo'] },
        },
      }),
    );
    this.#spawn(program, ['--config', config, '--node-ip', '127.0.0.1'], {});
    this.#env = {
      LIVEKIT_URL: `ws://127.0.0.1:${port}`,
      LIVEKIT_API_KEY: KEY,
      LIVEKIT_API_SECRET: SECRET,
    };
    while (!(await accepts(port))) await sleep(50);
  }

  #startCallers(): void {
    this.#callers = this.#spawn(this.#python, [join(FIXTURES, 'callers.py')], this.#env, 'pipe');
    if (this.#callers.stdout) this.#answers = createInterface(this.#callers.stdout);
  }

  async #order(order: Readonly<Record<string, string>>): Promise<void> {
    if (!this.#answers) throw new Error('there are no callers');
    const answered = once(this.#answers, 'line');
    this.#callers?.stdin?.write(`${JSON.stringify(order)}\n`);
    await answered;
  }

  #spawn(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    stdin: 'ignore' | 'pipe' = 'ignore',
  ) {
    const child = spawn(program, args, {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: [stdin, stdin === 'pipe' ? 'pipe' : 'ignore', process.env.E2E_VERBOSE ? 'inherit' : 'ignore'],
    });
    this.#children.push(child);
    return child;
  }
}

export interface OpenRtcWorker {
  /** Where its outputs are. */
  readonly dir: string;
  readonly process: ChildProcess;
}

async function installOpenRtc(dir: string): Promise<void> {
  const python = join(dir, 'bin/python');
  const pip = [python, '-m', 'pip', 'install', '--quiet', '--no-compile'];
  const steps = [
    ['python3', '-m', 'venv', dir],
    [...pip, ...OPENRTC],
    [...pip, '--no-deps', TYPER],
  ];
  for (const [program = '', ...args] of steps) {
    const { code, stderr } = await run(program, args, { cwd: ROOT });
    if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BridgeOptions, runBridge } from '../../../src/bridge/run.js';
import type { Sources } from '../../../src/bridge/worker-watch.js';
import { setEnvironment } from '../../support/environment.js';
import { Backend } from '../../wire/support/backend.js';
import { Child } from '../../wire/support/child.js';
import { reportingTo } from '../../wire/support/environment.js';

const CLI = '../../dist/cli/main.js';
const WORKER = '../bridge/fixtures/openrtc-worker.js';

/** A backend, and a folder in which workers and bridges meet. Everything in it ends with it. */
export class Scene implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'openrtc-bridge-'));
  readonly #children: Child[] = [];
  readonly #ending = new AbortController();
  #ended: Promise<boolean> | undefined;

  private constructor(
    readonly backend: Backend,
    readonly port: number,
  ) {}

  static async create(): Promise<Scene> {
    return new Scene(await Backend.start(), await freePort());
  }

  get jsonl(): string {
    return join(this.dir, 'worker.jsonl');
  }

  get socket(): string {
    return join(this.dir, 'worker.sock');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Starts a worker with all outputs. */
  worker(env: Readonly<Record<string, string>> = {}): Child {
    return this.#keep(
      new Child(WORKER, { JSONL: this.jsonl, SOCKET: this.socket, PORT: String(this.port), ...env }),
    );
  }

  /** Starts a bridge that reports to the backend. */
  bridge(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
    return this.#keep(new Child(CLI, reportingTo(this.backend, env), ['bridge', ...args]));
  }

  /** Runs a bridge in this process, of which there may be one at a time; its environment is that of the test. */
  run(
    sources: Sources,
    more: Partial<BridgeOptions> = {},
  ): { readonly printed: string[]; end(): Promise<boolean> } {
    setEnvironment(reportingTo(this.backend));
    const printed: string[] = [];
    const ended = runBridge({
      sources,
      signal: this.#ending.signal,
      print: (line) => void printed.push(line),
      ...more,
    });
    this.#ended = ended;
    const end = () => {
      this.#ending.abort();
      return ended;
    };
    return { printed, end };
  }

  /** All outputs. */
  get sources(): Sources {
    return { jsonl: this.jsonl, socket: this.socket, url: this.url };
  }

  /** The options that name all outputs. */
  get all(): string[] {
    return ['--jsonl', this.jsonl, '--socket', this.socket, '--url', this.url];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child[Symbol.asyncDispose]()));
    this.#ending.abort();
    await this.#ended;
    await this.backend[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #keep(child: Child): Child {
    this.#children.push(child);
    return child;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

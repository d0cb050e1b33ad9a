import { once } from 'node:events';
import { lstatSync, renameSync, rmSync, type Stats } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { attempt } from '../lib/attempt.js';
import { type Folder, newName } from './folder.js';

/** A connection within one machine is there at once, or never. */
const PATIENCE_MS = 1_000;

/**
 * The socket in a folder by which others see that this process lives. The system itself takes the connections, so a
 * process that is stopped or busy is alive, and one that was killed is not.
 *
 * It gets its name when it listens already: whoever finds it dead knows that its process is gone. And it keeps that name
 * when its thread or process ends, for Node removes a socket by the name that it was made with.
 */
export class LivenessSocket {
  readonly #folder: Folder;
  readonly #path: string;
  readonly #keepsAlive: boolean;
  #server: Server | undefined;
  #inode = 0n;
  /** Those that lost their name. In a folder that was moved they still have one, and prove that this process lives. */
  #former: Server[] = [];

  /** @param keepsAlive whether the process must not end by itself as long as it listens */
  constructor(folder: Folder, name: string, keepsAlive = false) {
    this.#folder = folder;
    this.#path = folder.socket(name);
    this.#keepsAlive = keepsAlive;
  }

  /** Which socket it is; 0 before it listens. */
  get inode(): bigint {
    return this.#inode;
  }

  /** While it is not, others take from this process what it holds. */
  get isListening(): boolean {
    return this.#server?.listening === true && this.#folder.inode(this.#path) === this.#inode;
  }

  /**
   * Listens, and makes what is missing of folder and socket.
   *
   * @param settle moves what its process has in the folder; until then former sockets answer
   * @throws Error of the system
   */
  async listen(settle = () => {}): Promise<void> {
    if (!this.isListening) await this.#listen();
    settle();
    for (const server of this.#former.splice(0)) server.close();
  }

  async #listen(): Promise<void> {
    this.#folder.make();
    const unnamed = this.#folder.unnamedSocket(newName());
    const server = await listen(unnamed);
    try {
      const { ino } = lstatSync(unnamed, { bigint: true });
      renameSync(unnamed, this.#path);
      this.#inode = ino;
    } catch (error) {
      server.close();
      throw error;
    }
    if (this.#server) this.#former.push(this.#server);
    this.#server = server;
    if (this.#keepsAlive) server.ref();
  }

  close(): void {
    if (this.isListening) attempt(() => rmSync(this.#path), undefined);
    for (const server of [...this.#former.splice(0), this.#server]) server?.close();
  }
}

/**
 * Listens on a socket, without keeping the process alive.
 * @throws Error of the system
 */
export async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref();
  // Not shared with the primary of a cluster: it would outlive this process.
  server.listen({ path, exclusive: true });
  await once(server, 'listening');
  server.on('error', () => {});
  return server;
}

/**
 * `alive`: it answers, or nothing proves that it is dead. `dead`: its socket is there and nobody listens. `gone`: there
 * is no socket of ours or of root.
 */
export type Life = 'alive' | 'dead' | 'gone';

/** Whether whoever listens on a socket is alive. Never rejects. */
export async function probe(path: string, isTrusted: (stats: Stats) => boolean): Promise<Life> {
  // A file that is no socket refuses connections too.
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isSocket() || !isTrusted(stats)) return 'gone';
  return new Promise((resolve) => {
    // An instrumented net module would make a span of the app out of each look.
    const socket = context.with(suppressTracing(context.active()), () => connect(path));
    const settle = (life: Life) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(life);
    };
    const timer = setTimeout(settle, PATIENCE_MS, 'alive');
    socket.on('connect', () => settle('alive'));
    // EAGAIN: so many wait that no more are taken; whoever lets them wait is alive.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      settle(code === 'ECONNREFUSED' ? 'dead' : code === 'ENOENT' ? 'gone' : 'alive');
    });
  });
}

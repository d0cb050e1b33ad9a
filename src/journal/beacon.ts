import { existsSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Folder } from './folder.js';
import { listen } from './liveness.js';

/** The socket in a folder by which others see that this process lives. */
export class Beacon {
  readonly #folder: Folder;
  readonly #path: string;
  readonly #keepsAlive: boolean;
  #server: Server | undefined;

  /** @param keepsAlive whether the process must not end by itself as long as it is lit */
  constructor(folder: Folder, name: string, keepsAlive = false) {
    this.#folder = folder;
    this.#path = folder.socket(name);
    this.#keepsAlive = keepsAlive;
  }

  /** Without it others take from this process what it holds. */
  get isSeen(): boolean {
    return this.#server?.listening === true && existsSync(this.#path);
  }

  /**
   * Makes what is not there of folder and socket.
   * @throws Error of the system
   */
  async light(): Promise<void> {
    if (this.isSeen) return;
    this.#server?.close();
    this.#folder.make();
    this.#server = await listen(this.#path);
    if (this.#keepsAlive) this.#server.ref();
  }

  close(): void {
    this.#server?.close();
  }
}

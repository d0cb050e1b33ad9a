import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PAGE = Buffer.alloc(4096);
const FILL_EVERY_MS = 20;

/** Where the journals of a play are. Its own small file system where it is to be filled. */
export class Disk {
  path = mkdtempSync(join(tmpdir(), 'chaos-'));
  /** @type {NodeJS.Timeout | undefined} */
  #filling;
  isMounted = false;

  /** @returns {boolean} Whether it can be filled: this user can mount a small file system. */
  mount() {
    try {
      const options = ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'tmpfs', this.path];
      execFileSync('mount', options, { stdio: 'ignore' });
      this.isMounted = true;
    } catch {
      // The caller says that it is not played.
    }
    return this.isMounted;
  }

  /** Whatever becomes free is taken at once, until `free()`. */
  fill() {
    this.#filling = setInterval(() => this.#fillUp(), FILL_EVERY_MS);
    this.#fillUp();
  }

  free() {
    clearInterval(this.#filling);
    rmSync(this.#filler, { force: true });
  }

  remove() {
    this.free();
    if (this.isMounted) execFileSync('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }

  get #filler() {
    return join(this.path, 'filler');
  }

  #fillUp() {
    try {
      for (;;) appendFileSync(this.#filler, PAGE);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error;
    }
  }
}

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { attempt } from '../lib/attempt.js';

/** A file is rewritten when this much was added to it, or twice what it held then if that is more. */
const ADDED_BYTES = 256 * 1024;

/**
 * A file of one process that lines are added to, and that is rewritten before it grows too long. What was written
 * survives the death of the process, not that of the machine.
 *
 * What it leaves behind is empty: a former file may still have a name, in a folder that was moved or mounted over, and
 * says nothing there.
 */
export class JournalFile {
  #file: number | undefined;
  #bytes = 0;
  #mostBytes = 0;

  constructor(
    readonly path: string,
    readonly temporaryPath: string,
    /** All that the file must hold. @param inode of the file */
    readonly contents: (inode: bigint) => string,
  ) {}

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** @throws Error of the system; the file is then empty and no longer open. */
  add(line: string): void {
    if (this.#file === undefined) return;
    try {
      this.#bytes += writeWhole(this.#file, line);
    } catch (error) {
      this.#abandon();
      throw error;
    }
    if (this.#bytes > this.#mostBytes) this.rewrite();
  }

  /**
   * Writes the file anew, and opens it where it was not open. The old one stays until the new one is whole.
   *
   * @throws Error of the system; the old one is then as it was.
   */
  rewrite(): void {
    const { O_CREAT, O_EXCL, O_WRONLY, O_APPEND } = constants;
    rmSync(this.temporaryPath, { force: true });
    const file = openSync(this.temporaryPath, O_CREAT | O_EXCL | O_WRONLY | O_APPEND, 0o600);
    try {
      const bytes = writeWhole(file, this.contents(fstatSync(file, { bigint: true }).ino));
      renameSync(this.temporaryPath, this.path);
      this.#abandon();
      this.#file = file;
      this.#bytes = bytes;
      this.#mostBytes = bytes + Math.max(ADDED_BYTES, 2 * bytes);
    } catch (error) {
      closeSync(file);
      rmSync(this.temporaryPath, { force: true });
      throw error;
    }
  }

  /** Whether what has its name is the file that is written: any other is read in its place. */
  isThere(): boolean {
    const file = this.#file;
    if (file === undefined) return false;
    return attempt(() => {
      const [mine, named] = [fstatSync(file), lstatSync(this.path)];
      return mine.ino === named.ino && mine.dev === named.dev;
    }, false);
  }

  /** @throws Error of the system; the file is closed all the same. */
  close(): void {
    const file = this.#file;
    // Its number may soon be that of another file.
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  remove(): void {
    this.#abandon();
    rmSync(this.path, { force: true });
  }

  #abandon(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    attempt(() => ftruncateSync(file), undefined);
    attempt(() => closeSync(file), undefined);
  }
}

/** @throws Error of the system, also where a disk that is almost full takes a part and reports no error */
export function writeWhole(file: number, text: string): number {
  const bytes = Buffer.byteLength(text);
  if (writeSync(file, text) < bytes) throw Object.assign(new Error('written in part'), { code: 'ENOSPC' });
  return bytes;
}

import { closeSync, constants, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** A file is rewritten when this much was added to it, or twice what it held then if that is more. */
const ADDED_BYTES = 256 * 1024;

/**
 * A file of one process that lines are added to, and that is rewritten before it grows too long. What was written
 * survives the death of the process, not that of the machine.
 */
export class JournalFile {
  #file: number | undefined;
  #bytes = 0;
  #mostBytes = 0;

  constructor(
    readonly path: string,
    readonly temporaryPath: string,
    /** All that the file must hold. */
    readonly contents: () => string,
  ) {}

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** @throws Error of the system; the file is then no longer open. */
  add(line: string): void {
    if (this.#file === undefined) return;
    try {
      this.#bytes += writeWhole(this.#file, line);
    } catch (error) {
      this.close();
      throw error;
    }
    if (this.#bytes > this.#mostBytes) this.rewrite();
  }

  /**
   * Writes the file anew, and opens it where it was not open. The old one stays until the new one is whole.
   *
   * @throws Error of the system; the file is then no longer open.
   */
  rewrite(): void {
    this.close();
    const { O_CREAT, O_EXCL, O_WRONLY, O_APPEND } = constants;
    rmSync(this.temporaryPath, { force: true });
    const file = openSync(this.temporaryPath, O_CREAT | O_EXCL | O_WRONLY | O_APPEND, 0o600);
    try {
      const bytes = writeWhole(file, this.contents());
      renameSync(this.temporaryPath, this.path);
      this.#file = file;
      this.#bytes = bytes;
      this.#mostBytes = bytes + Math.max(ADDED_BYTES, 2 * bytes);
    } catch (error) {
      closeSync(file);
      rmSync(this.temporaryPath, { force: true });
      throw error;
    }
  }

  /** Whether the file that is written has a name: one without is read by nobody. */
  isThere(): boolean {
    try {
      return this.#file !== undefined && fstatSync(this.#file).nlink > 0;
    } catch {
      return false;
    }
  }

  /** @throws Error of the system; the file is closed all the same. */
  close(): void {
    const file = this.#file;
    // Its number may soon be that of another file.
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
  }
}

/** @throws Error of the system, also where a disk that is almost full takes a part and reports no error */
export function writeWhole(file: number, text: string): number {
  const bytes = Buffer.byteLength(text);
  if (writeSync(file, text) < bytes) throw Object.assign(new Error('written in part'), { code: 'ENOSPC' });
  return bytes;
}

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';

/** What one call reads at most: a long stream must not block the process. */
const CHUNK_BYTES = 1024 * 1024;
/** Tells a file from what it was before it was truncated and written again: its first line has a time in it. */
const HEAD_BYTES = 512;
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/** A whole line of a file. */
export interface TailLine {
  readonly text: string;
  /** Whether it is the first one of a file: one that is new, was truncated, or took the place of another. */
  readonly isFirst: boolean;
}

/**
 * Follows a file by its name, as `tail -F` does: it may not exist yet, be truncated, or be moved away while its
 * writer goes on with it, until another file has its name. Only whole lines are given.
 */
export class JsonlTail {
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #file: number | undefined;
  #stats: FileStats | undefined;
  #offset = 0;
  #head: Buffer = NOTHING;
  #half: Buffer = NOTHING;
  #isFirst = true;
  /** When the file was last written to, in Unix milliseconds. */
  writtenAt = 0;
  /** Lines of which a part was lost: their file was truncated, or they are longer than 1 MiB. */
  cutLines = 0;

  constructor(readonly path: string) {}

  /** Which file is followed, whatever its name is now. Undefined while there is none. */
  get fileId(): string | undefined {
    return this.#stats && fileId(this.#stats);
  }

  /** The next lines, of 1 MiB at most; none when there is nothing new. Throws when the file cannot be read. */
  read(): TailLine[] {
    if (this.#file === undefined && !this.#open()) return [];
    const lines = this.#readOn();
    if (lines.length === 0 && this.#isReplaced()) {
      this.close();
      return this.#open() ? this.#readOn() : [];
    }
    return lines;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#stats = undefined;
  }

  #open(): boolean {
    try {
      // Without it a pipe that nobody writes to would hold this process for ever.
      this.#file = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    const stats = fstatSync(this.#file);
    if (!stats.isFile()) {
      this.close();
      throw Object.assign(new Error(), { code: 'it is no file' });
    }
    this.#stats = stats;
    this.#startOver();
    return true;
  }

  #startOver(): void {
    this.#offset = 0;
    this.#head = NOTHING;
    this.#isFirst = true;
    if (this.#half.length > 0) this.cutLines++;
    this.#half = NOTHING;
  }

  /** A file that was moved is followed until there is another one. */
  #isReplaced(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    return now !== undefined && (now.ino !== this.#stats?.ino || now.dev !== this.#stats.dev);
  }

  #hasSameHead(file: number): boolean {
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(file, head, 0, HEAD_BYTES, 0);
    const isSame = head.subarray(0, Math.min(length, this.#head.length)).equals(this.#head);
    this.#head = head.subarray(0, length);
    return isSame;
  }

  #readOn(): TailLine[] {
    const file = this.#file as number;
    const { size, mtimeMs } = fstatSync(file);
    this.writtenAt = mtimeMs;
    if (size === this.#offset) return [];
    if (size < this.#offset || !this.#hasSameHead(file)) this.#startOver();
    const length = readSync(file, this.#chunk, 0, CHUNK_BYTES, this.#offset);
    this.#offset += length;
    const bytes = this.#chunk.subarray(0, length);
    const end = bytes.lastIndexOf(NEWLINE);
    if (end === -1) {
      this.#keepHalf(bytes);
      // A part of a long line is no end of the file.
      return length === CHUNK_BYTES ? this.#readOn() : [];
    }
    const whole = Buffer.concat([this.#half, bytes.subarray(0, end)]);
    this.#half = NOTHING;
    this.#keepHalf(bytes.subarray(end + 1));
    return whole
      .toString('utf8')
      .split('\n')
      .flatMap((line) => this.#line(line));
  }

  #keepHalf(bytes: Buffer): void {
    const isLong = this.#half.length > CHUNK_BYTES;
    if (isLong) this.cutLines++;
    const half = isLong ? bytes : Buffer.concat([this.#half, bytes]);
    // A writer that goes on where a truncated file ended leaves zeros before its next line.
    const start = half.findIndex((byte) => byte !== 0);
    this.#half = start === -1 ? NOTHING : half.subarray(start);
  }

  #line(given: string): TailLine[] {
    const text = given.replace(/^\0+/, '').trim();
    if (text === '') return [];
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return [{ text, isFirst }];
  }
}

type FileStats = Pick<Stats, 'dev' | 'ino' | 'birthtimeMs'>;

/** Which file it is, whatever its name. A number that is given to a later file comes with another birth. */
export const fileId = ({ dev, ino, birthtimeMs }: FileStats) => `${dev}:${ino}:${birthtimeMs}`;

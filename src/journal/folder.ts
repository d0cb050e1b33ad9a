import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { attempt } from '../lib/attempt.js';
import { writeWhole } from './file.js';

/** Whoever makes a socket does not listen on it yet for a moment. */
const YOUNG_MS = 10_000;
/** So much is read at a time: what it takes to understand it holds the app up for less than a millisecond. */
const PIECE_BYTES = 16 * 1024;
/** In characters, far more than a worker ever writes. */
const LONGEST_LINE = 1024 * 1024;
const NAME = '[0-9a-f]{12}';
const FILE = new RegExp(`^(${NAME})\\.(?:(journal|dead|tmp|sock|bind)|(${NAME})\\.claim)$`);

interface Owned {
  readonly uid: number;
}

/** What the files of a folder mean. */
export interface Listing {
  /** Journals whose worker may live. */
  readonly journals: readonly string[];
  /** Journals whose worker is dead, that nobody holds. */
  readonly dead: readonly string[];
  /** Journals whose worker is dead, and who holds them. */
  readonly claims: readonly { readonly name: string; readonly holder: string }[];
  /** What else there is of workers and holders: sockets and half-written files. */
  readonly others: readonly string[];
}

/**
 * The folder of the journals. A journal is `NAME.journal` while its worker lives, `NAME.HOLDER.claim` while somebody
 * sends its goodbye, and `NAME.dead` when that failed: a rename is what only one of several can do.
 */
export class Folder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  socket = (name: string) => join(this.path, `${name}.sock`);
  /** Of a socket that does not listen yet. */
  unnamedSocket = (name: string) => join(this.path, `${name}.bind`);
  journal = (name: string) => join(this.path, `${name}.journal`);
  temporary = (name: string) => join(this.path, `${name}.tmp`);
  dead = (name: string) => join(this.path, `${name}.dead`);
  claim = (name: string, holder: string) => join(this.path, `${name}.${holder}.claim`);

  /** @throws Error of the system */
  make(): void {
    makeFolder(this.path);
  }

  /** Which device the folder is on, and which folder it is there. @throws Error of the system */
  place(): { readonly device: string; readonly folder: string } {
    const { dev, ino } = statSync(this.path, { bigint: true });
    return { device: String(dev), folder: String(ino) };
  }

  /** Which file has a name; undefined where none has, or this cannot be seen. */
  inode(path: string): bigint | undefined {
    return attempt(() => lstatSync(path, { bigint: true }).ino, undefined);
  }

  /** Empty where there is no folder. */
  list(): Listing {
    const found = { journals: [], dead: [], claims: [], others: [] } as {
      -readonly [K in keyof Listing]: Array<Listing[K][number]>;
    };
    const others = new Set<string>();
    for (const file of this.#files()) {
      const [, name, kind, holder] = file.match(FILE) ?? [];
      if (name === undefined) continue;
      if (holder !== undefined) found.claims.push({ name, holder });
      else if (kind === 'journal') found.journals.push(name);
      else if (kind === 'dead') found.dead.push(name);
      else others.add(name);
    }
    const { journals, dead, claims } = found;
    const held = [...journals, ...dead, ...claims.flatMap(({ name, holder }) => [name, holder])];
    for (const name of held) others.delete(name);
    return { ...found, others: [...others] };
  }

  #files(): string[] {
    try {
      return readdirSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Whether a socket is not of somebody else, who could make a dead worker look alive: root needs no socket for that. */
  isTrusted = (stats: Owned): boolean => stats.uid === 0 || this.isOurs(stats);

  /** Whether a file is not of somebody else, who could make a worker say what it never said. */
  isOurs = (stats: Owned): boolean => {
    const user = process.geteuid?.();
    if (user === undefined || stats.uid === user) return true;
    return user === 0 && stats.uid === statSync(this.path).uid;
  };

  /**
   * The lines of a file, some at a time: what reads a long one holds nobody up.
   * @throws Error that says why it is not read
   */
  async *read(path: string): AsyncGenerator<readonly string[]> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('it is no file');
      if (!this.isOurs(stats)) throw new Error('it belongs to another user');
      if (stats.size === 0) throw new Error('it is empty: its worker writes elsewhere, or wrote nothing');
      const decoder = new StringDecoder();
      let rest = '';
      for (;;) {
        const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(PIECE_BYTES) });
        if (bytesRead === 0) break;
        const lines = (rest + decoder.write(buffer.subarray(0, bytesRead))).split('\n');
        // What has no end is none of ours.
        rest = (lines.at(-1)?.length ?? 0) > LONGEST_LINE ? '' : (lines.pop() ?? '');
        yield lines;
      }
      yield [rest + decoder.end()];
    } finally {
      await file.close();
    }
  }

  /**
   * Adds to a file that has been read, all or nothing. The last line of it may have no end.
   * @throws Error of the system
   */
  append(path: string, line: string): void {
    const file = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    try {
      const { size } = fstatSync(file);
      try {
        writeWhole(file, `\n${line}`);
      } catch (error) {
        ftruncateSync(file, size);
        throw error;
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives a file another name, if it still has this one. */
  rename(from: string, to: string): boolean {
    try {
      renameSync(from, to);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Whether what there is beside no journal has been there for a while. */
  isOld(name: string): boolean {
    return this.#leftovers(name).every((path) => {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats === undefined || stats.mtimeMs < Date.now() - YOUNG_MS;
    });
  }

  /** Removes what there is of a dead worker or a former holder beside its journal. */
  sweep(name: string): void {
    for (const path of this.#leftovers(name)) rmSync(path, { force: true });
  }

  #leftovers(name: string): readonly string[] {
    return [this.temporary(name), this.unnamedSocket(name), this.socket(name)];
  }
}

/** One by one, because Node's own recursion never ends where the system says ENOENT of a parent that is there (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

export const newName = () => Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex');

/** What tells two boots of a machine apart, and two machines; without it, the name of the host. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}

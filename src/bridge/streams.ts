import { readdirSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileId } from './jsonl-tail.js';

/** Whether a path names a set of files: its last part has a `*` or a `?`. */
export const isPattern = (path: string) => /[*?]/.test(basename(path));

export interface NamedFile {
  readonly path: string;
  /** Which file it is, whatever its name. */
  readonly id: string;
}

/** The files that a pattern names now, in their order. None where the folder cannot be read. */
export function filesOf(pattern: string): NamedFile[] {
  const name = basename(pattern)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const matcher = new RegExp(`^${name}$`);
  const folder = dirname(pattern);
  try {
    return readdirSync(folder)
      .filter((file) => matcher.test(file))
      .sort()
      .map((file) => join(folder, file))
      .flatMap((path) => {
        const stats = statsOf(path);
        return stats?.isFile() ? [{ path, id: fileId(stats) }] : [];
      });
  } catch {
    return [];
  }
}

/** A link that leads nowhere must not hide the files beside it. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

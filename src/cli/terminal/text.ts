import cliTruncate, { type Options } from 'cli-truncate';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { oneLine, REPLACEMENT, UNSEEN } from '../../lib/redact.js';

/** What a pipeline's log takes for a command: `::set-output` and the like begin a line, `##vso[` stands anywhere. */
const COMMAND = /^(?=\s*::)|(?<=#)#(?=\w*\[)/g;

/** Text that a worker reports, safe for a terminal and a log: one line, each unseen character shown as a replacement. */
export function plain(text: string): string {
  return oneLine(text).replace(COMMAND, REPLACEMENT);
}

/** The same as JSON: what is not safe is escaped, and so not lost. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSEEN, escaped).replace(COMMAND, escaped);
}

const escaped = (text: string) =>
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** At most so many columns of a terminal; the middle is left out, because ids differ at their ends. */
export const cut = (text: string, columns: number) => truncate(text, columns, { position: 'middle' });

/** At most so many columns; the end is left out. */
export const cutEnd = (text: string, columns: number) => truncate(text, columns, { truncationCharacter: '' });

function truncate(text: string, columns: number, options: Options): string {
  // The library keeps a wide character that is only half in: then one column less is asked for.
  for (let room = columns; ; room--) {
    const shown = cliTruncate(text, room, options);
    if (stringWidth(shown) <= columns) return shown;
  }
}

/** Any text as plain lines of at most so many columns, broken at spaces; a word that is longer is cut. */
export function wrap(text: string, columns: number): string[] {
  const words = plain(text).normalize().split(' ');
  return wrapAnsi(words.map((word) => cut(word, columns)).join(' '), columns).split('\n');
}

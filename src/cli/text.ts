import stringWidth from 'string-width';

/** What moves the cursor, colours, breaks a line, or can not be seen: a name could hide in it or behind it. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** What a pipeline's log takes for a command: `::set-output` and the like begin a line, `##vso[` stands anywhere. */
const COMMAND = /^(?=\s*::)|(?<=#)#(?=\w*\[)/g;
const REPLACEMENT = '\uFFFD';
const ELLIPSIS = '…';

const segmenter = new Intl.Segmenter();

/** Text that a worker reports, safe for a terminal and a log: one line, each unseen character shown as a replacement. */
export function plain(text: string): string {
  return text.replace(UNSEEN, REPLACEMENT).replace(COMMAND, REPLACEMENT);
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

/** Columns of a terminal that a text takes; wide characters take two. */
export const displayWidth = (text: string): number => stringWidth(text);

/** At most so many columns; what is left out is in the middle, because ids differ at their ends. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 1) return columns === 1 ? ELLIPSIS : '';
  const graphemes = [...segmenter.segment(text)].map(({ segment }) => segment);
  const head = take(graphemes, Math.ceil((columns - 1) / 2));
  const tail = take(graphemes.toReversed(), columns - 1 - displayWidth(head.join('')));
  return `${head.join('')}${ELLIPSIS}${tail.toReversed().join('')}`;
}

/** At most so many columns; the end is left out. */
export function cutEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return take(
    [...segmenter.segment(text)].map(({ segment }) => segment),
    columns,
  ).join('');
}

/** Filled up with spaces. */
export function pad(text: string, columns: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, columns - displayWidth(text)));
  return align === 'left' ? text + space : space + text;
}

/** Lines of at most so many columns, broken at spaces; a word that is longer is cut. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(' ')) {
    const longer: string = line === undefined ? word : `${line} ${word}`;
    if (line !== undefined && displayWidth(longer) > columns) {
      lines.push(cut(line, columns));
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, cut(line ?? '', columns)];
}

function take(graphemes: readonly string[], columns: number): string[] {
  const taken: string[] = [];
  let width = 0;
  for (const grapheme of graphemes) {
    width += displayWidth(grapheme);
    if (width > columns) break;
    taken.push(grapheme);
  }
  return taken;
}

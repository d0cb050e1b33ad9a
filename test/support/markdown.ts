import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** A file of the checkout. */
export const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** The rows of a document's table whose first column has this head: its cells, without the code quotes. */
export function table(file: string, head: string): string[][] {
  const [, rest] = read(file).split(`\n| ${head} |`);
  if (rest === undefined) throw new Error(`${file} has no table of ${head}`);
  const [rows = ''] = rest.split('\n\n');
  return rows
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

/** What the first cells of a table name: a cell can name several, separated by commas. */
export const firstCells = (file: string, head: string): string[] =>
  table(file, head).flatMap(([cell = '']) => cell.split(/, (?![^(]*\))/));

const ANCHOR_LEFT_OUT = /[^\p{L}\p{N} _-]/gu;

/** The anchors of a document's headings, as GitHub makes them. */
const anchors = (text: string) =>
  Array.from(text.matchAll(/^#+ (.*)$/gm), ([, title = '']) =>
    title.toLowerCase().replace(ANCHOR_LEFT_OUT, '').replaceAll(' ', '-'),
  );

/** The links of a document to files and headings of the checkout that are not there. */
export function deadLinks(file: string): string[] {
  const text = read(file);
  const links = Array.from(text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g), ([, to = '']) => to);
  return links.filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? file : new URL(path, new URL(file, root)).href.slice(root.href.length);
    if (anchor === undefined) return !existsSync(new URL(target, root));
    return !existsSync(new URL(target, root)) || !anchors(read(target)).includes(anchor);
  });
}

import type { styleText } from 'node:util';
import stringWidth from 'string-width';
import { cutEnd, plain } from './text.js';

/** A piece of a line. Made by `span` only: its text is safe for a terminal. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

export type Style = Parameters<typeof styleText>[0];
export type Line = readonly Span[];
export type Paint = (style: Style, text: string) => string;

/** Any text, from anywhere, with a style. */
export function span(text: string, style?: Style): Span {
  return { text: plain(text), ...(style !== undefined && { style }) };
}

/** A line as text of at most so many columns. */
export function render(line: Line, columns: number, paint: Paint): string {
  let room = columns;
  let text = '';
  for (const { text: whole, style } of line) {
    const part = cutEnd(whole, room);
    room -= stringWidth(part);
    text += style === undefined || part === '' ? part : paint(style, part);
    if (part !== whole) break;
  }
  return text;
}

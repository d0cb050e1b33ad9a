import stringWidth from 'string-width';
import { type Line, type Span, span } from './lines.js';
import { cut } from './text.js';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Gives way first when the table is too wide. */
  readonly shrinks?: boolean;
}

const GAP = '  ';
const SHORTEST = 8;

/** A table with a line of titles, as wide as its longest cells, and shrunk to the columns there are. */
export function table(columns: readonly Column[], rows: readonly Line[], room: number): Line[] {
  const widths = columns.map(({ title }, at) =>
    rows.reduce((widest, row) => Math.max(widest, stringWidth(row[at]?.text ?? '')), title.length),
  );
  shrink(columns, widths, room);
  const layOut = (cells: Line): Line =>
    columns.flatMap(({ align }, at): Span[] => {
      const cell = cells[at] ?? span('');
      const width = widths[at] ?? 0;
      const text = cut(cell.text, width);
      const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
      if (align === 'right') return [span(GAP), { ...cell, text: space + text }];
      const isLast = at === columns.length - 1;
      return [span(GAP), { ...cell, text: isLast ? text : text + space }];
    });
  const titles = columns.map(({ title }) => span(title, 'bold'));
  return [titles, ...rows].map(layOut);
}

/** Takes from the widest column that may shrink, until the table fits or none can give more. */
function shrink(columns: readonly Column[], widths: number[], room: number): void {
  let excess = widths.reduce((total, width) => total + GAP.length + width, 0) - room;
  while (excess > 0) {
    const givers = columns.flatMap(({ shrinks }, at) => (shrinks && (widths[at] ?? 0) > SHORTEST ? at : []));
    const widest = givers.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
}

import xterm from '@xterm/headless';

/** What a real terminal makes of a program's output. */
export interface Shown {
  /** The rows of the screen, without spaces at their ends. */
  readonly rows: readonly string[];
  /** Whether it is the other screen, which full-screen programs use. */
  readonly isOther: boolean;
  /** Whether any character is coloured or set off. */
  readonly isStyled: boolean;
  /** The text that is shown inverse. */
  readonly inverse: string;
  /** Whether the cursor can be seen, and a long line goes on in the next row. */
  readonly isUsual: boolean;
  /** What else the output did: bells, titles. */
  readonly effects: readonly string[];
}

const HIDE = '\x1b[?25l';
const REVEAL = '\x1b[?25h';

export async function show(output: string, columns: number, rows: number): Promise<Shown> {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
  const effects: string[] = [];
  terminal.onBell(() => effects.push('bell'));
  terminal.onTitleChange((title) => effects.push(`title ${title}`));
  await new Promise<void>((resolve) => terminal.write(output, resolve));
  const buffer = terminal.buffer.active;
  const lines = Array.from({ length: rows }, (_, row) => buffer.getLine(buffer.baseY + row));
  const cells = lines.flatMap((line) =>
    Array.from({ length: columns }, (_, column) => line?.getCell(column)),
  );
  const shown = {
    rows: lines.map((line) => line?.translateToString(true) ?? ''),
    isOther: buffer.type === 'alternate',
    isStyled: cells.some((cell) => cell !== undefined && !cell.isAttributeDefault()),
    inverse: cells.map((cell) => (cell?.isInverse() ? cell.getChars() || ' ' : '')).join(''),
    isUsual: terminal.modes.wraparoundMode && output.lastIndexOf(HIDE) <= output.lastIndexOf(REVEAL),
    effects,
  };
  terminal.dispose();
  return shown;
}

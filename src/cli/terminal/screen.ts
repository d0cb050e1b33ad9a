import { emitKeypressEvents, type Key } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';

// The other screen, without a cursor, and without a line that goes on in the next row.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** What there is room for, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A terminal that shows one frame after the other. */
export interface Screen extends Disposable {
  readonly size: Size;
  /** Shows these lines and nothing else. */
  draw(lines: readonly string[]): void;
}

export interface ScreenEvents {
  /** A key, such as `q`; Ctrl-C is `ctrl-c`. */
  onKey(key: string): void;
  onResize(): void;
}

/** Takes the terminal over until it is disposed of, or the process ends in whatever way it can notice. */
export function openScreen(input: ReadStream, output: WriteStream, events: ScreenEvents): Screen {
  const restore = () => {
    if (input.isTTY) input.setRawMode(false);
    output.write(LEAVE);
  };
  const onKeypress = (text: string | undefined, key: Key) =>
    events.onKey(key.ctrl ? `ctrl-${key.name}` : (text ?? ''));

  // Also after an error that nobody caught: its trace is printed after this.
  process.once('exit', restore);
  output.on('resize', events.onResize);
  output.write(ENTER);
  if (input.isTTY) {
    emitKeypressEvents(input);
    input.setRawMode(true);
    input.on('keypress', onKeypress);
    input.resume();
  }
  return {
    get size() {
      // Some terminals do not know theirs and give 0.
      return { columns: output.columns || 80, rows: output.rows || 24 };
    },
    draw(lines) {
      output.write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW);
    },
    [Symbol.dispose]() {
      process.off('exit', restore);
      output.off('resize', events.onResize);
      input.off('keypress', onKeypress);
      input.pause();
      restore();
    },
  };
}

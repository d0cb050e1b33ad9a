import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { Command, Option } from 'commander';
import { redactUrl } from '../lib/redact.js';
import { EXIT } from './args/exit-codes.js';
import { addSourceOptions, openSource, type SourceOptions } from './args/sources.js';
import { parseText, parseTimeout } from './args/values.js';
import { keepSight } from './sight.js';
import { stopOnSignal } from './signals.js';
import { type Paint, render, span } from './terminal/lines.js';
import { openScreen } from './terminal/screen.js';
import { type Fleet, FleetReader, gist, isKnown } from './top/fleet.js';
import { frame, keyLine } from './top/frame.js';
import { isSortKey, type SortKey } from './top/worker-lines.js';

const TIMEOUT_SECONDS = 30;
/** Nobody can read what changes more often. */
const SHORTEST_PERIOD_MS = 1_000;
const UNLIMITED = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
const MOST_NOTES = 3;
const DEFAULT_SORT: SortKey = 's';

interface TopOptions extends SourceOptions {
  readonly target?: string;
  readonly once?: true;
  readonly timeout?: number;
}

/** `openrtc-otel top`: the fleet live. */
export function topCommand(): Command {
  const command = new Command('top').description(
    'Shows the fleet live: the three checks of each pool, its sessions by version, and a line for each worker.',
  );
  return addSourceOptions(command, 'all of them')
    .option(
      '--target <version>',
      'the version that is deployed (default: a guess, the last started)',
      parseText,
    )
    .option('--once', 'print one frame as plain text, as soon as a worker has reported')
    .addOption(
      new Option(
        '--timeout <duration>',
        `with --once: how long to wait (default: ${TIMEOUT_SECONDS} s)`,
      ).argParser(parseTimeout),
    )
    .addHelpText('after', NOTES)
    .action(async (options: TopOptions, self: Command) => {
      if (options.timeout !== undefined && !options.once)
        self.error('error: option --timeout: expected --once too, got none');
      await top(options);
    });
}

const NOTES = `
Without --prometheus, top is the receiver itself. Without a terminal, it prints plain lines whenever something changes.
Exit codes: 0 shown; ${EXIT.failed} the tool failed; ${EXIT.unknown} with --once: no worker has reported in time; ${EXIT.usage} wrong usage.`;

async function top(options: TopOptions): Promise<void> {
  const isScreen = process.stdout.isTTY && process.env.TERM !== 'dumb' && !options.once;
  const stop = stopOnSignal();
  let name = options.prometheus ? redactUrl(options.prometheus) : '';
  const notes: string[] = [];
  const listening = (line: string) => {
    // What follows the colon is help for who reads it once.
    name = line.split(': ')[0] ?? line;
    if (!isScreen) console.error(line);
  };
  const { source: opened } = await openSource(options, listening, (line) => {
    notes.push(line);
    if (!isScreen) console.error(line);
  });
  await using source = keepSight(opened);
  // Nobody looks any more.
  if (!options.once) process.stdout.once('error', () => stop.abort(EXIT.complete));
  const display: Display = { reader: new FleetReader(source, options), name, notes, stop };
  if (options.once) await showOnce(display, options.timeout ?? TIMEOUT_SECONDS);
  else if (isScreen) await showScreen(display);
  else await showLines(display);
  // A request that is still under way must not delay the exit.
  if (stop.signal.aborted) process.exit(stop.signal.reason);
}

interface Display {
  readonly reader: FleetReader;
  /** The source, in words. */
  readonly name: string;
  /** What it ignores. */
  readonly notes: readonly string[];
  /** Aborted with the exit code. */
  readonly stop: AbortController;
}

const noColours: Paint = (_style, text) => text;
const colours: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** As NO_COLOR, FORCE_COLOR and the terminal say. With one style: Node 20 does not check a list of them. */
const choosePaint = () => {
  const isColoured = styleText('red', ' ', { stream: process.stdout }) !== ' ';
  return isColoured ? colours : noColours;
};

function print({ name }: Display, fleet: Fleet, paint: Paint): void {
  const lines = frame(fleet, name, DEFAULT_SORT, UNLIMITED);
  console.log(lines.map((line) => render(line, UNLIMITED.columns, paint)).join('\n'));
}

async function showOnce(display: Display, timeoutSeconds: number): Promise<void> {
  const { reader, stop } = display;
  let last: Fleet = reader.unanswered;
  // An answer that is under way then is not waited for.
  setTimeout(() => stop.abort(EXIT.unknown), timeoutSeconds * 1000).unref();
  for await (last of readings(display)) {
    if (!isKnown(last)) continue;
    print(display, last, noColours);
    process.exitCode = EXIT.complete;
    return;
  }
  if (stop.signal.reason === EXIT.unknown) print(display, last, noColours);
}

async function showLines(display: Display): Promise<void> {
  const paint = choosePaint();
  let last: string | undefined;
  for await (const fleet of readings(display, SHORTEST_PERIOD_MS)) {
    if (gist(fleet) === last) continue;
    if (last !== undefined) console.log();
    last = gist(fleet);
    print(display, fleet, paint);
  }
}

async function showScreen(display: Display): Promise<void> {
  const paint = choosePaint();
  let fleet: Fleet | undefined;
  let sort: SortKey = DEFAULT_SORT;
  const draw = () => {
    if (!fleet) return;
    const { columns, rows } = screen.size;
    const notes = display.notes.slice(-MOST_NOTES).map((note) => [span(note, 'yellow')]);
    const room = Math.max(0, rows - 1 - notes.length);
    const lines = frame(fleet, display.name, sort, { columns, rows: room });
    const filler = Array.from({ length: Math.max(0, room - lines.length) }, () => []);
    screen.draw([...lines, ...filler, ...notes, keyLine(sort)].map((line) => render(line, columns, paint)));
  };
  using screen = openScreen(process.stdin, process.stdout, {
    onKey(key) {
      if (key === 'ctrl-c') display.stop.abort(EXIT.interrupted);
      if (key === 'q') display.stop.abort(EXIT.complete);
      if (isSortKey(key)) sort = key;
      draw();
    },
    onResize: draw,
  });
  for await (fleet of readings(display, SHORTEST_PERIOD_MS)) draw();
}

/** The fleet again and again, until `stop`: then at once, whatever the source is still busy with. */
async function* readings({ reader, stop }: Display, periodMs = 0): AsyncGenerator<Fleet> {
  const { signal } = stop;
  const stopped = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined)),
  );
  while (!signal.aborted) {
    const fleet = await Promise.race([reader.read(), stopped]);
    if (fleet === undefined) return;
    yield fleet;
    await sleep(Math.max(reader.source.pollMs, periodMs), undefined, { signal }).catch(() => {});
  }
}

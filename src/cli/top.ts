import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { Command, Option } from 'commander';
import { showUrl } from '../rules.js';
import { EXIT, SIGNALS } from './exit-codes.js';
import { type Fleet, FleetReader, gist, isKnown } from './fleet.js';
import { frame, keyLine } from './frame.js';
import { type Paint, render } from './lines.js';
import { openScreen } from './screen.js';
import { addSourceOptions, openSource, type SourceOptions } from './sources.js';
import { parseDuration, parseText } from './values.js';
import { isSortKey, type SortKey } from './worker-rows.js';

const TIMEOUT_SECONDS = 30;
/** A view that changes more often can not be read. */
const SHORTEST_PERIOD_MS = 1_000;
const UNLIMITED = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };
const DEFAULT_SORT: SortKey = 's';

interface TopOptions extends SourceOptions {
  readonly target?: string;
  readonly once?: true;
  readonly timeout?: number;
}

/** `openrtc-otel top`: the fleet live. */
export function topCommand(): Command {
  const command = new Command('top').description(
    'The fleet live: each pool with its three checks, sessions by version, a line a worker.',
  );
  return addSourceOptions(command, 'all of them')
    .option(
      '--target <version>',
      'the version that is deployed (default: a guess, the last started)',
      parseText,
    )
    .option('--once', 'one frame as plain text, as soon as a worker has reported')
    .addOption(
      new Option(
        '--timeout <duration>',
        `with --once: how long to wait (default: ${TIMEOUT_SECONDS} s)`,
      ).argParser(parseDuration),
    )
    .addHelpText('after', NOTES)
    .action(async (options: TopOptions, self: Command) => {
      if (options.timeout !== undefined && !options.once)
        self.error('error: option --timeout: expected --once too, got none');
      await top(options);
    });
}

const NOTES = `
Without --prometheus it is the receiver itself. Without a terminal it prints plain lines whenever something changed.
Exit codes: 0 shown; ${EXIT.failed} the tool failed; ${EXIT.unknown} with --once: no worker has reported in time; ${EXIT.usage} wrong usage.`;

async function top(options: TopOptions): Promise<void> {
  const isScreen = process.stdout.isTTY && process.env.TERM !== 'dumb' && !options.once;
  const stop = new AbortController();
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      process.exitCode = code;
      stop.abort();
    });
  }
  let name = options.prometheus ? showUrl(options.prometheus) : '';
  await using source = await openSource(options, (line) => {
    // What follows is help for who reads it once.
    name = line.split(': ')[0] ?? line;
    if (!isScreen) console.error(line);
  });
  const view: View = { reader: new FleetReader(source, options), name, stop, pollMs: source.pollMs };
  if (options.once) await showOnce(view, options.timeout ?? TIMEOUT_SECONDS);
  else if (isScreen) await showScreen(view);
  else await showLines(view);
  // A question that is still on its way must not hold the exit.
  if (stop.signal.aborted) process.exit();
}

interface View {
  readonly reader: FleetReader;
  /** Where the facts come from, in words. */
  readonly name: string;
  readonly stop: AbortController;
  readonly pollMs: number;
}

const noColours: Paint = (_style, text) => text;
const colours: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** As NO_COLOR, FORCE_COLOR and the terminal say. Asked with one style: Node 20 does not look for a list of them. */
const choosePaint = () => {
  const isColoured = styleText('red', ' ', { stream: process.stdout }) !== ' ';
  return isColoured ? colours : noColours;
};

function print({ name }: View, fleet: Fleet, paint: Paint): void {
  const lines = frame(fleet, name, DEFAULT_SORT, UNLIMITED);
  console.log(lines.map((line) => render(line, UNLIMITED.columns, paint)).join('\n'));
}

async function showOnce(view: View, timeoutSeconds: number): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000;
  for await (const fleet of readings(view, view.pollMs)) {
    if (!isKnown(fleet) && performance.now() < deadline) continue;
    print(view, fleet, noColours);
    process.exitCode = isKnown(fleet) ? 0 : EXIT.unknown;
    return;
  }
}

async function showLines(view: View): Promise<void> {
  const paint = choosePaint();
  let shown: string | undefined;
  for await (const fleet of readings(view, SHORTEST_PERIOD_MS)) {
    if (gist(fleet) === shown) continue;
    if (shown !== undefined) console.log();
    shown = gist(fleet);
    print(view, fleet, paint);
  }
}

async function showScreen(view: View): Promise<void> {
  const paint = choosePaint();
  let fleet: Fleet | undefined;
  let sort: SortKey = DEFAULT_SORT;
  const draw = () => {
    if (!fleet) return;
    const { columns, rows } = screen.size;
    const lines = frame(fleet, view.name, sort, { columns, rows: rows - 1 });
    const filler = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => []);
    screen.draw([...lines, ...filler, keyLine(sort)].map((line) => render(line, columns, paint)));
  };
  using screen = openScreen(process.stdin, process.stdout, {
    onKey(key) {
      if (key === 'ctrl-c') process.exitCode = EXIT.interrupted;
      if (key === 'q' || key === 'ctrl-c') view.stop.abort();
      if (isSortKey(key)) sort = key;
      draw();
    },
    onResize: draw,
  });
  for await (fleet of readings(view, SHORTEST_PERIOD_MS)) draw();
}

/** The fleet again and again, until it is told to stop: at once, whatever the source is still busy with. */
async function* readings({ reader, stop, pollMs }: View, periodMs: number): AsyncGenerator<Fleet> {
  const { signal } = stop;
  const stopped = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined)),
  );
  while (!signal.aborted) {
    const fleet = await Promise.race([reader.read(), stopped]);
    if (fleet === undefined) return;
    yield fleet;
    await sleep(Math.max(pollMs, periodMs), undefined, { signal }).catch(() => {});
  }
}

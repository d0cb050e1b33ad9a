import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { assessDeploy } from '../deploy/assess.js';
import { type FactsSource, guessTarget, SourceError } from '../deploy/facts.js';
import type { Verdict } from '../deploy/verdict.js';
import { PRESUME_AFTER_SECONDS } from '../deploy/view.js';
import { EXIT, SIGNALS } from './exit-codes.js';
import { exitCodeNow, exitCodeOf, Gate } from './gate.js';
import { createPrinter, type Printer } from './report.js';
import { addSourceOptions, openSource, type SourceOptions } from './sources.js';
import { plain } from './text.js';
import { type Moment, parseCount, parseDuration, parseMoment, parseText } from './values.js';

/** As a target: the version that was started last. */
const AUTO = 'auto';
const TIMEOUT_SECONDS = 3600;

interface WatchOptions extends SourceOptions {
  readonly target: string;
  readonly expect?: number;
  readonly since?: Moment;
  readonly restart?: true;
  readonly at?: Moment;
  readonly timeout: number;
  readonly settle?: number;
  readonly presumeAfter: number;
  readonly failFast?: true;
  readonly json?: true;
}

/** `openrtc-otel watch`: waits until a deploy is decided. */
export function watchCommand(): Command {
  const command = new Command('watch')
    .description('The gate of a pipeline: waits until a deploy is decided.')
    .requiredOption(
      '--target <version>',
      'the version that is deployed; auto guesses the last started',
      parseText,
    );
  return addSourceOptions(command)
    .option(
      '--expect <workers>',
      'how many workers are to accept (default: as many as at the start)',
      parseCount,
    )
    .option(
      '--since <time>',
      'the start of the deploy: now, 10m (ago), an ISO time or Unix s (default: first sighting of the target)',
      parseMoment,
    )
    .option('--restart', 'the target ran before: its workers from before --since are old ones')
    .addOption(
      new Option('--at <time>', 'judge a past moment, once; as --since')
        .argParser(parseMoment)
        .conflicts('listen'),
    )
    .addOption(duration('--timeout <duration>', 'how long to wait', TIMEOUT_SECONDS))
    .option('--settle <duration>', 'how long an end must hold (default: one silence window)', parseDuration)
    .addOption(
      duration('--presume-after <duration>', 'how long a silent worker is waited for', PRESUME_AFTER_SECONDS),
    )
    .option('--fail-fast', 'end at the first confirmed drop')
    .option('--json', 'one object a change, the verdict last')
    .addHelpText('after', EXIT_CODES)
    .action(async (options: WatchOptions, self: Command) => {
      if (!options.prometheus && !options.listen)
        self.error('error: expected --prometheus <url> or --listen, got neither');
      if (options.restart && !options.since)
        self.error('error: option --restart: expected --since too, got none');
      process.exitCode = await watch(options);
    });
}

const duration = (flags: string, description: string, seconds: number) =>
  new Option(flags, description).argParser(parseDuration).default(seconds, `${seconds} s`);

const EXIT_CODES = `
Exit codes: ${EXIT.complete} complete, nothing dropped; ${EXIT.failed} the tool failed; ${EXIT.dropped} sessions dropped; ${EXIT.notDone} not done in time, or stuck;
${EXIT.unknown} unknown; ${EXIT.superseded} superseded; ${EXIT.usage} wrong usage; ${EXIT.interrupted} interrupted; ${EXIT.terminated} terminated.`;

async function watch(options: WatchOptions): Promise<number> {
  const print = createPrinter(options.json ?? false);
  const interrupted = new AbortController();
  let signal: keyof typeof SIGNALS | undefined;
  for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    process.once(name, () => {
      signal = name;
      interrupted.abort();
    });
  }
  await using source = await openSource(options, (line) => print.note(line));
  const ask = createQuestion(source, options, print);
  const gate = new Gate({ settleSeconds: options.settle, failFast: options.failFast });
  const deadline = performance.now() + options.timeout * 1000;
  let last: Verdict | undefined;
  for (;;) {
    try {
      last = await ask();
      const exitCode = options.at ? exitCodeOf(last) : gate.next(last);
      if (exitCode !== undefined) return print.end(last, exitCode);
      print.change(last);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      last = undefined;
      gate.lost();
      print.trouble(error.message);
    }
    if (signal) return print.end(last, SIGNALS[signal]);
    if (options.at || performance.now() >= deadline) return print.end(last, exitCodeNow(last));
    await sleep(source.pollMs, undefined, { signal: interrupted.signal }).catch(() => {});
  }
}

/** What is asked of the source again and again. `now` is the moment of this call, by the source's clock. */
function createQuestion(source: FactsSource, options: WatchOptions, print: Printer): () => Promise<Verdict> {
  const { pool, expect: expected, restart = false, presumeAfter: presumeAfterSeconds } = options;
  const named = pool !== undefined ? { pool } : {};
  const askedAt = performance.now();
  let start: number | undefined;
  let guessed: string | undefined;
  // Kept: when the first worker of the target is long gone, its sighting would be a later one's.
  let firstSighting: number | undefined;
  const unixMs = async (moment: Moment) => {
    if ('unixMs' in moment) return moment.unixMs;
    // Taken before the read, and rounded up: a receiver that is as old as this command has seen all since.
    const elapsed = performance.now() - askedAt;
    start ??= Math.ceil((await source.read(named)).now - elapsed);
    return start - moment.secondsAgo * 1000;
  };
  return async () => {
    const query = {
      ...named,
      ...(options.since && { since: await unixMs(options.since) }),
      ...(options.at && { at: await unixMs(options.at) }),
    };
    const target = options.target === AUTO ? guessTarget((await source.read(query)).workers) : options.target;
    if (target === undefined) throw new SourceError('no worker has reported: there is no target to guess');
    if (options.target === AUTO && target !== guessed) {
      guessed = target;
      firstSighting = undefined;
      print.note(`the target is a guess, the version that started last: ${plain(target)}`);
    }
    const facts = await source.read({
      ...(firstSighting !== undefined && { since: firstSighting }),
      ...query,
      target,
    });
    firstSighting ??= facts.since;
    return assessDeploy(facts, {
      target,
      restart,
      presumeAfterSeconds,
      ...(expected !== undefined && { expected }),
    });
  };
}

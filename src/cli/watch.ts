import { Command, Option } from 'commander';
import { PRESUME_AFTER_SECONDS, SourceError } from '../deploy/facts.js';
import { EXIT } from './args/exit-codes.js';
import { addSourceOptions, openSource, type SourceOptions } from './args/sources.js';
import { durationBetween, parseCount, parseText, parseTime, parseTimeout } from './args/values.js';
import { exitCodeNow, exitCodeOf, Gate, type Judged } from './gate.js';
import { Judge, type JudgeOptions } from './judge.js';
import { pause } from './pause.js';
import { createPrinter } from './report.js';
import { keepSight } from './sight.js';
import { stopOnSignal } from './signals.js';

const TIMEOUT_SECONDS = 3600;

interface WatchOptions extends SourceOptions, JudgeOptions {
  readonly timeout: number;
  readonly settle?: number;
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
      'how many workers must accept (default: as many as at the start)',
      parseCount,
    )
    .option(
      '--since <time>',
      'the start of the deploy: now, 10m (ago), an ISO time or Unix s (default: first sighting of the target)',
      parseTime,
    )
    .option('--restart', 'the target ran before: its workers that started before --since are old')
    .addOption(
      new Option('--at <time>', 'judge the deploy once, at a past time; written as for --since')
        .argParser(parseTime)
        .conflicts('listen'),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long to wait')
        .argParser(parseTimeout)
        .default(TIMEOUT_SECONDS, `${TIMEOUT_SECONDS} s`),
    )
    .option(
      '--settle <duration>',
      'how long an end must hold (default: one silence window)',
      durationBetween('1s', '24h'),
    )
    .addOption(
      new Option('--presume-after <duration>', 'how long to wait for a silent worker')
        .argParser(durationBetween('1s', '24h'))
        .default(PRESUME_AFTER_SECONDS, `${PRESUME_AFTER_SECONDS} s`),
    )
    .option(
      '--strict',
      'never accept a worker that vanished without a goodbye, or a session whose end nobody could tell',
    )
    .addOption(
      new Option(
        '--hold-while <promql>',
        'not complete while this expression gives a value other than 0; can be given again',
      )
        .argParser((text: string, others: readonly string[] = []) => [...others, parseText(text)])
        .conflicts('listen'),
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

const EXIT_CODES = `
Exit codes: ${EXIT.complete} complete, nothing dropped; ${EXIT.failed} the tool failed; ${EXIT.dropped} sessions dropped; ${EXIT.notDone} not done in time, or stuck;
${EXIT.unknown} unknown; ${EXIT.superseded} superseded; ${EXIT.usage} wrong usage; ${EXIT.interrupted} interrupted; ${EXIT.terminated} terminated.`;

async function watch(options: WatchOptions): Promise<number> {
  const print = createPrinter(options.json ?? false);
  const { signal } = stopOnSignal();
  const { source, prometheus } = await openSource(options, (line) => print.note(line));
  await using sight = keepSight(source);
  const judge = new Judge({
    source: sight,
    options,
    note: (line) => print.note(line),
    ...(prometheus && { isTrue: (expression, at) => prometheus.isTrue(expression, at) }),
  });
  const gate = new Gate({ settleSeconds: options.settle, failFast: options.failFast });
  // An answer that is under way must not delay the end.
  const end = new AbortController();
  const ended = new Promise<undefined>((resolve) => {
    end.signal.addEventListener('abort', () => resolve(undefined));
  });
  setTimeout(() => end.abort(), options.timeout * 1000).unref();
  signal.addEventListener('abort', () => end.abort());
  let last: Judged | undefined;
  let isAnswered = false;
  while (!end.signal.aborted) {
    const judging = judge.judge();
    judging.catch(() => {});
    try {
      const judged = await Promise.race([judging, ended]);
      if (judged === undefined) break;
      isAnswered = true;
      last = judged;
      const exitCode = options.at ? exitCodeOf(last) : gate.next(last);
      if (exitCode !== undefined) return print.end(last, exitCode);
      print.change(last);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      isAnswered = true;
      last = undefined;
      gate.lost();
      print.trouble(error.message);
    }
    if (options.at) break;
    await pause(sight.pollMs, end.signal);
  }
  if (!isAnswered) print.trouble('the source has not answered yet');
  return print.end(last, signal.aborted ? signal.reason : exitCodeNow(last));
}

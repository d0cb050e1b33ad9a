import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Verdict } from '../deploy/verdict/verdict.js';
import { count } from '../lib/format.js';
import { EXIT } from './args/exit-codes.js';
import { parseUrl } from './args/values.js';
import { stopOnSignal } from './signals.js';
import { plain } from './terminal/text.js';

/** The scenarios there are. What plays them is loaded only for that. */
const LIST = new URL('../../examples/scenarios/list.json', import.meta.url);
const PLAYS = new URL('index.js', LIST);
/** Slow enough to be followed. */
const INTERVAL_SECONDS = 1;
const PHASE_COLUMNS = 12;

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly exitCode: number;
}

/** What `openrtc-otel watch --json` prints. */
type Printed = { readonly phase: 'unknown'; readonly error: string } | Verdict;

interface Counts {
  readonly calls: number;
  readonly hungUp: number;
  readonly dropped: number;
}

interface Result {
  readonly ends: readonly { readonly exitCode: number | null; readonly verdict?: Printed }[];
  readonly callers: Counts;
  readonly telemetry: Counts & { readonly workers: number; readonly goodbyes: number };
  readonly problems: readonly string[];
}

interface Scenarios {
  readonly SCENARIOS: readonly Scenario[];
  readonly RECEIVER: object;
  play(scenario: Scenario, options: object): Promise<Result>;
}

interface DemoOptions {
  readonly scenario: string;
  readonly otlp?: URL;
}

/** `openrtc-otel demo`: plays a deploy on this machine and holds the verdict against what the callers saw. */
export function demoCommand(): Command {
  const names = (JSON.parse(readFileSync(LIST, 'utf8')) as readonly Scenario[]).map(({ name }) => name);
  return new Command('demo')
    .description('Plays a deploy on this machine: real call servers, callers, signals, and the gate.')
    .addOption(new Option('--scenario <name>', 'the deploy').choices(names).default(names[0]))
    .option('--otlp <url>', 'where the workers report too, metrics and spans', parseUrl)
    .addHelpText('after', EXIT_CODES)
    .action(async ({ scenario, otlp }: DemoOptions) => {
      process.exitCode = await demo(scenario, otlp);
    });
}

const EXIT_CODES = `
Exit codes: 0 callers and telemetry agree and the gate ended as the scenario states, else ${EXIT.failed};
${EXIT.usage} wrong usage; ${EXIT.interrupted} interrupted; ${EXIT.terminated} terminated.`;

async function demo(name: string, otlp: URL | undefined): Promise<number> {
  // What the scenario has started ends when this process exits.
  const { signal } = stopOnSignal();
  signal.addEventListener('abort', () => process.exit(signal.reason));
  const { SCENARIOS, RECEIVER, play }: Scenarios = await import(PLAYS.href);
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (!scenario) throw new Error(`the scenario ${name} is not in ${PLAYS.pathname}`);
  console.log(`${scenario.name}: ${scenario.title}\n`);
  const startedAt = performance.now();
  const print = (text: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${plain(text)}`);
  };
  let last = '';
  const result = await play(scenario, {
    pool: 'demo',
    sources: [RECEIVER],
    intervalSeconds: INTERVAL_SECONDS,
    ...(otlp && { alsoTo: [otlp.href.replace(/\/$/, '')], env: { OTEL_TRACES_EXPORTER: 'otlp' } }),
    onStep: print,
    onVerdict: (printed: Printed) => {
      const line = describe(printed);
      if (line !== last) print(`    ${line}`);
      last = line;
    },
  });
  console.log(summary(scenario, result));
  return result.problems.length === 0 ? EXIT.complete : EXIT.failed;
}

/** Where a deploy stands, in a line. */
function describe(printed: Printed): string {
  const phase = printed.phase.padEnd(PHASE_COLUMNS);
  if ('error' in printed) return `${phase}${printed.error}`;
  const { target, workers, sessionsLeft, dropped } = printed;
  const facts = [
    `${workers.accepting} of ${workers.expected} accept on ${target}`,
    `${count(sessionsLeft, 'session')} left elsewhere`,
    `${dropped.confirmed + dropped.presumed} dropped`,
  ];
  return `${phase}${facts.join(', ')}`;
}

function summary(scenario: Scenario, { ends: [end], callers, telemetry, problems }: Result): string {
  const row = (what: string, key: keyof Counts) =>
    `${what.padEnd(20)}${String(callers[key]).padStart(11)}${String(telemetry[key]).padStart(17)}`;
  const checks = end?.verdict && 'checks' in end.verdict ? Object.values(end.verdict.checks) : [];
  return [
    '',
    '                    callers saw   telemetry says',
    row('calls', 'calls'),
    row('hung up by caller', 'hungUp'),
    row('dropped', 'dropped'),
    '',
    `${telemetry.goodbyes} of ${telemetry.workers} workers said goodbye.`,
    ...checks.map(({ sentence }) => plain(sentence)),
    `The gate ended with exit code ${end?.exitCode}, expected ${scenario.exitCode}.`,
    ...problems.map(plain),
    problems.length === 0 ? 'Callers and telemetry agree.' : 'The deploy did not go as the scenario states.',
  ].join('\n');
}

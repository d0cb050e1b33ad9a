import { Command, Option } from 'commander';
import type { Verdict } from '../deploy/verdict.js';
import { EXIT, SIGNALS } from './exit-codes.js';
import { plain } from './text.js';
import { parseUrl } from './values.js';

/** In the order of examples/scenarios/index.js, which is loaded only when one is played. */
export const SCENARIO_NAMES = [
  'clean',
  'rolling',
  'recreate',
  'restart',
  'outage',
  'leftover',
  'kill',
  'oom',
  'forced',
  'stuck',
  'missing',
  'crashloop',
  'rollback',
  'superseded',
] as const;
const SCENARIOS = new URL('../../examples/scenarios/index.js', import.meta.url);
/** Slow enough to be followed. */
const INTERVAL_SECONDS = 1;
const PHASE_COLUMNS = 12;

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly exitCode: number;
}

/** What `openrtc-otel watch --json` says. */
type Said = { readonly phase: 'unknown'; readonly error: string } | Verdict;

interface Counts {
  readonly calls: number;
  readonly hungUp: number;
  readonly dropped: number;
}

interface Result {
  readonly ends: readonly { readonly exitCode: number | null; readonly verdict?: Said }[];
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
  return new Command('demo')
    .description('Plays a deploy on this machine: real call servers, callers, signals, and the gate.')
    .addOption(
      new Option('--scenario <name>', 'the deploy').choices(SCENARIO_NAMES).default(SCENARIO_NAMES[0]),
    )
    .option('--otlp <url>', 'the workers report there too, metrics and spans', parseUrl)
    .addHelpText('after', EXIT_CODES)
    .action(async ({ scenario, otlp }: DemoOptions) => {
      process.exitCode = await demo(scenario, otlp);
    });
}

const EXIT_CODES = `
Exit codes: 0 callers and telemetry agree and the gate ended as the scenario states, else ${EXIT.failed};
${EXIT.usage} wrong usage; ${EXIT.interrupted} interrupted; ${EXIT.terminated} terminated.`;

async function demo(name: string, otlp: URL | undefined): Promise<number> {
  // What the scenario has started is ended when this process exits.
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.once(signal, () => process.exit(exitCode));
  }
  const { SCENARIOS: all, RECEIVER, play }: Scenarios = await import(SCENARIOS.href);
  const scenario = all.find((one) => one.name === name);
  if (!scenario) throw new Error(`the scenario ${name} is not in ${SCENARIOS.pathname}`);
  console.log(`${scenario.name}: ${scenario.title}\n`);
  const begun = performance.now();
  const tell = (text: string) => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${plain(text)}`);
  };
  let told = '';
  const result = await play(scenario, {
    pool: 'demo',
    sources: [RECEIVER],
    intervalSeconds: INTERVAL_SECONDS,
    ...(otlp && { alsoTo: [otlp.href.replace(/\/$/, '')], env: { OTEL_TRACES_EXPORTER: 'otlp' } }),
    onStep: tell,
    onVerdict: (said: Said) => {
      const line = standing(said);
      if (line !== told) tell(`    ${line}`);
      told = line;
    },
  });
  console.log(summary(scenario, result));
  return result.problems.length === 0 ? EXIT.complete : EXIT.failed;
}

/** Where a deploy stands, in a line. */
function standing(said: Said): string {
  if ('error' in said) return `${said.phase.padEnd(PHASE_COLUMNS)}${said.error}`;
  const { phase, target, workers, sessionsLeft, dropped } = said;
  const facts = [
    `${workers.accepting} of ${workers.expected} accept on ${target}`,
    `${sessionsLeft} sessions left elsewhere`,
    `${dropped.confirmed + dropped.presumed} dropped`,
  ];
  return `${phase.padEnd(PHASE_COLUMNS)}${facts.join(', ')}`;
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
    problems.length === 0 ? 'Callers and telemetry agree.' : 'It must not be so.',
  ].join('\n');
}

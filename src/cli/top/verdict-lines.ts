import type { Check, Phase, Verdict } from '../../deploy/verdict/verdict.js';
import { named } from '../../deploy/verdict/words.js';
import { duration } from '../../lib/format.js';
import { type Line, span } from '../terminal/lines.js';
import { wrap } from '../terminal/text.js';
import type { PoolStatus } from './fleet.js';
import { isRunning, type WorkerStatus } from './worker-lines.js';

type Colour = 'green' | 'red' | 'yellow' | 'gray';

/** Green is for what is proven, and for nothing else. */
const COLOURS: Readonly<Record<Check['state'], Colour>> = {
  met: 'green',
  failed: 'red',
  open: 'yellow',
  unknown: 'gray',
};

const PHASES: Readonly<Record<Phase, readonly [words: string, colour: Colour]>> = {
  unknown: ['unknown', 'gray'],
  waiting: ['waiting: no worker accepts on the target', 'yellow'],
  rolling: ['rolling out: the target does not take all new sessions yet', 'yellow'],
  draining: ['draining: the old workers finish their sessions', 'yellow'],
  stuck: ['stuck: sessions last longer than the drain timeout', 'red'],
  complete: ['complete, nothing dropped', 'green'],
  dropped: ['complete, but sessions were dropped', 'red'],
  superseded: ['superseded: another version took over', 'red'],
};

const CHECKS = [
  ['version', 'on target'],
  ['drained', 'old drained'],
  ['dropped', 'none dropped'],
] as const satisfies readonly (readonly [keyof Verdict['checks'], string])[];

const NAME_COLUMNS = 16;
const STATE_COLUMNS = 9;

/** Phase, target, time left, the three checks with their sentences, and what must be seen beside them. */
export function verdictLines({ pool, verdict, isGuess, workers }: PoolStatus, columns: number): Line[] {
  if (!verdict) return [[span(pool, 'bold'), span(`  ${withoutDeploy(workers)}`)]];
  const [words, colour] = PHASES[verdict.phase];
  const guess = isGuess ? ' (a guess: the version that started last)' : '';
  return [
    [span(pool, 'bold'), span(' → '), span(verdict.target, 'bold'), span(guess)],
    [span(words, [colour, 'bold']), span(timeLeft(verdict))],
    ...CHECKS.flatMap(([key, name]) => checkLines(name, verdict.checks[key], columns)),
    ...unaccountedLines(verdict, columns),
    ...verdict.notes.flatMap((note) => sideLines('note', note, 'gray', columns)),
  ];
}

/** With one version there is nothing to judge. */
function withoutDeploy(workers: readonly WorkerStatus[]): string {
  const running = workers.find(isRunning);
  return running ? `no deploy: only version ${running.version} has reported` : 'no worker runs';
}

function unaccountedLines({ unaccounted }: Verdict, columns: number): Line[] {
  if (unaccounted.length === 0) return [];
  const text = `${named(unaccounted)}: no goodbye, no report, and no session then`;
  return sideLines('unaccounted', text, 'yellow', columns);
}

/** Beside the checks, wrapped as they are. */
function sideLines(name: string, text: string, style: Colour, columns: number): Line[] {
  const indent = NAME_COLUMNS + STATE_COLUMNS;
  return wrap(text, Math.max(1, columns - indent)).map((part, at) => [
    span((at === 0 ? `  ${name}` : '').padEnd(indent)),
    span(part, style),
  ]);
}

function checkLines(name: string, { state, sentence }: Check, columns: number): Line[] {
  const indent = NAME_COLUMNS + STATE_COLUMNS;
  const [first = '', ...rest] = wrap(sentence, Math.max(1, columns - indent));
  return [
    [span(`  ${name}`.padEnd(NAME_COLUMNS)), span(state.padEnd(STATE_COLUMNS), COLOURS[state]), span(first)],
    ...rest.map((text) => [span(' '.repeat(indent)), span(text)]),
  ];
}

/** Short: the check says more. */
function timeLeft({ timeLeftSeconds: left, timeLeftAtMostSeconds: most }: Verdict): string {
  if (left === undefined) return '';
  if (left === 'not falling') return '; sessions do not get fewer';
  return `; ${left === most ? 'at the latest' : 'a guess:'} ${duration(Math.ceil(left))} to go`;
}

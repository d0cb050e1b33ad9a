import { duration } from '../deploy/sentences.js';
import type { Check, Phase, Verdict } from '../deploy/verdict.js';
import { type Line, span } from './lines.js';
import { pad, wrap } from './text.js';

type Colour = 'green' | 'red' | 'yellow' | 'gray';

/** Green is for what is proven, and for nothing else. */
const CHECKS: Readonly<Record<Check['state'], Colour>> = {
  met: 'green',
  failed: 'red',
  open: 'yellow',
  unknown: 'gray',
};

const PHASES: Readonly<Record<Phase, readonly [words: string, colour: Colour]>> = {
  unknown: ['nothing can be known now', 'gray'],
  waiting: ['waiting: no worker accepts on the target', 'yellow'],
  rolling: ['rolling out: the target does not take all new sessions yet', 'yellow'],
  draining: ['draining: the old workers finish their sessions', 'yellow'],
  stuck: ['stuck: sessions last longer than the drain timeout', 'red'],
  complete: ['complete, nothing dropped', 'green'],
  dropped: ['complete, but sessions were dropped', 'red'],
  superseded: ['superseded: another version took over', 'red'],
};

const NAMES: Readonly<Record<keyof Verdict['checks'], string>> = {
  version: 'on target',
  drained: 'old drained',
  dropped: 'none dropped',
};

const NAME_COLUMNS = 16;
const STATE_COLUMNS = 9;

/** Phase, target, time left, and the three checks with their sentences. */
export function verdictLines(
  pool: string,
  verdict: Verdict | undefined,
  isGuess: boolean,
  columns: number,
): Line[] {
  if (!verdict) return [[span(pool, 'bold'), span('  no worker runs')]];
  const [words, colour] = PHASES[verdict.phase];
  return [
    [
      span(pool, 'bold'),
      span(' → '),
      span(verdict.target, 'bold'),
      span(isGuess ? ' (a guess: the version that started last)' : ''),
    ],
    [span(words, [colour, 'bold']), span(timeLeft(verdict))],
    ...(['version', 'drained', 'dropped'] as const).flatMap((name) =>
      checkLines(NAMES[name], verdict.checks[name], columns),
    ),
  ];
}

function checkLines(name: string, { state, sentence }: Check, columns: number): Line[] {
  const indent = NAME_COLUMNS + STATE_COLUMNS;
  const [first = '', ...rest] = wrap(sentence, Math.max(1, columns - indent));
  return [
    [
      span(pad(`  ${name}`, NAME_COLUMNS, 'left')),
      span(pad(state, STATE_COLUMNS, 'left'), CHECKS[state]),
      span(first),
    ],
    ...rest.map((text) => [span(' '.repeat(indent)), span(text)]),
  ];
}

function timeLeft({ timeLeftSeconds }: Verdict): string {
  if (timeLeftSeconds === undefined) return '';
  if (timeLeftSeconds === 'not falling') return '; sessions do not get fewer';
  return `; about ${duration(Math.round(timeLeftSeconds))} left`;
}

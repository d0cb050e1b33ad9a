import { attempt } from './attempt.js';
import { isRecord, show } from './redact.js';

export { isRecord };

/** What a value must be: in words, and as a test. */
export type Rule = readonly [expected: string, isRight: (value: unknown) => boolean];
export type Rules<Name extends string = string> = Readonly<Record<Name, Rule>>;

/** The first value that breaks its rule, or has none: its name, what was expected and what was given. */
export function findProblem(values: object, rules: Rules): string | undefined {
  const entries = attempt(() => Object.entries(values), undefined);
  if (!entries) return 'values: expected values that can be read';
  for (const [name, value] of entries) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) return `${name}: expected one of ${Object.keys(rules).join(', ')}`;
    const [expected, isRight] = rule;
    if (value !== undefined && !attempt(() => isRight(value), false))
      return `${name}: expected ${expected}, got ${show(value)}`;
  }
  return undefined;
}

/** @throws TypeError for options that are no object, an unknown option, or a wrong value. */
export function checkOptions(options: unknown, rules: Rules): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options: expected an object, got ${options === null ? 'null' : typeof options}`);
  }
  const problem = findProblem(options, rules);
  if (problem !== undefined) throw new TypeError(`option ${problem}`);
}

export const isFunction = (value: unknown) => typeof value === 'function';
export const isDate = (value: unknown) =>
  attempt(() => value instanceof Date && !Number.isNaN(value.getTime()), false);
export const isSeconds = (value: unknown): value is number => Number.isFinite(value) && Number(value) >= 0;
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
export const isWhole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;

/** Beyond this a timer of Node fires at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** A promise where none is expected, from an async callback: its rejection must not end the process. */
export function ignoreRejection(value: unknown): void {
  attempt(() => value instanceof Promise && value.catch(() => {}), false);
}

import { inspect } from 'node:util';

/** What a value must be: in words, and as a test. */
export type Rule = readonly [expected: string, isRight: (value: unknown) => boolean];
export type Rules<Name extends string = string> = Readonly<Record<Name, Rule>>;

/** The first value that breaks its rule, or has none: its name, what was expected and what was given. */
export function findProblem(values: object, rules: Rules): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) return `${name}: expected one of ${Object.keys(rules).join(', ')}`;
    const [expected, isRight] = rule;
    if (value !== undefined && !isRight(value)) return `${name}: expected ${expected}, got ${show(value)}`;
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

const LONGEST_SHOWN = 60;

/** A value in a message: short, on one line, and never what can be secret in an object: a text in it, or all below. */
export function show(value: unknown): string {
  if (!isRecord(value)) return showClass(value);
  const members = Object.entries(value).map(([name, item]) => [name, typeof item === 'string' ? '…' : item]);
  return inspect(Object.fromEntries(members), { depth: 0, breakLength: Number.POSITIVE_INFINITY });
}

/** The same, of an object no more than its class. */
export function showClass(value: unknown): string {
  return inspect(value, { depth: -1, maxStringLength: LONGEST_SHOWN });
}

/** An address without credentials and query, and without what can be a key in its path: some vendors put one there. */
export const showUrl = ({ origin, pathname }: URL): string =>
  `${origin}${pathname.replace(/[^/]{16,}/g, '***')}`;

/** A plain object: no list, no map, no instance of a class. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A promise where none is expected, from an async callback: its rejection must not end the process. */
export function silence(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}

export const isSeconds = (value: unknown): value is number => Number.isFinite(value) && Number(value) >= 0;
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
export const isDate = (value: unknown) => value instanceof Date && !Number.isNaN(value.getTime());
export const isFunction = (value: unknown) => typeof value === 'function';

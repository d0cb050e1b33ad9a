import { InvalidArgumentError } from 'commander';
import { parseMatchers } from '../../deploy/prometheus/promql.js';
import { mayHoldSecret } from '../../lib/redact.js';
import { isWhole, type Rule } from '../../lib/validate.js';

/** Wrong usage that is found after the command line was read. */
export class UsageError extends Error {}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/;

/** Parses a text that a rule takes. */
export const textBy = (rule: Rule) => (text: string) => validate(text, rule, text);

/** Parses a number that a rule takes. */
export const numberBy = (rule: Rule) => (text: string) =>
  validate(text.trim() === '' ? Number.NaN : Number(text), rule, text);

export const parseText = textBy(['a text that is not empty', (text) => String(text).trim() !== '']);

export const parseCount = numberBy(['a whole number from 1', isWhole(1)]);

/** Parses label matchers; gives them as they are. */
export const parseMatcherText = textBy([
  'label matchers such as cluster="eu",env="prod"',
  (text) => Boolean(parseMatchers(String(text))?.length),
]);

/** A duration such as `90`, `500ms`, `30s`, `5m`, `2h`, in seconds. */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = DURATION.exec(text) ?? [];
  if (number === undefined) throw wrong('a duration such as 500ms, 30s, 5m or 2h', text);
  return Number(number) * (UNITS[unit] ?? 1);
}

/** Parses a duration within limits, which are given as durations, in seconds. */
export const durationBetween = (least: string, most: string) => (text: string) => {
  const seconds = parseDuration(text);
  const isWithin = seconds >= parseDuration(least) && seconds <= parseDuration(most);
  if (!isWithin) throw wrong(`a duration from ${least} to ${most}`, text);
  return seconds;
};

/** How long to wait at all: as long as a timer can. */
export const parseTimeout = durationBetween('1ms', '576h');

/** A time of the command line: absolute, in Unix ms, or so many seconds before now. */
export type TimeArgument = { readonly unixMs: number } | { readonly secondsAgo: number };

const parseAge = durationBetween('0s', '87600h');

/** Whether a day is in the calendar: 30 February would be taken for 2 March. */
function isDay(text: string): boolean {
  const [year = 0, month = 0, day] = text.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

/** `now`, a duration ago, an ISO 8601 time, or Unix seconds. */
export function parseTime(text: string): TimeArgument {
  if (text === 'now') return { secondsAgo: 0 };
  if (/^\d{10}(\.\d+)?$/.test(text)) return { unixMs: Number(text) * 1000 };
  // With a unit: a bare number could be either.
  if (/[a-z]$/.test(text) && DURATION.test(text)) return { secondsAgo: parseAge(text) };
  const isIso = /^\d{4}-\d\d-\d\dT/.test(text);
  // Without one it would be a time of this machine's zone, which is another one in the pipeline.
  if (isIso && !/(z|[+-]\d\d(:?\d\d)?)$/i.test(text)) {
    throw wrong('a time with its zone: write Z, or an offset such as +02:00', text);
  }
  const unixMs = isIso && isDay(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(unixMs)) {
    throw wrong('now, a duration ago such as 10m, an ISO time such as 2026-01-31T12:00:00Z, or Unix s', text);
  }
  return { unixMs };
}

/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export const LOOPBACK = '127.0.0.1';

/** `[host:]port`; an IPv6 host stands in brackets. */
export function parseAddress(text: string): Address {
  const [, bracketed, host, digits] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw wrong('[host:]port, such as 4318 or 0.0.0.0:4318', text);
  return { host: bracketed ?? host ?? LOOPBACK, port };
}

export function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  const expected = 'an http or https URL';
  // The command line's own message would show it.
  if (mayHoldSecret(text))
    throw new UsageError(`option <url>: expected ${expected}, got one that may hold a secret`);
  throw wrong(expected, text);
}

function validate<T>(value: T, [expected, isRight]: Rule, given: string): T {
  if (!isRight(value)) throw wrong(expected, given);
  return value;
}

/** The command line adds the name of the option. */
const wrong = (expected: string, given: string) =>
  new InvalidArgumentError(`expected ${expected}, got ${JSON.stringify(given)}`);

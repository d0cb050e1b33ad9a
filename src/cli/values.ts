import { InvalidArgumentError } from 'commander';
import { parseMatchers } from '../deploy/promql.js';

/** Wrong usage that is found after the command line was read. */
export class UsageError extends Error {}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/;

/** A duration such as `90`, `500ms`, `30s`, `5m`, `2h`, in seconds. */
export function parseDuration(text: string): number {
  const [, number, unit = 's'] = DURATION.exec(text) ?? [];
  if (number === undefined) throw wrong('a duration such as 500ms, 30s, 5m or 2h', text);
  return Number(number) * (UNITS[unit] ?? 1);
}

/** A moment: absolute, in Unix ms, or so many seconds before now. */
export type Moment = { readonly unixMs: number } | { readonly secondsAgo: number };

/** `now`, a duration ago, an ISO 8601 time, or Unix seconds. */
export function parseMoment(text: string): Moment {
  if (text === 'now') return { secondsAgo: 0 };
  if (/^\d{10}(\.\d+)?$/.test(text)) return { unixMs: Number(text) * 1000 };
  // With a unit: a bare number could be either.
  if (/[a-z]$/.test(text) && DURATION.test(text)) return { secondsAgo: parseDuration(text) };
  const unixMs = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(unixMs)) {
    throw wrong('now, a duration ago such as 10m, an ISO time such as 2026-01-31T12:00:00Z, or Unix s', text);
  }
  return { unixMs };
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) === 0) throw wrong('a whole number from 1', text);
  return Number(text);
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
  if (/[@?]/.test(text))
    throw new UsageError(`option <url>: expected ${expected}, got one that may hold a secret`);
  throw wrong(expected, text);
}

export function parseText(text: string): string {
  if (text === '') throw wrong('a text that is not empty', text);
  return text;
}

/** Label matchers, as they were given. */
export function checkMatchers(text: string): string {
  if (!parseMatchers(text)?.length) throw wrong('label matchers such as cluster="eu",env="prod"', text);
  return text;
}

/** The command line adds the name of the option. */
export function wrong(expected: string, given: string): InvalidArgumentError {
  return new InvalidArgumentError(`expected ${expected}, got ${JSON.stringify(given)}`);
}

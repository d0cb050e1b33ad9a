import { describe, expect, it } from 'vitest';
import {
  durationBetween,
  parseAddress,
  parseCount,
  parseDuration,
  parseTime,
  parseUrl,
} from '../../../src/cli/args/values.js';

describe('a value of the command line', () => {
  it.each([
    ['90', 90],
    ['500ms', 0.5],
    ['30s', 30],
    ['1.5m', 90],
    ['2h', 7200],
    ['0', 0],
  ])('%s is a duration', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  it.each([
    ['now', { secondsAgo: 0 }],
    ['10m', { secondsAgo: 600 }],
    ['1800000000', { unixMs: 1_800_000_000_000 }],
    ['1800000000.5', { unixMs: 1_800_000_000_500 }],
    ['2026-01-31T12:00:00Z', { unixMs: Date.UTC(2026, 0, 31, 12) }],
    ['2026-01-31T14:00:00+02:00', { unixMs: Date.UTC(2026, 0, 31, 12) }],
    ['2026-01-31T12:00Z', { unixMs: Date.UTC(2026, 0, 31, 12) }],
  ])('%s is a time', (text, moment) => expect(parseTime(text)).toEqual(moment));

  it.each([
    ['4318', { host: '127.0.0.1', port: 4318 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:4318', { host: '::1', port: 4318 }],
    ['localhost:9', { host: 'localhost', port: 9 }],
  ])('%s is an address', (text, address) => expect(parseAddress(text)).toEqual(address));

  it.each([
    [parseDuration, 'soon', 'a duration'],
    [parseDuration, '-5s', 'a duration'],
    [parseDuration, '5d', 'a duration'],
    [parseTime, 'yesterday', 'now, a duration ago'],
    [parseTime, '2026', 'now, a duration ago'],
    [parseTime, '2026-99-31T12:00:00Z', 'now, a duration ago'],
    [parseTime, '2026-01-31T12:00:00', 'a time with its zone: write Z, or an offset such as +02:00'],
    [parseTime, '2026-01-31T12:00', 'a time with its zone'],
    [durationBetween('1s', '24h'), '0', 'a duration from 1s to 24h'],
    [durationBetween('1s', '24h'), '900ms', 'a duration from 1s to 24h'],
    [durationBetween('1s', '24h'), '25h', 'a duration from 1s to 24h'],
    [durationBetween('1s', '24h'), 'soon', 'a duration such as'],
    [parseCount, '0', 'a whole number from 1'],
    [parseCount, '1.5', 'a whole number from 1'],
    [parseAddress, '70000', '[host:]port'],
    [parseAddress, 'localhost', '[host:]port'],
    [parseUrl, 'prometheus:9090', 'an http or https URL'],
    [parseUrl, 'not a url', 'an http or https URL'],
  ])('%o refuses %s and says what it expects', (parse, text, expected) => {
    expect(() => parse(text)).toThrow(expected);
    expect(() => parse(text)).toThrow(`got ${JSON.stringify(text)}`);
  });
});

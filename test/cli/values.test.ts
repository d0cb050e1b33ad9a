import { describe, expect, it } from 'vitest';
import { parseAddress, parseCount, parseDuration, parseMoment, parseUrl } from '../../src/cli/values.js';

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
  ])('%s is a moment', (text, moment) => expect(parseMoment(text)).toEqual(moment));

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
    [parseMoment, 'yesterday', 'now, a duration ago'],
    [parseMoment, '2026', 'now, a duration ago'],
    [parseMoment, '2026-99-31T12:00:00Z', 'now, a duration ago'],
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

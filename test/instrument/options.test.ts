import { metrics, SpanKind, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import {
  areSameOptions,
  checkArguments,
  type InstrumentOptions,
  OPTIONS,
} from '../../src/instrument/options.js';
import type { PoolLike } from '../../src/worker/pool.js';
import { TestPool } from '../support/pools.js';

const pool = new TestPool();
const LONG = 'x'.repeat(256);
const text = 'a string of 1 to 255 characters';

const WRONG: Record<
  keyof InstrumentOptions,
  { expected: string; values: Array<[value: unknown, given: string]> }
> = {
  deploymentVersion: {
    expected: text,
    values: [
      ['', "''"],
      [5, '5'],
      [null, 'null'],
      [LONG, "'xxx"],
      [['1'], '[Array]'],
    ],
  },
  poolName: {
    expected: text,
    values: [
      ['', "''"],
      [0, '0'],
      [Symbol('a'), 'Symbol(a)'],
      [LONG, "'xxx"],
    ],
  },
  workerId: {
    expected: text,
    values: [
      ['', "''"],
      [{}, '{}'],
      [true, 'true'],
      [LONG, "'xxx"],
    ],
  },
  attributes: {
    expected: 'a record of strings, finite numbers and booleans, without names of openrtc.*',
    values: [
      ['a=b', "'a=b'"],
      [null, 'null'],
      [['a'], '[Array]'],
      [{ a: Number.NaN }, '{ a: NaN }'],
      [{ a: null }, '{ a: null }'],
      [{ a: ['b'] }, '{ a: '],
      [{ '': 'a' }, "{ '': '…' }"],
      [{ 'openrtc.worker.id': 'a' }, "{ 'openrtc.worker.id': '…' }"],
      [new Map([['a', 'b']]), '[Map]'],
    ],
  },
  drainTimeoutSeconds: {
    expected: 'seconds, 0 or more',
    values: [
      [-1, '-1'],
      [Number.NaN, 'NaN'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
      ['30', "'30'"],
      [null, 'null'],
      [30n, '30n'],
    ],
  },
  tenantLimit: {
    expected: 'a whole number from 1 to 40',
    values: [
      [0, '0'],
      [41, '41'],
      [1.5, '1.5'],
      ['5', "'5'"],
      [null, 'null'],
      [true, 'true'],
    ],
  },
  spanAttributes: {
    expected: 'a function',
    values: [
      [{}, '{}'],
      ['f', "'f'"],
      [null, 'null'],
    ],
  },
  spanKind: {
    expected: 'a SpanKind',
    values: [
      ['CONSUMER', "'CONSUMER'"],
      [5, '5'],
      [-1, '-1'],
      [1.5, '1.5'],
      [null, 'null'],
    ],
  },
  journal: {
    expected: 'the path of a folder, at most 85 bytes long',
    values: [
      ['', "''"],
      [7, '7'],
      [null, 'null'],
      [`/${'x'.repeat(85)}`, "'/xxx"],
      [`/${'ü'.repeat(43)}`, "'/üüü"],
      ['/a\0b', "'/a\\x00b'"],
    ],
  },
  meterProvider: {
    expected: 'a MeterProvider',
    values: [
      [{}, '{}'],
      [null, 'null'],
      ['otel', "'otel'"],
      [trace.getTracerProvider(), 'ProxyTracerProvider'],
    ],
  },
  tracerProvider: {
    expected: 'a TracerProvider',
    values: [
      [{}, '{}'],
      [null, 'null'],
      [7, '7'],
      [{ getTracer: 1 }, '{ getTracer: 1 }'],
    ],
  },
};

const RIGHT: Record<keyof InstrumentOptions, unknown[]> = {
  deploymentVersion: ['1', 'x'.repeat(255), '1.5.0+b7'],
  poolName: ['voice-prod', 'ünïcode ☎'],
  workerId: ['w'],
  attributes: [{}, { region: 'eu', zone: 1, canary: false }, Object.create(null)],
  drainTimeoutSeconds: [0, 0.5, 600],
  tenantLimit: [1, 40],
  spanAttributes: [() => ({})],
  spanKind: [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CONSUMER],
  journal: ['journal', `/${'x'.repeat(84)}`],
  meterProvider: [metrics.getMeterProvider()],
  tracerProvider: [trace.getTracerProvider()],
};

const check = (options: unknown) => () => checkArguments(pool, options as InstrumentOptions);

describe('checkArguments', () => {
  it('knows each option of InstrumentOptions', () => {
    expect(new Set(OPTIONS)).toEqual(new Set(Object.keys(WRONG)));
  });

  it.each(OPTIONS.flatMap((name) => RIGHT[name].map((value) => ({ name, value }))))(
    'takes $value for $name',
    ({ name, value }) => {
      expect(check({ [name]: value })).not.toThrow();
    },
  );

  it.each(OPTIONS)('takes undefined for %s as not given', (name) => {
    expect(check({ [name]: undefined })).not.toThrow();
  });

  it.each(
    OPTIONS.flatMap((name) =>
      WRONG[name].values.map(([value, given]) => ({ name, value, given, expected: WRONG[name].expected })),
    ),
  )(
    'names the option, the expectation and what was given: $name, $given',
    ({ name, value, given, expected }) => {
      expect(check({ [name]: value })).toThrow(TypeError);
      expect(check({ [name]: value })).toThrow(`option ${name}: expected ${expected}, got ${given}`);
    },
  );

  it('does not repeat a megabyte that was given', () => {
    expect(check({ poolName: 'x'.repeat(1_000_000) })).toThrow(/^.{1,300}$/);
  });

  it.each(['deploymentversion', 'toString', '__proto__x', 'constructor', '0'])(
    'names an unknown option and those there are: %s',
    (name) => {
      expect(check({ [name]: 'x' })).toThrow(TypeError);
      expect(check({ [name]: 'x' })).toThrow(`option ${name}: expected one of ${OPTIONS.join(', ')}`);
    },
  );

  it.each([
    ['a token, perhaps', 'string'],
    [5, 'number'],
    [null, 'null'],
    [true, 'boolean'],
  ])('refuses %s as the options', (options, given) => {
    expect(check(options)).toThrow(TypeError);
    expect(check(options)).toThrow(`options: expected an object, got ${given}`);
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['pool', "'pool'"],
    [{}, '{}'],
    [{ runtimeSnapshot: { activeSessions: 1 } }, '[Object]'],
    [
      new (class Options {
        readonly apiKey = 'key';
      })(),
      '[Options]',
    ],
  ])('refuses %s as the pool', (wrong, given) => {
    const call = () => checkArguments(wrong as unknown as PoolLike, {});
    expect(call).toThrow(TypeError);
    expect(call).toThrow(`instrument(pool): expected an object with runtimeSnapshot(), got ${given}`);
  });
});

describe('areSameOptions', () => {
  const spanAttributes = () => ({});
  const first: InstrumentOptions = {
    poolName: 'a',
    tenantLimit: 5,
    attributes: { region: 'eu', zone: 1 },
    spanAttributes,
  };

  it.each<[string, InstrumentOptions]>([
    ['the same values', { ...first }],
    ['some of them', { poolName: 'a' }],
    ['none', {}],
    ['equal attributes', { attributes: { region: 'eu', zone: 1 } }],
    ['equal attributes in another order', { attributes: { zone: 1, region: 'eu' } }],
  ])('is true for %s', (_, second) => {
    expect(areSameOptions(first, second)).toBe(true);
  });

  it.each<[string, InstrumentOptions]>([
    ['another name', { poolName: 'b' }],
    ['another limit', { tenantLimit: 6 }],
    ['other attributes', { attributes: { region: 'us', zone: 1 } }],
    ['fewer attributes', { attributes: { region: 'eu' } }],
    ['an attribute of another type', { attributes: { region: 'eu', zone: '1' } }],
    ['another function', { spanAttributes: () => ({}) }],
    ['an option the first did not have', { workerId: 'w' }],
  ])('is false for %s', (_, second) => {
    expect(areSameOptions(first, second)).toBe(false);
  });

  it('takes an option that is undefined as not given', () => {
    expect(areSameOptions(first, { poolName: undefined } as object)).toBe(true);
  });
});

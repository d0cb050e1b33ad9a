import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMetricsSender, createSpansSender } from '../../src/otlp/sender.js';
import { type Environment, readEnvironment, VARIABLES } from '../../src/worker/environment.js';
import { setEnvironment } from '../support/environment.js';
import { only } from '../support/lists.js';

const DEFAULTS: Environment = {
  disabled: false,
  exports: { METRICS: true, TRACES: true },
  protocol: { METRICS: 'http/protobuf', TRACES: 'http/protobuf' },
  temporality: 'cumulative',
  url: { METRICS: 'http://localhost:4318/v1/metrics', TRACES: 'http://localhost:4318/v1/traces' },
  hasEndpoint: false,
  timeoutMs: { METRICS: 10_000, TRACES: 10_000 },
  intervalMs: 15_000,
  exportTimeoutMs: 30_000,
  batches: { delayMs: 200, timeoutMs: 30_000, queueSize: 16_384, batchSize: 512 },
  resource: {},
  serviceName: undefined,
  serviceVersion: undefined,
  complaints: [],
};

const ENDPOINTS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
];
const forEachSignal = (setting: string) =>
  ['', '_METRICS', '_TRACES'].map((signal) => `OTEL_EXPORTER_OTLP${signal}_${setting}`);

interface Case {
  readonly names: readonly string[];
  readonly good: readonly string[];
  readonly wrong: readonly string[];
  readonly expected: string;
  readonly instead: string;
}

const CASES: readonly Case[] = [
  {
    names: ['OTEL_SDK_DISABLED'],
    good: ['true', 'false', 'TRUE', 'False'],
    wrong: ['yes', '1', 'on'],
    expected: 'true, false',
    instead: 'false',
  },
  {
    names: ['OTEL_METRICS_EXPORTER', 'OTEL_TRACES_EXPORTER'],
    good: ['otlp', 'none', 'console,otlp', 'prometheus, otlp'],
    wrong: ['prometheus', 'OTLP', 'zipkin,console'],
    expected: 'otlp or none',
    instead: 'otlp',
  },
  {
    names: ENDPOINTS,
    good: [
      'http://localhost:4318',
      'https://otlp.example.com/otlp',
      'HTTP://[::1]:4318/',
      'http://u:p@host/x',
    ],
    wrong: ['localhost:4317', 'collector', 'grpc://host:4317', 'http://', 'http:host', 'https://a b'],
    expected: 'an http or https URL',
    instead: 'http://localhost:4318',
  },
  {
    names: forEachSignal('PROTOCOL'),
    good: ['http/protobuf', 'http/json'],
    wrong: ['grpc', 'http', 'HTTP/JSON'],
    expected: 'http/protobuf, http/json',
    instead: 'http/protobuf',
  },
  {
    names: forEachSignal('COMPRESSION'),
    good: ['gzip', 'none'],
    wrong: ['zstd', 'GZIP', 'true'],
    expected: 'gzip, none',
    instead: 'none',
  },
  {
    names: forEachSignal('TIMEOUT'),
    good: ['100', '10000', '2500.5'],
    // Seconds too: no request would be answered in time.
    wrong: ['0', '-1', '10s', 'Infinity', 'NaN', '2147483648', '1', '10', '99.9'],
    expected: 'milliseconds from 100, at most 2147483647',
    instead: '10000',
  },
  {
    names: ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'],
    good: ['cumulative', 'delta', 'lowmemory', 'DELTA', 'LowMemory'],
    wrong: ['Cumulative!', 'both', '1'],
    expected: 'cumulative, delta, lowmemory',
    instead: 'cumulative',
  },
  {
    names: ['OTEL_METRIC_EXPORT_INTERVAL'],
    good: ['100', '60000'],
    // Seconds, and more than a timer can wait: it would report a thousand times a second.
    wrong: ['0', '-15000', '15s', 'Infinity', 'never', '2147483648', '15', '60', '99.9'],
    expected: 'milliseconds from 100, at most 2147483647',
    instead: '15000',
  },
  {
    names: ['OTEL_METRIC_EXPORT_TIMEOUT', 'OTEL_BSP_EXPORT_TIMEOUT'],
    good: ['100', '5000'],
    wrong: ['0', '-1', '5s', 'Infinity', '30', '99.9'],
    expected: 'milliseconds from 100, at most 2147483647',
    instead: '30000',
  },
  {
    names: ['OTEL_BSP_SCHEDULE_DELAY'],
    good: ['10', '5000'],
    wrong: ['0', '-1', '5s', 'Infinity', '1', '5', '9.9'],
    expected: 'milliseconds from 10, at most 2147483647',
    instead: '200',
  },
  {
    names: ['OTEL_TRACES_SAMPLER'],
    good: ['always_on', 'always_off', 'traceidratio', 'parentbased_always_off', 'parentbased_traceidratio'],
    wrong: ['ALWAYS_ON', 'jaeger_remote', 'never'],
    expected: 'always_on, parentbased_always_on',
    instead: 'parentbased_always_on',
  },
  {
    names: ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
    good: ['1', '512'],
    wrong: ['0', '-1', '1.5', 'all'],
    expected: 'a number of spans above 0',
    instead: '512',
  },
  {
    names: ['OTEL_TRACES_SAMPLER_ARG'],
    good: ['0', '0.25', '1'],
    wrong: ['1.5', '-0.1', '10%', 'half'],
    expected: 'a ratio from 0 to 1',
    instead: '1',
  },
  {
    names: ['OTEL_RESOURCE_ATTRIBUTES'],
    good: ['a=b', 'a=b,c=d', ' a = b , c=', 'a=b,', 'a=1%2C2%3D3'],
    wrong: ['a', 'a=b=c', '=b', 'a=b,c', 'a=%zz', 'service.version', `a=${'x'.repeat(256)}`],
    expected: 'key=value pairs, comma-separated, percent-encoded and at most 255 characters each',
    instead: 'none of them',
  },
];

const each = (values: 'good' | 'wrong') =>
  CASES.flatMap((entry) =>
    entry.names.flatMap((name) => entry[values].map((value) => ({ ...entry, name, value }))),
  );

describe('readEnvironment', () => {
  it('has the defaults and no complaint where nothing is set', () => {
    expect(readEnvironment({})).toEqual(DEFAULTS);
  });

  it('knows every variable whose value can be wrong', () => {
    expect(VARIABLES).toEqual(expect.arrayContaining(CASES.flatMap(({ names }) => names)));
  });

  it.each(each('good'))('takes $name=$value', ({ name, value }) => {
    expect(readEnvironment({ [name]: value }).complaints).toEqual([]);
  });

  it.each(each('wrong'))('complains about $name=$value', ({ name, value, expected, instead }) => {
    const { complaints, ...rest } = readEnvironment({ [name]: value });
    const complaint = only(complaints);
    expect(complaint).toContain(`${name}: expected ${expected}`);
    expect(complaint).toContain(`, got ${JSON.stringify(value)}; using ${instead}`);
    expect({ ...rest, complaints: [] }).toEqual(DEFAULTS);
  });

  it.each(VARIABLES)('counts an empty %s as unset', (name) => {
    expect(readEnvironment({ [name]: '' })).toEqual(DEFAULTS);
    expect(readEnvironment({ [name]: '  ' })).toEqual(DEFAULTS);
  });

  it('complains of each wrong value once', () => {
    const { complaints } = readEnvironment({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'some',
    });
    expect(complaints.map((complaint) => complaint.split(':')[0])).toEqual([
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
      'OTEL_TRACES_SAMPLER',
    ]);
  });

  it.each([
    'ftp://user:hunter2@host:4318',
    'ftp://host:4318@user:hunter2@host',
    'user:hunter2@host:4318',
    'htp:/user:hunter2@host',
    'http//user:hunter2@host',
    'grpc://user:hunt/er2-hunter2@host',
    'http:user:hunter2@host',
    'host:4318/otlp?key=hunter2',
    'host:4318/receiver/v1/otlp/hunter2-hunter2-hunter2',
    'ftp://host/hunter2-hunter2-hunter2/v1#hunter2',
  ])('keeps the credentials of a wrong endpoint to itself: %s', (endpoint) => {
    for (const name of ENDPOINTS) {
      expect(only(readEnvironment({ [name]: endpoint }).complaints)).not.toContain('hunter2');
    }
  });

  it('keeps what can be secret in the endpoint that is used instead to itself', () => {
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:hunter2@host/hunter2-hunter2-hunter2/otlp?key=hunter2',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'wrong',
    };
    expect(only(readEnvironment(variables).complaints)).not.toContain('hunter2');
  });
});

describe('the headers of the environment', () => {
  const complaints = (value: string) =>
    forEachSignal('HEADERS').flatMap((name) => readEnvironment({ [name]: value }).complaints);

  it.each(['a=b', 'Authorization=Basic dXNlcjo=', 'x-a = 1 , x-b=Bearer%20x,', 'x=\u00e9'])(
    'can be %s',
    (value) => {
      expect(complaints(value)).toEqual([]);
    },
  );

  it.each([
    ['with a colon', 'Authorization: Bearer hunter2'],
    ['without a value', 'x-a=1,hunter2='],
    ['without a name', '=hunter2'],
    ['with a name that HTTP cannot carry', 'x a=hunter2'],
    ['with a line end', 'x-a=hunter2%0A'],
    ['with a letter that HTTP cannot carry', 'x-a=hunter2\u2013'],
    ['with half of an encoding', 'x-a=hunter2%2'],
  ])('are complained of by name and without their value: %s', (_, value) => {
    expect(complaints(value)).toEqual(
      forEachSignal('HEADERS').map((name) =>
        expect.stringMatching(new RegExp(`^${name}: expected name=value pairs, .* is left out$`)),
      ),
    );
    expect(complaints(value).join()).not.toContain('hunter2');
  });
});

describe('what readEnvironment reads', () => {
  it.each([
    ['OTEL_SDK_DISABLED', 'True', { disabled: true }],
    ['OTEL_METRICS_EXPORTER', 'none', { exports: { METRICS: false, TRACES: true } }],
    ['OTEL_TRACES_EXPORTER', 'none', { exports: { METRICS: true, TRACES: false } }],
    ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'LowMemory', { temporality: 'lowmemory' }],
    ['OTEL_METRIC_EXPORT_INTERVAL', ' 5000 ', { intervalMs: 5000 }],
    ['OTEL_METRIC_EXPORT_TIMEOUT', '700', { exportTimeoutMs: 700 }],
    ['OTEL_SERVICE_NAME', 'voice', { serviceName: 'voice', resource: { 'service.name': 'voice' } }],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      'service.name=voice',
      { serviceName: 'voice', resource: { 'service.name': 'voice' } },
    ],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      'a=b,service.version=1%2C5%3D%20b',
      { serviceVersion: '1,5= b', resource: { a: 'b', 'service.version': '1,5= b' } },
    ],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      'service%2Eversion = 2 ',
      { serviceVersion: '2', resource: { 'service.version': '2' } },
    ],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      'service.name=,service.version=',
      { resource: { 'service.name': '', 'service.version': '' } },
    ],
  ])('%s=%s', (name, value, expected) => {
    expect(readEnvironment({ [name]: value })).toEqual({ ...DEFAULTS, ...expected });
  });

  it('takes the service name of its own variable before that of the resource', () => {
    const variables = {
      OTEL_SERVICE_NAME: 'a',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=b,service.version=2',
    };
    const resource = { 'service.name': 'a', 'service.version': '2' };
    expect(readEnvironment(variables)).toEqual({
      ...DEFAULTS,
      resource,
      serviceName: 'a',
      serviceVersion: '2',
    });
  });

  it('takes what is set for a signal before what is set for all', () => {
    const environment = readEnvironment({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all/x/',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics/y',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '700',
    });
    expect(environment).toEqual({
      ...DEFAULTS,
      url: { METRICS: 'http://metrics/y', TRACES: 'http://all/x/v1/traces' },
      hasEndpoint: true,
      protocol: { METRICS: 'http/protobuf', TRACES: 'http/json' },
      timeoutMs: { METRICS: 700, TRACES: 500 },
    });
  });

  it.each(ENDPOINTS)('takes %s for an endpoint', (name) => {
    expect(readEnvironment({ [name]: 'https://host' }).hasEndpoint).toBe(true);
  });

  it('falls back to the protocol of all where that of a signal is wrong, and says so', () => {
    const { protocol, complaints } = readEnvironment({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc',
    });
    expect(protocol).toEqual({ METRICS: 'http/json', TRACES: 'http/json' });
    expect(only(complaints)).toContain('using http/json');
  });
});

describe('the endpoint of the environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const urls = (variables: Record<string, string>) => {
    setEnvironment(variables);
    const environment = readEnvironment();
    return [createMetricsSender(environment).url, createSpansSender(environment).url];
  };

  it('is localhost where none is set', () => {
    expect(urls({})).toEqual(['http://localhost:4318/v1/metrics', 'http://localhost:4318/v1/traces']);
  });

  it('is that of a signal before that of all', () => {
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:1',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://one:2/metrics',
    };
    expect(urls(variables)).toEqual(['http://one:2/metrics', 'http://all:1/v1/traces']);
  });

  it('is told without its credentials', () => {
    expect(
      urls({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:hunter2@all:1/x?key=hunter2' }).join(),
    ).not.toContain('hunter2');
    expect(
      urls({
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://all:1/otlp/hunter2-hunter2-hunter2/v1/metrics',
      })[0],
    ).toBe('http://all:1/otlp/***/v1/metrics');
  });

  it.each(['localhost:4317', 'collector', 'grpc://collector:4317'])(
    'is the one that the complaint names where it is wrong: %s',
    (endpoint) => {
      expect(urls({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toEqual([
        'http://localhost:4318/v1/metrics',
        'http://localhost:4318/v1/traces',
      ]);
    },
  );
});

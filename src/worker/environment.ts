import { LONGEST_VALUE } from '../attributes.js';
import { attempt } from '../lib/attempt.js';
import { redactText } from '../lib/redact.js';
import { LONGEST_TIMER_MS } from '../lib/validate.js';

/** The two signals this package sends. */
export type Signal = 'METRICS' | 'TRACES';
export type Protocol = 'http/protobuf' | 'http/json';
type Temporality = 'cumulative' | 'delta' | 'lowmemory';

/** The default of the OpenTelemetry specification. */
export const DEFAULT_ENDPOINT = 'http://localhost:4318';
const DEFAULT_TIMEOUT_MS = 10_000;
/** How often a provider that was passed in reports, until it has collected twice: the SDK's default. */
export const SDK_INTERVAL_SECONDS = 60;
const DEFAULT_INTERVAL_MS = 15_000;
const DEFAULT_EXPORT_TIMEOUT_MS = 30_000;
/** A start span leaves at once, and an outage loses none; the rest is the specification's. */
const BATCHES = { delayMs: 200, timeoutMs: 30_000, queueSize: 16_384, batchSize: 512 };

const TEMPORALITY = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
const DISABLED = 'OTEL_SDK_DISABLED';
/** The exporters read the other choices as they are written. */
const ANY_CASE = new Set([DISABLED, TEMPORALITY]);
const RESOURCE_ATTRIBUTES = 'OTEL_RESOURCE_ATTRIBUTES';
const PER_SIGNAL = ['', '_METRICS', '_TRACES'];
const perSignal = (setting: string) => PER_SIGNAL.map((signal) => `OTEL_EXPORTER_OTLP${signal}_${setting}`);

/**
 * Who means seconds is told so: a worker that reports each 15 ms is silent after a pause of 60 ms, no request is
 * answered within 10 ms, and batches of 5 ms are a request for each span.
 */
const LEAST_MS = { interval: 100, timeout: 100, delay: 10 };

const isUrl = (value: string) => /^https?:\/\//i.test(value) && URL.canParse(value);
const isRatio = (value: string) => Number(value) >= 0 && Number(value) <= 1;

interface Check {
  /** One variable, or that of all signals and those of each, which go over it. */
  readonly variables: readonly string[];
  readonly accepts: (value: string) => boolean;
  readonly expected: string;
  readonly instead: string;
  /** A value without what can be secret. @default all of it */
  readonly shown?: (value: string) => string;
}

const choice = (variables: string[], values: string[], instead: string): Check => ({
  variables,
  accepts: (value) => values.includes(ANY_CASE.has(variables[0] ?? '') ? value.toLowerCase() : value),
  expected: values.join(', '),
  instead,
});

const milliseconds = (variables: string[], instead: number, least: number): Check => ({
  variables,
  accepts: (value) => Number(value) >= least && Number(value) <= LONGEST_TIMER_MS,
  expected: `milliseconds from ${least}, at most ${LONGEST_TIMER_MS}`,
  instead: String(instead),
});

const spans = (name: string, instead: number): Check => ({
  variables: [name],
  accepts: (value) => /^\d{1,9}$/.test(value) && Number(value) > 0,
  expected: 'a number of spans above 0',
  instead: String(instead),
});

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [name, `parentbased_${name}`]);

/** The variables whose value can be wrong, what they may be, and what is used instead of a wrong one. */
const CHECKS: readonly Check[] = [
  choice([DISABLED], ['true', 'false'], 'false'),
  ...['OTEL_METRICS_EXPORTER', 'OTEL_TRACES_EXPORTER'].map((name) => ({
    variables: [name],
    accepts: (value: string) => value === 'none' || /(^|,)\s*otlp\s*(,|$)/.test(value),
    expected: 'otlp or none',
    instead: 'otlp',
  })),
  {
    variables: perSignal('ENDPOINT'),
    accepts: isUrl,
    expected: 'an http or https URL',
    instead: DEFAULT_ENDPOINT,
    shown: redactText,
  },
  choice(perSignal('PROTOCOL'), ['http/protobuf', 'http/json'], 'http/protobuf'),
  choice(perSignal('COMPRESSION'), ['gzip', 'none'], 'none'),
  milliseconds(perSignal('TIMEOUT'), DEFAULT_TIMEOUT_MS, LEAST_MS.timeout),
  choice([TEMPORALITY], ['cumulative', 'delta', 'lowmemory'], 'cumulative'),
  milliseconds(['OTEL_METRIC_EXPORT_INTERVAL'], DEFAULT_INTERVAL_MS, LEAST_MS.interval),
  milliseconds(['OTEL_METRIC_EXPORT_TIMEOUT'], DEFAULT_EXPORT_TIMEOUT_MS, LEAST_MS.timeout),
  milliseconds(['OTEL_BSP_SCHEDULE_DELAY'], BATCHES.delayMs, LEAST_MS.delay),
  milliseconds(['OTEL_BSP_EXPORT_TIMEOUT'], BATCHES.timeoutMs, LEAST_MS.timeout),
  spans('OTEL_BSP_MAX_QUEUE_SIZE', BATCHES.queueSize),
  spans('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', BATCHES.batchSize),
  choice(['OTEL_TRACES_SAMPLER'], SAMPLERS, 'parentbased_always_on'),
  { variables: ['OTEL_TRACES_SAMPLER_ARG'], accepts: isRatio, expected: 'a ratio from 0 to 1', instead: '1' },
  {
    variables: [RESOURCE_ATTRIBUTES],
    accepts: (value) => parseResourceAttributes(value) !== undefined,
    expected: 'key=value pairs, comma-separated, percent-encoded and at most 255 characters each',
    instead: 'none of them',
  },
];

/** Every variable that is honoured, in the order of the README's table. */
export const VARIABLES: readonly string[] = [
  ...new Set([
    ...CHECKS.flatMap((check) => check.variables),
    ...perSignal('HEADERS'),
    ...perSignal('CERTIFICATE'),
    ...perSignal('CLIENT_KEY'),
    ...perSignal('CLIENT_CERTIFICATE'),
    'OTEL_SERVICE_NAME',
  ]),
];

/** What the `OTEL_*` environment says, as far as this package reads it itself. */
export interface Environment {
  readonly disabled: boolean;
  /** Whether a signal is exported at all. */
  readonly exports: Readonly<Record<Signal, boolean>>;
  readonly protocol: Readonly<Record<Signal, Protocol>>;
  readonly temporality: Temporality;
  /** The URL of each signal. */
  readonly url: Readonly<Record<Signal, string>>;
  /** Whether any OTLP endpoint is set. */
  readonly hasEndpoint: boolean;
  readonly timeoutMs: Readonly<Record<Signal, number>>;
  readonly intervalMs: number;
  readonly exportTimeoutMs: number;
  /** How spans are batched. */
  readonly batches: Readonly<typeof BATCHES>;
  /** The attributes that it gives the resource. */
  readonly resource: Readonly<Record<string, string>>;
  readonly serviceName: string | undefined;
  readonly serviceVersion: string | undefined;
  /** One sentence for each value that can not be honoured. */
  readonly complaints: readonly string[];
}

/** Reads the `OTEL_*` environment. An empty variable counts as unset, as the specification says. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const complaints: string[] = [];
  const values = new Map<string, string>();
  for (const name of VARIABLES) {
    const value = env[name]?.trim();
    if (value) values.set(name, value);
  }
  for (const { variables, accepts, expected, instead, shown = String } of CHECKS) {
    for (const name of variables) {
      const value = values.get(name);
      if (value === undefined || accepts(value)) continue;
      values.delete(name);
      const used = values.get(variables[0] ?? '') ?? instead;
      complaints.push(`${name}: expected ${expected}, got "${shown(value)}"; using ${shown(used)}`);
    }
  }
  for (const name of perSignal('HEADERS')) {
    if (splitList(values.get(name) ?? '').every(isHeaderPair)) continue;
    complaints.push(
      `${name}: expected name=value pairs, comma-separated and percent-encoded; what is none is left out`,
    );
  }
  const setting = (name: string, signal: Signal) =>
    values.get(`OTEL_EXPORTER_OTLP_${signal}_${name}`) ?? values.get(`OTEL_EXPORTER_OTLP_${name}`);
  const number = (name: string, otherwise: number) => Number(values.get(name) ?? otherwise);
  const each = <T>(read: (signal: Signal) => T) => ({ METRICS: read('METRICS'), TRACES: read('TRACES') });
  const resource = Object.fromEntries(parseResourceAttributes(values.get(RESOURCE_ATTRIBUTES) ?? '') ?? []);
  const named = values.get('OTEL_SERVICE_NAME');
  if (named !== undefined) resource['service.name'] = named;
  return {
    disabled: values.get(DISABLED)?.toLowerCase() === 'true',
    exports: each((signal) => values.get(`OTEL_${signal}_EXPORTER`) !== 'none'),
    protocol: each((signal) => (setting('PROTOCOL', signal) ?? 'http/protobuf') as Protocol),
    url: each((signal) => {
      const own = values.get(`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
      const base = values.get('OTEL_EXPORTER_OTLP_ENDPOINT') ?? DEFAULT_ENDPOINT;
      return own ?? `${base.replace(/\/$/, '')}/v1/${signal.toLowerCase()}`;
    }),
    timeoutMs: each((signal) => Number(setting('TIMEOUT', signal) ?? DEFAULT_TIMEOUT_MS)),
    temporality: (values.get(TEMPORALITY)?.toLowerCase() ?? 'cumulative') as Temporality,
    hasEndpoint: perSignal('ENDPOINT').some((name) => values.has(name)),
    intervalMs: number('OTEL_METRIC_EXPORT_INTERVAL', DEFAULT_INTERVAL_MS),
    exportTimeoutMs: number('OTEL_METRIC_EXPORT_TIMEOUT', DEFAULT_EXPORT_TIMEOUT_MS),
    batches: {
      delayMs: number('OTEL_BSP_SCHEDULE_DELAY', BATCHES.delayMs),
      timeoutMs: number('OTEL_BSP_EXPORT_TIMEOUT', BATCHES.timeoutMs),
      queueSize: number('OTEL_BSP_MAX_QUEUE_SIZE', BATCHES.queueSize),
      batchSize: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', BATCHES.batchSize),
    },
    resource,
    serviceName: resource['service.name'] || undefined,
    serviceVersion: resource['service.version'] || undefined,
    complaints,
  };
}

const splitList = (list: string) => list.split(',').filter((pair) => pair.trim() !== '');

/** Whether HTTP can carry a header. Node tells too, but not before its modules are loaded. */
export const isHeader = (name: string, value: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]+$/.test(value);

function isHeaderPair(pair: string): boolean {
  const at = pair.indexOf('=');
  if (at < 0) return false;
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)].map((part) => part.trim());
  return attempt(() => isHeader(decodeURIComponent(name ?? ''), decodeURIComponent(value ?? '')), false);
}

/** The SDK parses this list too, but it is needed before that is loaded, and by a recovery of another process. */
function parseResourceAttributes(list: string): Map<string, string> | undefined {
  try {
    return new Map(
      splitList(list).map((pair) => {
        const [key = '', value, ...more] = pair.split('=').map((part) => decodeURIComponent(part.trim()));
        const isPair = key && value !== undefined && more.length === 0;
        if (!isPair || key.length > LONGEST_VALUE || value.length > LONGEST_VALUE) throw new URIError(key);
        return [key, value];
      }),
    );
  } catch {
    return undefined;
  }
}

import type { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import { isCount } from './lib/validate.js';

/**
 * THE TABLE: every name this package puts on the wire, and all that is to be known of each metric. The gauges, the
 * goodbye, the journal, the receiver, the queries and the README's tables are made of it or held against it.
 */

/** The instrumentation scope of every metric and span: this package and its version. */
export const SCOPE_NAME = 'openrtc-otel';
export const SCOPE_VERSION = '0.1.0';

/** Attributes of every datapoint and session span: they identify a worker. */
export const POOL_NAME = 'openrtc.pool.name';
export const WORKER_ID = 'openrtc.worker.id';
export const WORKER_VERSION = 'openrtc.worker.version';

/** Attributes of spans (the tenant also of its gauge). */
export const SESSION_ID = 'openrtc.session.id';
export const TENANT_ID = 'openrtc.tenant.id';
export const AGENT_NAME = 'openrtc.agent.name';

/** Attribute of `openrtc.sessions.ended` and of a session's span. */
export const SESSION_OUTCOME = 'openrtc.session.outcome';
/** Attribute of `openrtc.jobs.rejected`. */
export const REJECTION_REASON = 'openrtc.rejection.reason';
/** Attribute of a span with error status: `dropped`, or the class of the error. Never its message. */
export const ERROR_TYPE = 'error.type' satisfies typeof ATTR_ERROR_TYPE;

/** The span of a whole session, and its zero-length child that is exported when the session starts. */
export const SESSION_SPAN = 'openrtc.session';
export const SESSION_START_SPAN = 'openrtc.session.start';

/** How a session ended. `unknown` where the pool can not tell. */
export const SESSION_OUTCOMES = ['success', 'failed', 'cancelled', 'dropped', 'unknown'] as const;
export type SessionOutcome = (typeof SESSION_OUTCOMES)[number];

/** Why a job was not accepted. */
export const REJECTION_REASONS = ['draining', 'at_capacity', 'invalid', 'unavailable', 'other'] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** The version of a worker that nobody gave one. */
export const UNVERSIONED = 'unversioned';
/** The tenant of a session that names none. */
export const DEFAULT_TENANT = 'default';
/** The tenant series that all tenants beyond the limit share. */
export const OTHER_TENANTS = 'other';

/** All that is to be known of a metric. */
export interface Metric {
  readonly name: string;
  /** `gauge`: an observable gauge. `counter`: a monotonic sum; for graphs, and in no goodbye. */
  readonly kind: 'gauge' | 'counter';
  /** UCUM unit. Never `1`: Prometheus would append `_ratio`. */
  readonly unit: '{session}' | '{worker}' | '{job}' | 's';
  readonly description: string;
  /** The attribute that tells its series apart; without it a worker has one. */
  readonly by?: string;
  /** Whether a worker can mean this value. What is not plausible is as if it was not reported. */
  isPlausible(value: number): boolean;
  /** Of copies of a worker (replicas, relabelled series), which value counts. */
  readonly fold: 'max' | 'min';
  /** Which value of a window counts. @default 'last' */
  readonly over?: 'max' | 'min';
  /** Whether its last value counts of a worker that is gone too: a query then reads the whole window, which takes time. */
  readonly whenGone?: true;
  /** Whether 0 differs from no value: zeros of the others are left out of a query's result, which saves time. */
  readonly zeroCounts?: true;
  /** What the goodbye says; undefined where nobody knows. @default the last value */
  goodbye?(last: LastCounts): number | undefined;
}

interface LastCounts {
  readonly active?: number | undefined;
  readonly dropped?: number | undefined;
}

/** The longest report interval that is believed. */
export const LONGEST_INTERVAL_SECONDS = 3600;
/** About thirty years: what is longer is no duration, and no date comes out of it. */
const LONGEST_SECONDS = 1e9;
const LATEST_UNIX_SECONDS = 8.64e12;

const isBit = (value: number) => value === 0 || value === 1;
const isDuration = (value: number) => value >= 0 && value <= LONGEST_SECONDS;

const table = <Key extends string>(metrics: Readonly<Record<Key, Metric>>) => metrics;

/** Every metric once, in the order of the README's table. The first five decide. */
export const METRICS = table({
  active: {
    name: 'openrtc.active_sessions',
    kind: 'gauge',
    unit: '{session}',
    description: 'Sessions now active, from the moment a job is accepted.',
    isPlausible: isCount,
    fold: 'max',
    whenGone: true,
    zeroCounts: true,
    goodbye: () => 0,
  },
  draining: {
    name: 'openrtc.draining',
    kind: 'gauge',
    unit: '{worker}',
    description: '1 while the worker drains, else 0.',
    isPlausible: isBit,
    fold: 'max',
    whenGone: true,
    zeroCounts: true,
  },
  running: {
    name: 'openrtc.deployment_version',
    kind: 'gauge',
    unit: '{worker}',
    description: '1 while the worker runs, 0 in its goodbye.',
    isPlausible: isBit,
    fold: 'min',
    over: 'min',
    zeroCounts: true,
    goodbye: () => 0,
  },
  dropped: {
    name: 'openrtc.dropped_sessions',
    kind: 'gauge',
    unit: '{session}',
    description: 'Sessions this worker lost in its life.',
    isPlausible: isCount,
    fold: 'max',
    over: 'max',
    goodbye: ({ dropped = 0, active }) => (active === undefined ? undefined : dropped + active),
  },
  startTime: {
    name: 'openrtc.start_time',
    kind: 'gauge',
    unit: 's',
    description: "Unix time of the worker's start, constant.",
    isPlausible: (value) => value > 0 && value <= LATEST_UNIX_SECONDS,
    fold: 'min',
    whenGone: true,
  },
  interval: {
    name: 'openrtc.report.interval',
    kind: 'gauge',
    unit: 's',
    description: 'How often the worker reports.',
    isPlausible: (value) => value > 0,
    fold: 'max',
  },
  drainElapsed: {
    name: 'openrtc.drain.elapsed',
    kind: 'gauge',
    unit: 's',
    description: 'How long the worker drains; 0 when it does not.',
    isPlausible: isDuration,
    fold: 'max',
    whenGone: true,
  },
  drainTimeout: {
    name: 'openrtc.drain.timeout',
    kind: 'gauge',
    unit: 's',
    description: 'How long the worker may drain; only when a timeout is set.',
    isPlausible: isDuration,
    fold: 'max',
    zeroCounts: true,
  },
  tenants: {
    name: 'openrtc.tenant.active_sessions',
    kind: 'gauge',
    unit: '{session}',
    description: 'Sessions now active of a tenant; only with tenantLimit.',
    by: TENANT_ID,
    isPlausible: isCount,
    fold: 'max',
    goodbye: () => 0,
  },
  started: {
    name: 'openrtc.sessions.started',
    kind: 'counter',
    unit: '{session}',
    description: 'Sessions started.',
    isPlausible: isCount,
    fold: 'max',
    whenGone: true,
  },
  ended: {
    name: 'openrtc.sessions.ended',
    kind: 'counter',
    unit: '{session}',
    description: 'Sessions ended, by outcome.',
    by: SESSION_OUTCOME,
    isPlausible: isCount,
    fold: 'max',
  },
  rejected: {
    name: 'openrtc.jobs.rejected',
    kind: 'counter',
    unit: '{job}',
    description: 'Jobs not accepted, by reason.',
    by: REJECTION_REASON,
    isPlausible: isCount,
    fold: 'max',
  },
});

export type MetricKey = keyof typeof METRICS;
/** Those with `by`: a value for each of its labels. */
type CountsKey = 'tenants' | 'ended' | 'rejected';

/** The values of one moment, by the keys of {@link METRICS}; undefined where nobody knows. */
export type Report = {
  readonly [Key in Exclude<MetricKey, CountsKey>]: number | undefined;
} & Readonly<Record<CountsKey, readonly LabelledCount[]>>;

/** A value and the value of `by` that it is of. */
export type LabelledCount = readonly [label: string, count: number];

export const METRIC_KEYS = Object.keys(METRICS) as MetricKey[];

/** The gauges that alone decide. The start tells the lives of an id apart, and who was there before a restart. */
export const DECIDING_KEYS = [
  'active',
  'draining',
  'running',
  'dropped',
  'startTime',
] as const satisfies readonly MetricKey[];

/** The names of those of these gauges that a test takes. */
export const decidingNames = (isOne: (key: (typeof DECIDING_KEYS)[number]) => boolean): string[] =>
  DECIDING_KEYS.filter(isOne).map((key) => METRICS[key].name);

/** A worker without a report for so many of its report intervals is silent. */
export const SILENT_AFTER_INTERVALS = 4;

/** In characters. */
export const LONGEST_VALUE = 255;

/** Anything as an attribute's value: backends refuse or cut long ones, each at another length. */
export function attributeValue(given: unknown): string {
  let text = '';
  try {
    text = String(given);
  } catch {
    // Not everything can be made a string.
  }
  // Never half of a character that takes two code units: it can not be encoded.
  return text.length <= LONGEST_VALUE ? text : text.slice(0, LONGEST_VALUE).replace(/[\uD800-\uDBFF]$/, '');
}

import type { ATTR_ERROR_TYPE, ERROR_TYPE_VALUE_OTHER } from '@opentelemetry/semantic-conventions';

/**
 * Every name this package puts on the wire: the one list that the gauges, the goodbye, the receiver, the
 * queries and the README's tables are held against.
 */

/** The instrumentation scope of every metric and span: this package and its version. */
export const SCOPE_NAME = 'openrtc-otel';
export const SCOPE_VERSION = '0.1.0';

/** How a metric is described to OpenTelemetry. */
export interface Metric {
  readonly name: string;
  /** `gauge`: an observable gauge. `counter`: a monotonic sum. */
  readonly kind: 'gauge' | 'counter';
  /** UCUM unit. Never `1`: Prometheus would append `_ratio`. */
  readonly unit: string;
  readonly description: string;
}

const gauge = (name: string, unit: string, description: string): Metric => ({
  name,
  kind: 'gauge',
  unit,
  description,
});

const counter = (name: string, unit: string, description: string): Metric => ({
  name,
  kind: 'counter',
  unit,
  description,
});

export const ACTIVE_SESSIONS = gauge(
  'openrtc.active_sessions',
  '{session}',
  'Sessions now active, from the moment a job is accepted.',
);
export const DRAINING = gauge('openrtc.draining', '{worker}', '1 while the worker drains, else 0.');
export const DEPLOYMENT_VERSION = gauge(
  'openrtc.deployment_version',
  '{worker}',
  '1 while the worker runs, 0 in its goodbye.',
);
export const DROPPED_SESSIONS = gauge(
  'openrtc.dropped_sessions',
  '{session}',
  'Sessions this worker lost in its life.',
);
export const START_TIME = gauge('openrtc.start_time', 's', "Unix time of the worker's start, constant.");
export const REPORT_INTERVAL = gauge('openrtc.report.interval', 's', 'How often the worker reports.');
export const DRAIN_ELAPSED = gauge(
  'openrtc.drain.elapsed',
  's',
  'How long the worker drains; 0 when it does not.',
);
export const DRAIN_TIMEOUT = gauge(
  'openrtc.drain.timeout',
  's',
  'How long the worker may drain; only when a timeout is set.',
);
export const TENANT_ACTIVE_SESSIONS = gauge(
  'openrtc.tenant.active_sessions',
  '{session}',
  'Sessions now active of a tenant; only with tenantLimit.',
);
export const SESSIONS_STARTED = counter('openrtc.sessions.started', '{session}', 'Sessions started.');
export const SESSIONS_ENDED = counter('openrtc.sessions.ended', '{session}', 'Sessions ended, by outcome.');
export const JOBS_REJECTED = counter('openrtc.jobs.rejected', '{job}', 'Jobs not accepted, by reason.');

/** Every metric, in the order of the README's table. */
export const METRICS: readonly Metric[] = [
  ACTIVE_SESSIONS,
  DRAINING,
  DEPLOYMENT_VERSION,
  DROPPED_SESSIONS,
  START_TIME,
  REPORT_INTERVAL,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  TENANT_ACTIVE_SESSIONS,
  SESSIONS_STARTED,
  SESSIONS_ENDED,
  JOBS_REJECTED,
];

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
/** The class of an error that has none. */
export const ERROR_TYPE_OTHER = '_OTHER' satisfies typeof ERROR_TYPE_VALUE_OTHER;

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

function textOf(given: unknown): string {
  try {
    return String(given);
  } catch {
    return '';
  }
}

/** In characters. */
export const LONGEST_VALUE = 255;

/** A text as an attribute's value: backends refuse or cut long ones, each at another length. */
export function label(given: unknown): string {
  const text = textOf(given);
  // Never half of a character that takes two code units: it can not be encoded.
  return text.length <= LONGEST_VALUE ? text : text.slice(0, LONGEST_VALUE).replace(/[\uD800-\uDBFF]$/, '');
}

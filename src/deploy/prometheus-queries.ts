import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  type Metric,
  POOL_NAME,
  REJECTION_REASON,
  REPORT_INTERVAL,
  SESSION_OUTCOME,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
  START_TIME,
  TENANT_ACTIVE_SESSIONS,
  TENANT_ID,
  WORKER_VERSION,
} from '../attributes.js';
import {
  aggregated,
  both,
  either,
  labelName,
  milliseconds,
  perWorker,
  positive,
  range,
  series,
  union,
} from './promql.js';

/** What is to be read, all durations in ms. */
export interface Frame {
  /** Matchers of one pool. */
  readonly matchers: readonly string[];
  /** The longest silence window of the pool. */
  readonly silence: number;
  /** How long ago the window of the deploy began; 0 when it has not. */
  readonly age: number;
  /** How long ago the pool must have reported for the whole deploy to be covered, give or take a silence window. */
  readonly coverageAge: number;
  /** Whether to ask for reports from after now as well. */
  readonly asksAhead: boolean;
}

/** So many silence windows ago a worker's earlier sessions are looked for. */
export const EARLIER_WINDOWS = [5, 3, 1] as const;
const HOUR_MS = 3_600_000;
/** A sample is visible for five minutes: a look every four sees each of them. */
const LOOK_EVERY_MS = 240_000;

/** The pools that reported, when each of their versions came up, and the longest report intervals of late. */
export function overviewQuery(matchers: readonly string[], windowMs: number): string {
  const pool = labelName(POOL_NAME);
  return union({
    cameUp: aggregated(
      'min',
      [pool, labelName(WORKER_VERSION)],
      over('last', series(START_TIME, matchers), windowMs),
    ),
    longestInterval: aggregated('max', [pool], over('last', series(REPORT_INTERVAL, matchers), HOUR_MS)),
  });
}

/**
 * The facts of every worker of a pool, in seven queries whatever its size: each value is tagged with the name of a fact.
 * What only running workers are asked for is not looked for in the whole window, and zeros are left out: reading
 * samples and writing the answer is what takes the time.
 *
 * A worker is exited when it ever reported 0: a late report, or one with a clock set back, must not undo its goodbye.
 * A last value is that of the silence window, where there is one: then a stale copy of the series has no say.
 */
export function workerQueries({ matchers, silence, age, coverageAge, asksAhead }: Frame): string[] {
  const of = (metric: Metric) => series(metric, matchers);
  const whole = Math.max(age, silence) + silence;
  const reports = of(DEPLOYMENT_VERSION);
  const looks = `[${milliseconds(whole)}:${milliseconds(LOOK_EVERY_MS)}]`;
  const reported = (windowMs: number, offsetMs: number) =>
    perWorker('max', over('present', reports, windowMs, offsetMs));
  const ofPool = (windowMs: number, offsetMs: number) =>
    aggregated('count', [labelName(POOL_NAME)], over('present', reports, windowMs, offsetMs));
  const lastOf = (metric: Metric, windowMs: number, attribute?: string) =>
    perWorker(
      'max',
      over('last', of(metric), windowMs),
      attribute === undefined ? [] : [labelName(attribute)],
    );
  const recent = (metric: Metric, attribute?: string) => lastOf(metric, silence, attribute);
  const last = (metric: Metric) => either(lastOf(metric, silence), lastOf(metric, whole));
  const earlier = EARLIER_WINDOWS.map((windows) => [
    earlierFact(windows),
    perWorker('max', over('last', of(ACTIVE_SESSIONS), silence, windows * silence)),
  ]);
  const dropped = of(DROPPED_SESSIONS);

  return [
    union({
      running: perWorker('min', over('min', reports, whole)),
      // A report from before the silence window, and no gap of more than three quarters of it since.
      reportsThrough: both(
        ...[4, 3, 2, 1, 0].map((quarters) => reported(silence / 2, (quarters * silence) / 4)),
      ),
      covered: ofPool(2 * silence, Math.max(0, coverageAge - silence)),
      ...(asksAhead && { ahead: ofPool(HOUR_MS, -HOUR_MS - silence) }),
    }),
    union({
      lastReportAt: either(
        perWorker('max', `timestamp(${reports})`),
        perWorker('max', `max_over_time(timestamp(${reports})${looks})`),
      ),
    }),
    union({ active: positive(last(ACTIVE_SESSIONS)), ...Object.fromEntries(earlier) }),
    union({ startedAt: last(START_TIME), started: positive(last(SESSIONS_STARTED)) }),
    union({
      draining: positive(recent(DRAINING)),
      drainElapsed: positive(last(DRAIN_ELAPSED)),
      drainTimeout: recent(DRAIN_TIMEOUT),
      intervalSeconds: recent(REPORT_INTERVAL),
    }),
    union({
      dropped: positive(perWorker('max', over('max', dropped, whole))),
      droppedBefore: perWorker('max', over('max', dropped, HOUR_MS, age)),
      droppedFirst: positive(perWorker('min', over('min', dropped, HOUR_MS, Math.max(0, age - HOUR_MS)))),
    }),
    union({
      tenants: positive(recent(TENANT_ACTIVE_SESSIONS, TENANT_ID)),
      ended: positive(recent(SESSIONS_ENDED, SESSION_OUTCOME)),
      rejected: positive(recent(JOBS_REJECTED, REJECTION_REASON)),
    }),
  ];
}

/** The fact that tells a worker's sessions of some silence windows ago. */
export const earlierFact = (windows: number): string => `active-${windows}`;

function over(what: 'last' | 'min' | 'max' | 'present', selector: string, windowMs: number, offsetMs = 0) {
  const offset = offsetMs === 0 ? undefined : `${Math.round(offsetMs)}ms`;
  return `${what}_over_time(${range(selector, milliseconds(windowMs), offset)})`;
}

import {
  METRIC_KEYS,
  METRICS,
  type Metric,
  type MetricKey,
  POOL_NAME,
  SESSION_OUTCOME,
  type SessionOutcome,
  WORKER_VERSION,
} from '../../attributes.js';
import { CLOCK_SLACK_MS } from '../facts.js';
import {
  aggregated,
  both,
  either,
  labelName,
  matcher,
  milliseconds,
  nonZero,
  perWorker,
  positive,
  quoted,
  range,
  series,
  seriesByName,
  union,
  unless,
} from './promql.js';

/** What is to be read, all durations in ms. */
export interface QueryWindow {
  /** Matchers of one pool. */
  readonly matchers: readonly string[];
  /** The longest silence window of the pool. */
  readonly silence: number;
  /** How far back to read, a silence window not counted. */
  readonly reach: number;
  /** How long ago the window of the deploy began; 0 when it has not. */
  readonly age: number;
  /** How long ago the pool must have reported for the whole deploy to be covered, give or take a silence window. */
  readonly coverageAge: number;
}

/** So many silence windows ago a worker's earlier sessions are asked for. */
export const EARLIER_WINDOWS = [5, 3, 1] as const;
/** The tag of a worker's sessions of some silence windows ago. */
export const earlierTag = (windows: number): string => `active-${windows}`;
/** The tag of workers that report, and not this gauge, or not a value that can be. */
export const lacksTag = (key: MetricKey): string => `lacks-${key}`;

const UNKNOWN = matcher(SESSION_OUTCOME, 'unknown' satisfies SessionOutcome);

const HOUR_MS = 3_600_000;
/** Longer than the longest interval that is believed. */
const INTERVAL_WINDOW_MS = HOUR_MS + 300_000;
/** A sample is visible for five minutes: a step of four sees each of them. */
const STEP_MS = 240_000;
/** Where series are marked as stale between reports, samples are visible for less. */
const FINE_STEP_MS = 15_000;
const FINE_STEPS = 16;

/** The pools that reported, when each of their versions came up, and the longest report intervals of late. */
export function overviewQuery(matchers: readonly string[], windowMs: number): string {
  const pool = labelName(POOL_NAME);
  const { startTime, interval } = METRICS;
  return union({
    cameUp: aggregated(
      startTime.fold,
      [pool, labelName(WORKER_VERSION)],
      over('last', series(startTime, matchers), windowMs),
    ),
    longestInterval: aggregated(
      interval.fold,
      [pool],
      over('last', series(interval, matchers), INTERVAL_WINDOW_MS),
    ),
  });
}

/** How far after a moment reports are searched for, in ms: servers refuse what is from much later. */
export const AHEAD_MS = HOUR_MS;

/** Asked about the time {@link AHEAD_MS} after: workers that have reported from after a moment, in Unix ms, and when. */
export function aheadQuery(matchers: readonly string[], afterMs: number): string {
  const times = `timestamp(${series(METRICS.running, matchers)})${steps(AHEAD_MS, STEP_MS)}`;
  return union({ newestAt: `${perWorker('max', `max_over_time(${times})`)} > ${afterMs / 1000}` });
}

/** When the newest report of a pool was made, in Unix s. */
export const newestQuery = (matchers: readonly string[]): string =>
  union({
    newestOfAll: aggregated('max', [labelName(POOL_NAME)], `timestamp(${series(METRICS.running, matchers)})`),
  });

/** What else runs in other pools, and in this one without the matchers: workers and sessions by pool and version. */
export function elsewhereQuery(pool: string, more: readonly string[], windowMs: number): string {
  const all = more.length > 0 ? [] : [`${labelName(POOL_NAME)}!=${quoted(pool)}`];
  const reports = (matchers: readonly string[]) => over('min', series(METRICS.running, matchers), windowMs);
  const others = positive(perWorker(METRICS.running.fold, reports(all)));
  const running =
    more.length > 0 ? unless(others, perWorker('max', reports([matcher(POOL_NAME, pool), ...more]))) : others;
  const active = perWorker(METRICS.active.fold, over('last', series(METRICS.active, all), windowMs));
  const labels = [POOL_NAME, WORKER_VERSION].map(labelName);
  return union({
    workers: aggregated('count', labels, running),
    sessions: aggregated('sum', labels, both(active, `(${running})`)),
  });
}

/**
 * The facts of every worker of a pool, in seven queries whatever its size. The values of a metric are tagged with its
 * key. What only running workers are asked for is not read from the whole window, and zeros are left out: reading
 * samples and writing the result is what takes the time.
 *
 * A worker is exited when it ever reported 0: a late report, or one with a clock set back, must not undo its goodbye.
 */
export function workerQueries(window: QueryWindow): string[] {
  const { matchers, silence, age, coverageAge } = window;
  const reports = series(METRICS.running, matchers);
  const active = series(METRICS.active, matchers);
  const dropped = series(METRICS.dropped, matchers);
  const unknown = series(METRICS.ended, [...matchers, UNKNOWN]);
  const reported = (windowMs: number, offsetMs: number) =>
    perWorker('max', over('present', reports, windowMs, offsetMs));
  const ofPool = (windowMs: number, offsetMs: number) =>
    aggregated('count', [labelName(POOL_NAME)], over('present', reports, windowMs, offsetMs));
  const earlier = EARLIER_WINDOWS.map((windows) => [
    earlierTag(windows),
    perWorker('max', over('last', active, silence, windows * silence)),
  ]);
  const whole = keysOf('whole').map((key) => [key, valuesOf(METRICS[key], matchers, wholeOf(window))]);
  const recent = (group: Group) =>
    Object.fromEntries(keysOf(group).map((key) => [key, valuesOf(METRICS[key], matchers, silence)]));
  const reportsDropped = perWorker('max', over('present', dropped, silence));

  return [
    union({
      ...Object.fromEntries(whole),
      // A report from before the silence window, and no gap of more than three quarters of it since.
      reportsThrough: both(
        ...[4, 3, 2, 1, 0].map((quarters) => reported(silence / 2, (quarters * silence) / 4)),
      ),
      seenBefore: both(reported(silence, age), startedSince(window)),
      covered: ofPool(2 * silence, Math.max(0, coverageAge - silence)),
      seenAtStart: ofPool(silence, age),
      // Its value is of the whole window: that it comes no more does not show there.
      [lacksTag('dropped')]: unless(reported(silence, 0), reportsDropped),
    }),
    union({ lastReportAt: newest(reports, window) }),
    union(recent('recent')),
    union(recent('labelled')),
    union(Object.fromEntries(earlier)),
    union({
      droppedBefore: perWorker('max', over('max', dropped, HOUR_MS, age)),
      droppedFirst: positive(perWorker('min', over('min', dropped, HOUR_MS, Math.max(0, age - HOUR_MS)))),
      // Of this outcome the whole window counts: it is named whoever has left since.
      ended: positive(perWorker('max', over('max', unknown, wholeOf(window)), [labelName(SESSION_OUTCOME)])),
      unknownBefore: positive(perWorker('max', over('max', unknown, HOUR_MS, age))),
    }),
    restartedQuery(window),
  ];
}

/** Of workers that tell a start in the window: who reported before it had a wrong clock at its start. */
function startedSince({ matchers, silence, age }: QueryWindow): string {
  const starts = perWorker('min', over('last', series(METRICS.startTime, matchers), silence));
  return `${starts} > time() - ${(age - CLOCK_SLACK_MS) / 1000}`;
}

/** What is asked of workers that are gone, where there are any: the last values of a whole window take time. */
export function goneQueries(window: QueryWindow): string[] {
  const { matchers } = window;
  const dropped = newest(series(METRICS.dropped, matchers), window);
  return [
    lastOfGone(window),
    union({
      goodbyeAt: newest(series(METRICS.running, matchers), window, ' == 0'),
      droppedAt: unless(dropped, running(window)),
    }),
  ];
}

/** Whose id had more than one start. */
function restartedQuery(window: QueryWindow): string {
  const starts = seriesByName(METRICS.startTime, window.matchers);
  const folded = (fold: 'min' | 'max') =>
    perWorker(fold, either(...starts.map((start) => over(fold, start, wholeOf(window)))));
  return union({ restarted: `${folded('max')} > ${folded('min')}` });
}

/** What is asked of workers that are gone without a goodbye. @param isUnclear whether {@link rareQueries} were asked */
export function silentQuery(window: QueryWindow, isUnclear: boolean): string {
  const active = series(METRICS.active, window.matchers);
  const activeAt = isUnclear ? newestOf(timesOf(active), window) : newest(active, window);
  return union({ activeAt: unless(activeAt, running(window)) });
}

/** Of workers that are gone. Zeros are not left out: who has no value was never heard to have none. */
function lastOfGone(window: QueryWindow): string {
  const values = METRIC_KEYS.filter((key) => METRICS[key].whenGone).map((key) => {
    const last = over('last', series(METRICS[key], window.matchers), wholeOf(window));
    return [key, unless(perWorker(METRICS[key].fold, last), running(window))];
  });
  return union(Object.fromEntries(values));
}

const running = ({ matchers, silence }: QueryWindow): string =>
  positive(perWorker(METRICS.running.fold, over('min', series(METRICS.running, matchers), silence)));

/**
 * For what the usual questions do not find, as where samples are marked as stale soon after: when workers reported last
 * and said goodbye, and who reported again after its goodbye.
 */
export function rareQueries(window: QueryWindow): string[] {
  const { matchers } = window;
  const reports = series(METRICS.running, matchers);
  const whole = wholeOf(window);
  return [
    union({ lastReportAt: newestOf(timesOf(reports), window) }),
    union({ goodbyeAt: newestOf(timesOf(reports, ' == 0'), window) }),
    union({
      droppedAt: unless(newestOf(timesOf(series(METRICS.dropped, matchers)), window), running(window)),
    }),
    union({
      // Of each series on its own: a copy may have missed the goodbye.
      again: perWorker('max', `${over('last', reports, whole)} > ${over('min', reports, whole)}`),
    }),
  ];
}

/** When a sample was newest, also one that was visible for a few seconds. */
const newestOf = (times: string, window: QueryWindow): string =>
  newestWithin(times, wholeOf(window), FINE_STEP_MS);

/** The newest of such times that a look each step finds. */
const newestWithin = (times: string, windowMs: number, stepMs: number): string =>
  perWorker('max', `max_over_time(${times}${steps(windowMs, stepMs)})`);

export const wholeOf = ({ reach, silence }: QueryWindow): number => Math.max(reach, silence) + silence;

/** When visible samples (of such a value) were made: only of a selector itself is it their time. */
const timesOf = (selector: string, value = ''): string =>
  value === '' ? `timestamp(${selector})` : `(timestamp(${selector}) and (${selector}${value}))`;

/** When a series of each worker had its newest sample (with such a value), whether it is visible now or not. */
function newest(selector: string, window: QueryWindow, value = ''): string {
  const { silence } = window;
  const fine = Math.max(1_000, Math.min(silence / FINE_STEPS, FINE_STEP_MS));
  const times = timesOf(selector, value);
  return either(
    perWorker('max', times),
    newestWithin(times, silence, fine),
    newestWithin(times, wholeOf(window), STEP_MS),
  );
}

/** Which query a metric is in. */
type Group = 'whole' | 'recent' | 'labelled';

const keysOf = (group: Group): MetricKey[] => METRIC_KEYS.filter((key) => groupOf(METRICS[key]) === group);

function groupOf({ over, by }: Metric): Group {
  if (over !== undefined) return 'whole';
  return by !== undefined ? 'labelled' : 'recent';
}

function valuesOf(metric: Metric, matchers: readonly string[], windowMs: number): string {
  const labels = metric.by === undefined ? [] : [labelName(metric.by)];
  const samples = over(metric.over ?? 'last', series(metric, matchers), windowMs);
  const values = perWorker(metric.fold, samples, labels);
  return metric.zeroCounts ? values : nonZero(values);
}

const steps = (windowMs: number, stepMs: number): string =>
  `[${milliseconds(windowMs)}:${milliseconds(stepMs)}]`;

function over(what: 'last' | 'min' | 'max' | 'present', selector: string, windowMs: number, offsetMs = 0) {
  const offset = offsetMs === 0 ? undefined : `${Math.round(offsetMs)}ms`;
  return `${what}_over_time(${range(selector, milliseconds(windowMs), offset)})`;
}

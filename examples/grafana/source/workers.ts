import {
  METRICS,
  type Metric,
  POOL_NAME,
  SILENT_AFTER_INTERVALS,
  WORKER_ID,
  WORKER_VERSION,
} from '../../../src/attributes.js';
import { labelName, matcher, range, series } from '../../../src/deploy/prometheus/promql.js';
import { variable } from './template.js';

/** The labels of a pool, of its versions, and of its workers. */
export const POOL = labelName(POOL_NAME);
export const VERSION = labelName(WORKER_VERSION);
export const WORKER_NAME = labelName(WORKER_ID);
/** What tells the workers of a pool apart. */
export const WORKER = `${WORKER_NAME},${VERSION}`;
const ON_WORKER = `on(${WORKER})`;

/** What is read of a deploy at most, as a range: a sample is visible for five minutes. */
export const DAY = '24h:5m';

/** Durations of queries, from variables: they can not be divided there. */
export const SILENCE = `${variable('silence')}s`;
/** How long a worker that went silent is held against the deploy, and how long before it one looks for who vanished. */
export const LEAD = `${variable('lead')}s`;
/** How long ago the target was first seen. */
export const AGE = `${variable('age')}s`;
/** The window of the deploy: its age and the lead. */
export const WINDOW = `${variable('window')}s`;
const part = (name: string) => `${variable(`silence_${name}`)}ms`;
const HALF = part('half');
const STEP = part('step');

export const TARGET = [matcher(WORKER_VERSION, '$target')];
export const OTHERS = [`${VERSION}!="$target"`];

/** Where to look: a window that ends `offset` before now. */
interface Look {
  readonly window?: string;
  readonly offset?: string;
  readonly matchers?: readonly string[];
}

/** The matchers of the pool that is looked at. */
export const inPool = (matchers: readonly string[] = []): string[] => [
  matcher(POOL_NAME, '$pool'),
  ...matchers,
  variable('more:raw'),
];

/** The series of a metric of that pool. */
export const of = (metric: Metric, matchers: readonly string[] = []): string =>
  series(metric, inPool(matchers));

const over =
  (what: 'last' | 'min' | 'max' | 'present' | 'count') =>
  (metric: Metric, look: Look = {}) =>
    `${what}_over_time(${range(of(metric, look.matchers), look.window ?? SILENCE, look.offset)})`;

/**
 * The last value of each series; of the silence window when no other is given. Of metrics with a unit, the only way: it
 * alone takes series with and without the unit in their names at once.
 */
export const last = over('last');
export const most = over('max');
export const samples = over('count');
const least = over('min');
const present = over('present');

/** Replicas and relabelled copies of a worker as one. */
export const folded = (aggregate: 'min' | 'max', expression: string): string =>
  `${aggregate} by(${WORKER})(${expression})`;

/** The values of workers that another expression has, or has not, a value of. */
export const where = (expression: string, other: string): string => `${expression} and ${ON_WORKER} ${other}`;
export const except = (expression: string, ...others: readonly string[]): string =>
  [expression, ...others].join(` unless ${ON_WORKER} `);

/** Reported at all. */
export const reported = (look: Look = {}): string => present(METRICS.running, look);
/** Said goodbye: reported 0 once, whatever came later. */
export const exited = (look: Look = {}): string => `(${least(METRICS.running, look)} == 0)`;
/** Reports, and its last report is no goodbye. */
export const running = (look: Look = {}): string => `(${last(METRICS.running, look)} == 1)`;
export const draining = (look: Look = {}): string => `(${last(METRICS.draining, look)} == 1)`;
export const accepting = (look: Look = {}): string => `(${except(running(look), draining(look))})`;
/** Said no goodbye in the window of the deploy, and is silent now. */
export const silent = (expression: string): string =>
  except(expression, exited({ window: WINDOW }), reported());

/** When a worker last reported, in Unix s, also where its series are marked as stale between reports. */
export function lastReport(matchers: readonly string[] = []): string {
  const time = `timestamp(${of(METRICS.running, matchers)})`;
  return folded('max', `${time} or max_over_time(${time}[${SILENCE}:${STEP}])`);
}

/**
 * Accepts, reports by its own interval, and its reports span a silence window, give or take half an interval: a crash
 * loop does not count.
 */
export function settled(matchers: readonly string[]): string {
  const spansSilence = `${folded('max', last(METRICS.startTime))} + 0.875 * $silence`;
  const isRecent = `time() - ${SILENT_AFTER_INTERVALS} * ${folded('max', last(METRICS.interval))}`;
  const due = folded('max', `label_replace(${spansSilence}, "due", "span", "", "") or ${isRecent}`);
  const isDue = `((${lastReport(matchers)}) >= ${due})`;
  return `(${except(where(isDue, running()), draining())})`;
}

/** How long a worker drains, and how long it may, in s. */
export const DRAIN_ELAPSED = folded('max', last(METRICS.drainElapsed));
export const DRAIN_TIMEOUT = folded('max', last(METRICS.drainTimeout));
/** Past the drain timeout, by their own reports, with sessions. */
export const LATE = where(`${DRAIN_ELAPSED} > ${DRAIN_TIMEOUT}`, `(${last(METRICS.active)} > 0)`);

/** Whether anybody reports. */
export const ANYONE = `count(${reported()})`;

/** Whether a worker has reported through the whole silence window: else an outage would be taken for mass death. */
export const WITNESS = `count(${[undefined, part('quarter'), HALF, part('three_quarters')]
  .map((offset) => reported({ window: HALF, ...(offset !== undefined && { offset }) }))
  .join(' and ')})`;

import { METRICS, type Metric, REJECTION_REASON, SILENT_AFTER_INTERVALS } from '../../../src/attributes.js';
import { DEFAULT_INTERVAL_SECONDS } from '../../../src/deploy/facts.js';
import {
  labelName,
  namesOf,
  perWorker,
  quoted,
  series,
  WORKER_LABELS,
} from '../../../src/deploy/prometheus/promql.js';
import { POOL, VERSION } from './workers.js';

/** A recording rule. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

const WORKER = WORKER_LABELS.join(', ');
const REASON = labelName(REJECTION_REASON);
const ON_WORKER = `on (${WORKER})`;

/** Of whoever reports: a worker may report as rarely as every 75 s. */
const RECENT = '5m';
/** How long a worker that went silent is known. */
const MEMORY = '1h';
/** A loss is told for so long. */
const LATELY = { window: '15m', seconds: 15 * 60 };
const FLOW = '10m';
const HISTORY = '6h';
const DEFAULT_SILENCE = SILENT_AFTER_INTERVALS * DEFAULT_INTERVAL_SECONDS;

const { running, draining, active, dropped, startTime, interval, drainElapsed, drainTimeout } = METRICS;
const last = (metric: Metric, window = RECENT) =>
  perWorker('max', `last_over_time(${series(metric)}[${window}])`);
const exited = (window: string) => `${perWorker('min', `min_over_time(${series(running)}[${window}])`)} == 0`;
const silenceOf = `(${SILENT_AFTER_INTERVALS} * ${last(interval)} or 0 * ${last(running)} + ${DEFAULT_SILENCE})`;
/** The last values of workers that are silent without a goodbye. */
const vanished = (metric: Metric, more = '') =>
  `${last(metric, MEMORY)}${more} unless (${exited(MEMORY)}) unless ${ON_WORKER} ${NAMES.reporting}`;

/** What the alerts share. Of a worker, of a version, of a pool. */
export const NAMES = {
  reporting: 'openrtc_worker:reporting:age_seconds',
  running: 'openrtc_worker:running',
  accepting: 'openrtc_worker:accepting',
  drainingSessions: 'openrtc_worker:draining_sessions',
  drainUsed: 'openrtc_worker:drain_timeout_used:ratio',
  silentSessions: 'openrtc_worker:silent_sessions',
  silentSince: 'openrtc_worker:silent_start_time:seconds',
  dropped: 'openrtc_worker:dropped_sessions:increase15m',
  acceptingOfVersion: 'openrtc_version:accepting:count',
  firstStart: 'openrtc_version:first_start_time:seconds',
  runningOfPool: 'openrtc_pool:running:count',
  reportingOfPool: 'openrtc_pool:reporting:count',
  rejected: 'openrtc_pool:jobs_rejected:increase10m',
  started: 'openrtc_worker:sessions_started:increase10m',
} as const;

const over = (what: string, window: string, offset = '') =>
  `${what}_over_time(${series(dropped)}[${window}]${offset})`;
const lost = perWorker('max', over('max', LATELY.window));
const lostBefore = perWorker('max', over('max', MEMORY, ` offset ${LATELY.window}`));
/** Of a worker that was there before it was seen: what it had lost then was not lost lately. A goodbye tells of lately. */
const lostAtFirst = `(${perWorker('min', over('min', LATELY.window))} and ${ON_WORKER} (${last(startTime, LATELY.window)} < time() - ${LATELY.seconds}) unless (${exited(LATELY.window)}))`;

/** How much a counter grew, by either name that a backend may give it. */
function grown(metric: Metric, labels: readonly string[] = []): string {
  const named = namesOf(metric).map((name) => `increase(${name}[${FLOW}])`);
  return perWorker('max', named.join(' or '), labels);
}

export const RECORDINGS: readonly Recording[] = [
  {
    record: NAMES.reporting,
    expr: `(time() - ${perWorker('max', `timestamp(${series(running)})`)}) <= ${silenceOf}`,
  },
  { record: NAMES.running, expr: `${last(running)} == 1 and ${NAMES.reporting}` },
  {
    record: NAMES.drainingSessions,
    expr: `${last(active)} > 0 and ${NAMES.running} and ${last(draining)} == 1`,
  },
  {
    record: NAMES.drainUsed,
    expr: `${last(drainElapsed)} / ${last(drainTimeout)} and ${NAMES.drainingSessions}`,
  },
  { record: NAMES.silentSessions, expr: vanished(active, ' > 0') },
  { record: NAMES.silentSince, expr: vanished(startTime) },
  { record: NAMES.dropped, expr: `${lost} - (${lostBefore} or ${lostAtFirst} or 0 * ${lost}) > 0` },
  { record: NAMES.accepting, expr: `${NAMES.running} unless ${last(draining)} == 1` },
  {
    record: NAMES.acceptingOfVersion,
    expr: `count by (${POOL}, ${VERSION}) (${NAMES.accepting})`,
  },
  {
    record: NAMES.firstStart,
    expr: `min by (${POOL}, ${VERSION}) (last_over_time(${series(startTime)}[${HISTORY}]))`,
  },
  { record: NAMES.reportingOfPool, expr: `count by (${POOL}) (${NAMES.reporting})` },
  {
    record: NAMES.runningOfPool,
    expr: `count by (${POOL}) (${NAMES.running}) or 0 * ${NAMES.reportingOfPool}`,
  },
  { record: NAMES.rejected, expr: `sum by (${POOL}, ${REASON}) (${grown(METRICS.rejected, [REASON])})` },
  { record: NAMES.started, expr: grown(METRICS.started) },
];

/** The start of each running worker. */
export const STARTS = last(startTime);
export const NOT_DRAINING = `${REASON}!=${quoted('draining')}`;

import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  type Metric,
  POOL_NAME,
  REJECTION_REASON,
  SESSIONS_STARTED,
  START_TIME,
  WORKER_ID,
  WORKER_VERSION,
} from '../../../src/attributes.js';
import { labelName, perWorker, range, union } from '../../../src/deploy/promql.js';
import { Blocks, count, POOL, type Silence, sum, VERSION, WORKER } from './blocks.js';
import { RUNBOOK_URL } from './links.js';

/** A rule as Prometheus, Mimir's ruler and vmalert read it. */
export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

/** How often workers report, in s. The windows below are made for it. */
export const INTERVAL_SECONDS = 15;
const SILENCE_SECONDS = 4 * INTERVAL_SECONDS;
const part = (share: number) => `${SILENCE_SECONDS * share}s`;
const SILENCE: Silence = {
  seconds: String(SILENCE_SECONDS),
  whole: part(1),
  half: part(1 / 2),
  quarter: part(1 / 4),
  third: part(1 / 3),
  twoThirds: part(2 / 3),
};

const blocks = new Blocks(SILENCE);
const BY_POOL = `on (${POOL})`;
const BY_VERSION = `${POOL}, ${VERSION}`;
const REASON = labelName(REJECTION_REASON);
/** A loss, and a worker that went silent, are told for so long. */
const LATELY = '15m';
const CRASHES = { window: '20m', seconds: 20 * 60, least: 3 };
const NO_PROGRESS = { window: '30m', seconds: 30 * 60 };
const HISTORY = '6h';

const label = (attribute: string) => `{{ $labels.${labelName(attribute)} }}`;
const pool = label(POOL_NAME);
const version = label(WORKER_VERSION);
const worker = `worker ${label(WORKER_ID)} (${version}) of pool ${pool}`;
const VALUE = '{{ $value }}';

const lostLately = union({
  now: blocks.most(DROPPED_SESSIONS, { window: LATELY }),
  before: `-${blocks.most(DROPPED_SESSIONS, { window: '1h', offset: LATELY })}`,
});
/** What a worker that is older than the window had lost when it was first seen was not lost lately. */
const isKnown = `(${blocks.reported({ window: '1h', offset: LATELY })} or ${blocks.last(START_TIME, { window: LATELY })} > time() - 900 - ${SILENCE_SECONDS})`;

const silentWith = `${blocks.last(ACTIVE_SESSIONS, { window: LATELY })} > 0 and ${blocks.silent({ window: LATELY })}`;
const ranLately = `${blocks.last(DEPLOYMENT_VERSION, { window: '1h' })} == 1 unless ${blocks.exited({ window: '1h' })}`;

const holding = `(${blocks.sessions()} and ${blocks.draining()})`;
const elapsed = blocks.last(DRAIN_ELAPSED);
const timeout = blocks.last(DRAIN_TIMEOUT);
const heldBefore = blocks.last(ACTIVE_SESSIONS, { offset: NO_PROGRESS.window });

const crashed = `(${blocks.silent({ window: CRASHES.window })} and ${blocks.last(START_TIME, { window: CRASHES.window })} > time() - ${CRASHES.seconds})`;

const lately = (metric: Metric, labels: readonly string[] = [], matchers: readonly string[] = []) =>
  perWorker('max', `increase(${range(blocks.of(metric, matchers), '10m')})`, labels);
const notDraining = [`${REASON}!="draining"`];
const rejected = `sum by (${POOL}, ${REASON}) (${lately(JOBS_REJECTED, [REASON], notDraining)})`;
const offered = `(${sum(lately(JOBS_REJECTED, [REASON], notDraining))} + ${sum(lately(SESSIONS_STARTED))})`;

/** When each version first came up, of the last hours; and the last of them that accepts. */
const firstSeen = `min by (${BY_VERSION}) (${blocks.least(START_TIME, { window: HISTORY })})`;
const acceptingVersions = `count by (${BY_VERSION}) (${blocks.accepting()})`;
const newest = `max by (${POOL}) (${firstSeen} and ${acceptingVersions})`;
const isOld = `(${firstSeen} < ${BY_POOL} group_left () ${newest})`;
const cameLater = `(${blocks.last(START_TIME)} > ${BY_POOL} group_left () ${newest})`;
const leftover = `(${cameLater} and on (${BY_VERSION}) ${isOld})`;

function rule(
  alert: string,
  severity: Rule['labels']['severity'],
  expr: string,
  summary: string,
  description: string,
  wait?: string,
): Rule {
  return {
    alert,
    expr,
    ...(wait && { for: wait }),
    labels: { severity },
    annotations: { summary, description, runbook_url: `${RUNBOOK_URL}#${alert.toLowerCase()}` },
  };
}

export const RULES: readonly Rule[] = [
  rule(
    'OpenRTCSessionsDropped',
    'critical',
    `sum by (${BY_VERSION}) ((sum by (${WORKER}) (${lostLately}) and ${isKnown}) > 0)`,
    `Sessions dropped in pool ${pool}`,
    `Workers of ${version} reported ${VALUE} dropped sessions in the last 15 minutes.`,
  ),
  rule(
    'OpenRTCWorkerSilentWithSessions',
    'critical',
    `(${silentWith}) and ${BY_POOL} ${blocks.witness}`,
    `A worker with sessions went silent in pool ${pool}`,
    `No report and no goodbye for ${SILENCE_SECONDS} s from ${worker}: its ${VALUE} sessions are presumed dropped.`,
  ),
  rule(
    'OpenRTCTelemetryAbsent',
    'critical',
    `${count(ranLately)} unless ${BY_POOL} ${blocks.anyone}`,
    `No telemetry from pool ${pool}`,
    `${VALUE} workers ran in the last hour and none of them has reported for ${SILENCE_SECONDS} s: nothing is known of their sessions.`,
    '1m',
  ),
  rule(
    'OpenRTCNoAcceptingWorker',
    'critical',
    `${count(blocks.running())} unless ${BY_POOL} ${count(blocks.accepting())}`,
    `No worker of pool ${pool} accepts sessions`,
    `All ${VALUE} running workers drain.`,
    '1m',
  ),
  rule(
    'OpenRTCDrainPastTimeout',
    'critical',
    `${holding} > 0 and ${elapsed} > ${timeout} + ${INTERVAL_SECONDS}`,
    `A drain is past its timeout in pool ${pool}`,
    `The drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
    '1m',
  ),
  rule(
    'OpenRTCDrainNoProgress',
    'warning',
    `${holding} > 0 and ${holding} >= ${heldBefore} and ${elapsed} > ${NO_PROGRESS.seconds}`,
    `A drain makes no progress in pool ${pool}`,
    `The ${VALUE} sessions on ${worker} have not become fewer for 30 minutes.`,
  ),
  rule(
    'OpenRTCDrainNearDeadline',
    'warning',
    `${holding} > 0 and ${elapsed} > 0.8 * ${timeout} and ${elapsed} <= ${timeout}`,
    `Sessions are about to be cut off in pool ${pool}`,
    `More than 80 % of the drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
  ),
  rule(
    'OpenRTCMixedVersions',
    'warning',
    `${count(acceptingVersions)} > 1`,
    `Several versions accept sessions in pool ${pool}`,
    `${VALUE} versions have accepted sessions for more than an hour.`,
    '1h',
  ),
  rule(
    'OpenRTCCrashLoop',
    'critical',
    `count by (${BY_VERSION}) (${crashed}) >= ${CRASHES.least} and ${BY_POOL} ${blocks.witness}`,
    `Workers of ${version} crash in pool ${pool}`,
    `${VALUE} workers of ${version} started in the last 20 minutes and ended without a goodbye.`,
  ),
  rule(
    'OpenRTCJobsRejected',
    'warning',
    `${rejected} > 10 and ${rejected} / ${BY_POOL} group_left () ${offered} > 0.1`,
    `Many jobs are rejected in pool ${pool}`,
    `About {{ $value | printf "%.0f" }} jobs were rejected in the last 10 minutes as ${label(REJECTION_REASON)}, more than 10 % of what was offered.`,
    '5m',
  ),
  rule(
    'OpenRTCSessionsOnLeftover',
    'warning',
    `sum by (${WORKER}) (${lately(SESSIONS_STARTED)} and ${blocks.accepting()} and ${leftover}) > 0`,
    `An old version takes new sessions in pool ${pool}`,
    `About {{ $value | printf "%.0f" }} sessions started in the last 10 minutes on ${worker}, which came up after a newer version had.`,
    '15m',
  ),
];

/** The file of rules. */
export const RULES_FILE = {
  groups: [{ name: 'openrtc-otel', interval: `${INTERVAL_SECONDS}s`, rules: RULES }],
};

import { POOL_NAME, REJECTION_REASON, WORKER_ID, WORKER_VERSION } from '../../../src/attributes.js';
import { labelName } from '../../../src/deploy/prometheus/promql.js';
import { RUNBOOK_URL } from './links.js';
import { NAMES, NOT_DRAINING, RECORDINGS, STARTS } from './recording.js';
import { POOL, VERSION } from './workers.js';

/** A rule as Prometheus, Mimir's ruler and vmalert read it. */
export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly keep_firing_for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

const label = (attribute: string) => `{{ $labels.${labelName(attribute)} }}`;
const pool = label(POOL_NAME);
const version = label(WORKER_VERSION);
const worker = `worker ${label(WORKER_ID)} (${version}) of pool ${pool}`;
const VALUE = '{{ $value }}';

interface About {
  readonly severity: Rule['labels']['severity'];
  readonly expr: string;
  /** How long it must hold. */
  readonly wait: string;
  readonly keep?: string;
  readonly summary: string;
  readonly description: string;
}

const rule = (alert: string, { severity, expr, wait, keep, summary, description }: About): Rule => ({
  alert,
  expr,
  for: wait,
  ...(keep && { keep_firing_for: keep }),
  labels: { severity },
  annotations: { summary, description, runbook_url: `${RUNBOOK_URL}#${alert.toLowerCase()}` },
});

const BY_POOL = `on (${POOL})`;
const BY_VERSION = `${POOL}, ${VERSION}`;
/** When the version came up that came up last and accepts. */
const newest = `max by (${POOL}) (${NAMES.firstStart} and ${NAMES.acceptingOfVersion})`;
const ofOlder = `(${NAMES.firstStart} < ${BY_POOL} group_left () ${newest})`;
const cameLater = `(${STARTS} > ${BY_POOL} group_left () ${newest})`;
const offered = `(sum by (${POOL}) (${NAMES.rejected}{${NOT_DRAINING}}) + sum by (${POOL}) (${NAMES.started}))`;

/** The alerts. Each is a line over the recorded series. */
export const RULES: readonly Rule[] = [
  rule('OpenRTCSessionsDropped', {
    severity: 'critical',
    expr: `sum by (${BY_VERSION}) (${NAMES.dropped})`,
    wait: '0s',
    summary: `Sessions dropped in pool ${pool}`,
    description: `Workers of ${version} reported ${VALUE} dropped sessions in the last 15 minutes.`,
  }),
  rule('OpenRTCWorkerSilentWithSessions', {
    severity: 'critical',
    expr: `${NAMES.silentSessions} and ${BY_POOL} ${NAMES.reportingOfPool}`,
    // After an outage not all come back at the same moment.
    wait: '2m',
    summary: `A worker with sessions went silent in pool ${pool}`,
    description: `No report and no goodbye from ${worker}: its ${VALUE} sessions are presumed dropped.`,
  }),
  rule('OpenRTCTelemetryAbsent', {
    severity: 'critical',
    expr: `last_over_time(${NAMES.runningOfPool}[6h]) > 0 unless ${NAMES.reportingOfPool}`,
    wait: '1m',
    summary: `No telemetry from pool ${pool}`,
    description: `${VALUE} workers ran in the last 6 hours and none of them reports: nothing is known of their sessions.`,
  }),
  rule('OpenRTCNoAcceptingWorker', {
    severity: 'critical',
    expr: `${NAMES.runningOfPool} > 0 unless ${BY_POOL} ${NAMES.acceptingOfVersion}`,
    // A deploy that first ends the old workers is planned to have none for as long as they drain.
    wait: '10m',
    summary: `No worker of pool ${pool} accepts sessions`,
    description: `All ${VALUE} running workers have drained for 10 minutes.`,
  }),
  rule('OpenRTCDrainPastTimeout', {
    severity: 'critical',
    expr: `${NAMES.drainingSessions} and ${NAMES.drainUsed} > 1`,
    wait: '1m',
    summary: `A drain is past its timeout in pool ${pool}`,
    description: `The drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
  }),
  rule('OpenRTCDrainNoProgress', {
    severity: 'warning',
    expr: `${NAMES.drainingSessions} >= ${NAMES.drainingSessions} offset 30m`,
    wait: '0s',
    summary: `A drain makes no progress in pool ${pool}`,
    description: `The ${VALUE} sessions on ${worker} have not become fewer for 30 minutes.`,
  }),
  rule('OpenRTCDrainNearDeadline', {
    severity: 'warning',
    expr: `${NAMES.drainingSessions} and ${NAMES.drainUsed} > 0.8 and ${NAMES.drainUsed} <= 1`,
    wait: '0s',
    summary: `Sessions are about to be cut off in pool ${pool}`,
    description: `More than 80 % of the drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
  }),
  rule('OpenRTCMixedVersions', {
    severity: 'warning',
    expr: `count by (${POOL}) (${NAMES.acceptingOfVersion}) > 1`,
    wait: '1h',
    summary: `Several versions accept sessions in pool ${pool}`,
    description: `${VALUE} versions have accepted sessions for more than an hour.`,
  }),
  rule('OpenRTCCrashLoop', {
    severity: 'critical',
    expr: `count by (${BY_VERSION}) (${NAMES.silentSince} > time() - 1200) >= 3 and ${BY_POOL} ${NAMES.reportingOfPool}`,
    // Workers behind a Collector that is away come back.
    wait: '5m',
    keep: '5m',
    summary: `Workers of ${version} crash in pool ${pool}`,
    description: `${VALUE} workers of ${version} started in the last 20 minutes and ended without a goodbye.`,
  }),
  rule('OpenRTCJobsRejected', {
    severity: 'warning',
    expr: `${NAMES.rejected}{${NOT_DRAINING}} > 10 and ${NAMES.rejected} / ${BY_POOL} group_left () ${offered} > 0.1`,
    wait: '5m',
    summary: `Many jobs are rejected in pool ${pool}`,
    description: `About {{ $value | printf "%.0f" }} jobs were rejected in the last 10 minutes as ${label(REJECTION_REASON)}, more than 10 % of what was offered.`,
  }),
  rule('OpenRTCSessionsOnLeftover', {
    severity: 'warning',
    expr: `${NAMES.started} > 0 and ${NAMES.accepting} and ${cameLater} and on (${BY_VERSION}) ${ofOlder}`,
    wait: '15m',
    summary: `An old version takes new sessions in pool ${pool}`,
    description: `About {{ $value | printf "%.0f" }} sessions started in the last 10 minutes on ${worker}, which came up after a newer version had.`,
  }),
];

/** How often the rules are evaluated. */
const EVERY = '30s';

/** The file of rules: what alerts share, and the alerts. */
export const RULES_FILE = {
  groups: [{ name: 'openrtc-otel', interval: EVERY, rules: [...RECORDINGS, ...RULES] }],
};

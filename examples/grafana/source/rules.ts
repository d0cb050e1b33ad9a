import { POOL_NAME, REJECTION_REASON, WORKER_ID, WORKER_VERSION } from '../../../src/attributes.js';
import { labelName } from '../../../src/deploy/promql.js';
import { Conditions } from './conditions.js';
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

const label = (attribute: string) => `{{ $labels.${labelName(attribute)} }}`;
const pool = label(POOL_NAME);
const version = label(WORKER_VERSION);
const worker = `worker ${label(WORKER_ID)} (${version}) of pool ${pool}`;
const VALUE = '{{ $value }}';

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

/** The rules for workers that report at an interval. */
export function rules(intervalSeconds: number): Rule[] {
  const is = new Conditions(intervalSeconds);
  return [
    rule(
      'OpenRTCSessionsDropped',
      'critical',
      is.sessionsDropped,
      `Sessions dropped in pool ${pool}`,
      `Workers of ${version} reported ${VALUE} dropped sessions in the last 15 minutes.`,
    ),
    rule(
      'OpenRTCWorkerSilentWithSessions',
      'critical',
      is.silentWithSessions,
      `A worker with sessions went silent in pool ${pool}`,
      `No report and no goodbye for ${is.silenceSeconds} s from ${worker}: its ${VALUE} sessions are presumed dropped.`,
    ),
    rule(
      'OpenRTCTelemetryAbsent',
      'critical',
      is.telemetryAbsent,
      `No telemetry from pool ${pool}`,
      `${VALUE} workers ran in the last hour and none of them has reported for ${is.silenceSeconds} s: nothing is known of their sessions.`,
      '1m',
    ),
    rule(
      'OpenRTCNoAcceptingWorker',
      'critical',
      is.noneAccepts,
      `No worker of pool ${pool} accepts sessions`,
      `All ${VALUE} running workers drain.`,
      '1m',
    ),
    rule(
      'OpenRTCDrainPastTimeout',
      'critical',
      is.drainPastTimeout,
      `A drain is past its timeout in pool ${pool}`,
      `The drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
      '1m',
    ),
    rule(
      'OpenRTCDrainNoProgress',
      'warning',
      is.drainWithoutProgress,
      `A drain makes no progress in pool ${pool}`,
      `The ${VALUE} sessions on ${worker} have not become fewer for 30 minutes.`,
    ),
    rule(
      'OpenRTCDrainNearDeadline',
      'warning',
      is.drainNearDeadline,
      `Sessions are about to be cut off in pool ${pool}`,
      `More than 80 % of the drain timeout of ${worker} is over and it still has ${VALUE} sessions.`,
    ),
    rule(
      'OpenRTCMixedVersions',
      'warning',
      is.mixedVersions,
      `Several versions accept sessions in pool ${pool}`,
      `${VALUE} versions have accepted sessions for more than an hour.`,
      '1h',
    ),
    rule(
      'OpenRTCCrashLoop',
      'critical',
      is.crashLoop,
      `Workers of ${version} crash in pool ${pool}`,
      `${VALUE} workers of ${version} started in the last 20 minutes and ended without a goodbye.`,
    ),
    rule(
      'OpenRTCJobsRejected',
      'warning',
      is.jobsRejected,
      `Many jobs are rejected in pool ${pool}`,
      `About {{ $value | printf "%.0f" }} jobs were rejected in the last 10 minutes as ${label(REJECTION_REASON)}, more than 10 % of what was offered.`,
      '5m',
    ),
    rule(
      'OpenRTCSessionsOnLeftover',
      'warning',
      is.startedOnLeftover,
      `An old version takes new sessions in pool ${pool}`,
      `About {{ $value | printf "%.0f" }} sessions started in the last 10 minutes on ${worker}, which came up after a newer version had.`,
      '15m',
    ),
  ];
}

/** How often workers report with the committed rules, in s. */
const INTERVAL_SECONDS = 15;

export const RULES: readonly Rule[] = rules(INTERVAL_SECONDS);

/** The file of rules. */
export const RULES_FILE = {
  groups: [{ name: 'openrtc-otel', interval: `${INTERVAL_SECONDS}s`, rules: RULES }],
};

import type { Panel } from '@grafana/schema';
import { METRICS, type Metric, REJECTION_REASON, SESSION_OUTCOME } from '../../../../src/attributes.js';
import { either, labelName, seriesByName } from '../../../../src/deploy/prometheus/promql.js';
import { timeseries } from '../panels.js';
import { overTime } from '../queries.js';
import { inPool, OTHERS, VERSION, WORKER } from '../workers.js';

const OUTCOME = labelName(SESSION_OUTCOME);
const REASON = labelName(REJECTION_REASON);

/** So many a minute, by version; of both names that a backend may give a counter. */
function perMinute(metric: Metric, labels: readonly string[] = [], matchers: readonly string[] = []): string {
  const rates = seriesByName(metric, inPool(matchers)).map((counts) => `rate(${counts}[$__rate_interval])`);
  const workers = `max by (${[WORKER, ...labels].join(', ')}) (${either(...rates)})`;
  return `60 * sum by (${[VERSION, ...labels].join(', ')}) (${workers})`;
}

const half = { width: 12, height: 8, noValue: 'No worker reports', unit: 'short' };

/** Row "Flow" */
export const FLOW: Panel[] = [
  timeseries({
    title: 'Sessions started',
    description: `A minute, by version. Counters need cumulative temporality in Prometheus.

**Good:** the target takes over what the others had.

**Not:** nothing starts on the target: is it behind the dispatcher or the load balancer?`,
    queries: [overTime(perMinute(METRICS.started), `{{${VERSION}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Sessions ended',
    description: `A minute, by outcome and version.

**Good:** \`success\` and \`cancelled\`.

**Not:** more \`failed\` on the target than on the version before: think of a rollback. \`dropped\`: see the row "Sessions".`,
    queries: [overTime(perMinute(METRICS.ended, [OUTCOME]), `{{${VERSION}}} {{${OUTCOME}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Jobs rejected',
    description: `A minute, by reason and version. A rejected job never was a session.

**Good:** only \`draining\`, and only during a deploy.

**Not:** \`at_capacity\`: too few workers accept. \`invalid\`: look at what the dispatcher offers.`,
    queries: [overTime(perMinute(METRICS.rejected, [REASON]), `{{${VERSION}}} {{${REASON}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Started on another version than the target',
    description: `Sessions started a minute on versions that are to go.

**Good:** nothing, from the moment on when the others drain.

**Not:** a leftover worker takes sessions: find it in the table of all workers, and drain it.`,
    queries: [overTime(perMinute(METRICS.started, [], OTHERS), `{{${VERSION}}}`)],
    ...half,
    noValue: 'No other version, or nothing is known',
  }),
];

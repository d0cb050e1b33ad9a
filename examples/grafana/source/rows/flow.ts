import type { Panel } from '@grafana/schema';
import {
  JOBS_REJECTED,
  type Metric,
  REJECTION_REASON,
  SESSION_OUTCOME,
  SESSIONS_ENDED,
  SESSIONS_STARTED,
} from '../../../../src/attributes.js';
import { labelName, perWorker, range } from '../../../../src/deploy/promql.js';
import { VERSION } from '../blocks.js';
import { timeseries } from '../panels.js';
import { overTime } from '../queries.js';
import { blocks, OTHERS } from '../variables.js';

const OUTCOME = labelName(SESSION_OUTCOME);
const REASON = labelName(REJECTION_REASON);

/** So many a minute, by version. */
function perMinute(metric: Metric, labels: readonly string[] = [], matchers: readonly string[] = []): string {
  const rate = `rate(${range(blocks.of(metric, matchers), '$__rate_interval')})`;
  return `60 * sum by (${[VERSION, ...labels].join(', ')}) (${perWorker('max', rate, labels)})`;
}

const half = { width: 12, height: 8, noValue: 'No worker reports', unit: 'cpm' };

/** Row "Flow" */
export const FLOW: Panel[] = [
  timeseries({
    title: 'Sessions started',
    description: `A minute, by version. Counters need cumulative temporality in Prometheus.

**Good:** the target takes over what the others had.

**Not:** nothing starts on the target: is it behind the dispatcher or the load balancer?`,
    queries: [overTime(perMinute(SESSIONS_STARTED), `{{${VERSION}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Sessions ended',
    description: `A minute, by outcome and version.

**Good:** \`success\` and \`cancelled\`.

**Not:** more \`failed\` on the target than on the version before: think of a rollback. \`dropped\`: see the row "Sessions".`,
    queries: [overTime(perMinute(SESSIONS_ENDED, [OUTCOME]), `{{${VERSION}}} {{${OUTCOME}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Jobs rejected',
    description: `A minute, by reason and version. A rejected job never was a session.

**Good:** only \`draining\`, and only during a deploy.

**Not:** \`at_capacity\`: too few workers accept. \`invalid\`: look at what the dispatcher offers.`,
    queries: [overTime(perMinute(JOBS_REJECTED, [REASON]), `{{${VERSION}}} {{${REASON}}}`)],
    ...half,
  }),
  timeseries({
    title: 'Started on another version than the target',
    description: `Sessions started a minute on versions that are to go.

**Good:** nothing, from the moment on when the others drain.

**Not:** a leftover worker takes sessions: find it in the table of workers, and drain it.`,
    queries: [overTime(perMinute(SESSIONS_STARTED, [], OTHERS), `{{${VERSION}}}`)],
    ...half,
    noValue: 'No other version reports',
  }),
];

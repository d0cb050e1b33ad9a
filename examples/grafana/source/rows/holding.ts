import type { Panel } from '@grafana/schema';
import { METRICS, POOL_NAME } from '../../../../src/attributes.js';
import { matcher, range } from '../../../../src/deploy/prometheus/promql.js';
import { HELD } from '../deploy.js';
import { stat, table } from '../panels.js';
import { now, rows } from '../queries.js';
import { states } from '../states.js';
import { workerColumns, workerOverrides } from '../worker-table.js';
import {
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  draining,
  except,
  exited,
  folded,
  LEAD,
  last,
  of,
  WINDOW,
  where,
} from '../workers.js';

const HEIGHT = 8;
const LATELY = '5m';
const drainingSessions = where(folded('max', `(${last(METRICS.active)} > 0)`), draining());
const sessions = `sum(${drainingSessions})`;
const fall = `sum(${where(folded('max', `-deriv(${range(of(METRICS.active), LATELY)})`), draining())})`;
/** When the drain timeout of the last of them is over, in Unix s. */
const deadline = `max(${where(`(time() + ${DRAIN_TIMEOUT} - ${DRAIN_ELAPSED})`, drainingSessions)})`;
/** Until the last of so many has ended, where their lengths are as different as those of calls are. */
const guess = `time() + ${sessions} / (${fall} > 0) * (ln(${sessions}) + 0.58)`;
const inMs = (seconds: string) => `1000 * (${seconds})`;
/** The last sessions, also of a worker that is silent. */
const lastSessions = except(
  folded('max', last(METRICS.active, { window: LEAD })),
  exited({ window: WINDOW }),
);

/** Row "What holds it" */
export const HOLDING: Panel[] = [
  table({
    title: 'What holds it',
    description: `**Good:** no worker. A worker's name leads to its sessions in Tempo.

**Not:** *silent* with sessions: they are presumed dropped until it returns. *draining*: wait; past its drain timeout see the runbook. Empty is not good news while the verdict is unknown.`,
    queries: [
      rows(where(`(${states(LEAD)})`, HELD)),
      rows(where(`(${lastSessions})`, HELD)),
      rows(where(`(${DRAIN_ELAPSED} > 0)`, drainingSessions)),
      rows(where(DRAIN_TIMEOUT, drainingSessions)),
    ],
    width: 12,
    height: HEIGHT,
    noValue: 'No worker, or nothing is known',
    unit: 'short',
    sortBy: 'Sessions',
    ...workerColumns(['State', 'Sessions', 'Draining for', 'Drain timeout']),
    overrides: workerOverrides(),
  }),
  stat({
    title: 'Last session ends',
    description: `**Good:** the guess is before the drain timeout. The guess follows from how fast sessions ended in the last 5 minutes; long calls end last.

**Not:** no guess while sessions remain: they do not become fewer. At the drain timeout what is left is cut off.`,
    queries: [
      now(inMs(`(${guess} < ${deadline}) or ${guess} unless ${deadline}`), 'about (a guess)'),
      now(inMs(deadline), 'at the latest (drain timeout)'),
    ],
    width: 5,
    height: HEIGHT,
    noValue: 'No session drains, or nothing is known',
    unit: 'dateTimeAsIsoNoDateIfToday',
    colors: [[0, 'blue']],
    named: true,
  }),
  table({
    title: 'Alerts that fire',
    description: `**Good:** none, and the rules are installed.

**Not:** each has a section in the runbook.`,
    queries: [
      rows(
        `max by (alertname, severity) (last_over_time(ALERTS{alertname=~"OpenRTC.*",alertstate="firing",${matcher(POOL_NAME, '$pool')}}[1m]))`,
      ),
    ],
    width: 7,
    height: HEIGHT,
    noValue: 'None, or the rules are not installed',
    unit: 'short',
    transformations: [
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true, Value: true },
          renameByName: { alertname: 'Alert', severity: 'Severity' },
        },
      },
    ],
  }),
];

import type { Panel } from '@grafana/schema';
import { ERROR_TYPE, SESSION_OUTCOME } from '../../../../src/attributes.js';
import { table } from '../panels.js';
import { spans } from '../queries.js';
import { attribute, SPAN_COLUMNS, sessionsWhere, startsWhere } from '../traceql.js';

/** The columns in this order; Tempo has them in that of their names. */
const named = { 'Start time': 'Started', ...SPAN_COLUMNS, Duration: 'Took', 'Span ID': 'Span' };
const half = {
  width: 12,
  height: 9,
  unit: 'short',
  transformations: [
    {
      id: 'organize',
      options: {
        // The same in each row.
        excludeByName: { 'Trace Service': true, 'Trace Name': true, Name: true },
        indexByName: Object.fromEntries(Object.keys(named).map((name, index) => [name, index])),
        renameByName: named,
      },
    },
  ],
};

/** Row "Sessions" */
export const SESSIONS: Panel[] = [
  table({
    title: 'Dropped sessions',
    description: `Sessions that were cut off, or active at their worker's goodbye. A killed worker says nothing: of its sessions only the start is there, see "Started sessions".

**Good:** none.

**Not:** the worker and its version say where to look: drain timeout too short, or grace period shorter than it.`,
    queries: [spans(sessionsWhere('status = error', attribute(ERROR_TYPE, 'dropped')))],
    noValue: 'None, or Tempo knows nothing: no proof',
    ...half,
  }),
  table({
    title: 'Failed sessions',
    description: `Sessions that ended with an error; the type of the error is on the span, its message never is.

**Good:** as few as before the deploy.

**Not:** all on the target: think of a rollback.`,
    queries: [spans(sessionsWhere(attribute(SESSION_OUTCOME, 'failed')))],
    noValue: 'None, or Tempo knows nothing',
    ...half,
  }),
  table({
    title: 'Longest sessions',
    description: `Of the sessions that ended in the time range (the 100 that Tempo finds), the longest on top.

**Good:** the longest is shorter than the drain timeout.

**Not:** give the drain at least so much time.`,
    queries: [spans(sessionsWhere('duration > 1s'))],
    noValue: 'None, or Tempo knows nothing',
    sortBy: ['Took'],
    ...half,
  }),
  table({
    title: 'Started sessions',
    description: `A start without a whole session belongs to a session that is still active, or whose worker was killed.

**Good:** each start that is older than your longest sessions has its end.

**Not:** one that has none: was its worker killed, and are spans sampled?`,
    queries: [spans(startsWhere())],
    noValue: 'None, or Tempo knows nothing',
    ...half,
  }),
];

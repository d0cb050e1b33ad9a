import type { Panel } from '@grafana/schema';
import { METRICS } from '../../../../src/attributes.js';
import { table } from '../panels.js';
import { rows } from '../queries.js';
import { states } from '../states.js';
import { workerColumns, workerOverrides } from '../worker-table.js';
import {
  DRAIN_TIMEOUT,
  draining,
  except,
  exited,
  folded,
  last,
  lastReport,
  WINDOW,
  where,
} from '../workers.js';

/** Row "All workers" */
export const WORKERS: Panel[] = [
  table({
    title: 'All workers',
    description: `**Good:** old workers have exited; those of the target accept. A worker's name leads to its sessions in Tempo.

**Not:** *silent* with sessions: they are presumed dropped until it returns.`,
    queries: [
      rows(states(WINDOW)),
      rows(except(folded('max', last(METRICS.active, { window: WINDOW })), exited({ window: WINDOW }))),
      rows(where(folded('max', `(${last(METRICS.drainElapsed)} > 0)`), draining())),
      rows(where(DRAIN_TIMEOUT, draining())),
      rows(`time() - ${lastReport()}`),
    ],
    width: 24,
    height: 12,
    noValue: 'No worker reported',
    unit: 'short',
    sortBy: 'Sessions',
    filterable: true,
    ...workerColumns(['State', 'Sessions', 'Draining for', 'Drain timeout', 'Last report']),
    overrides: workerOverrides(),
  }),
];

import type { Panel } from '@grafana/schema';
import { METRICS } from '../../../../src/attributes.js';
import { table } from '../panels.js';
import { rows } from '../queries.js';
import { states } from '../states.js';
import { ofSome, workerColumns, workerOverrides } from '../worker-table.js';
import {
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  except,
  exited,
  folded,
  last,
  lastReport,
  reported,
  WINDOW,
} from '../workers.js';

const seen = folded('max', reported({ window: WINDOW }));

/** Row "All workers" */
export const WORKERS: Panel[] = [
  table({
    title: 'All workers',
    description: `**Good:** old workers have exited; those of the target accept. A worker's name leads to its sessions in Tempo.

**Not:** *silent* with sessions: they are presumed dropped until it returns.`,
    queries: [
      rows(states(WINDOW)),
      rows(except(folded('max', last(METRICS.active, { window: WINDOW })), exited({ window: WINDOW }))),
      rows(ofSome(DRAIN_ELAPSED, seen)),
      rows(ofSome(DRAIN_TIMEOUT, seen)),
      rows(`time() - ${lastReport()}`),
    ],
    width: 24,
    height: 12,
    noValue: 'No worker reported',
    unit: 'none',
    sortBy: ['Sessions'],
    filterable: true,
    ...workerColumns(['State', 'Sessions', 'Draining', 'Timeout', 'Last report']),
    overrides: workerOverrides({ more: 25, isWhole: true }),
  }),
];

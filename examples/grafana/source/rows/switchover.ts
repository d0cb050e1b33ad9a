import type { Panel } from '@grafana/schema';
import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  WORKER_ID,
} from '../../../../src/attributes.js';
import { labelName, perWorker, range } from '../../../../src/deploy/promql.js';
import { sum, VERSION } from '../blocks.js';
import { exploreWorker } from '../links.js';
import { bars, stat, table, timeline, timeseries, words } from '../panels.js';
import { STATES } from '../phases.js';
import { now, overTime, rows } from '../queries.js';
import { blocks } from '../variables.js';

const WORKER_NAME = labelName(WORKER_ID);
/** A worker that ended stays on the timeline for so long. */
const LATELY = '5m';
/** Sees each report: a sample is visible for five minutes. */
const LOOKS = '[$__range:4m]';
const byVersion = (workers: string) => `sum by (${VERSION}) (${workers})`;

/** The number of each worker's state, from {@link STATES}, of those seen in a window. */
function state(window: string): string {
  const drained = `${blocks.last(ACTIVE_SESSIONS)} == 0 and ${blocks.draining()}`;
  const states = [
    [blocks.exited({ window }), STATES.exited],
    [blocks.silent({ window }), STATES.silent],
    [`(${drained})`, STATES.drained],
    [blocks.draining(), STATES.draining],
    [blocks.reported(), STATES.accepting],
  ] as const;
  return states.map(([workers, { value }]) => `(0 * ${workers} + ${value})`).join(' or ');
}

const sessionsDraining = `(${blocks.sessions()} and ${blocks.draining()})`;
const falling = `(-${perWorker('max', `deriv(${range(blocks.of(ACTIVE_SESSIONS), LATELY)})`)} and ${blocks.draining()})`;
const drainedShare = `(${blocks.last(DRAIN_ELAPSED)} / ${blocks.last(DRAIN_TIMEOUT)} and ${sessionsDraining} > 0)`;

const reports = blocks.of(DEPLOYMENT_VERSION);
const lastReport = `${blocks.lastReport()} or ${perWorker('max', `max_over_time(timestamp(${reports})${LOOKS})`)}`;
const notExited = `unless ${blocks.exited({ window: '$__range' })}`;

const seconds = (name: string) => ({
  matcher: { id: 'byName', options: name },
  properties: [{ id: 'unit', value: 's' }],
});

/** Row "Switchover" */
export const SWITCHOVER: Panel[] = [
  timeseries({
    title: 'Sessions by version',
    description: `Active sessions on the workers of each version.

**Good:** the target rises while the others fall to 0 and end.

**Not:** an old version that rises again takes new sessions: does its drain really begin?`,
    queries: [overTime(byVersion(blocks.sessions()), `{{${VERSION}}}`)],
    width: 12,
    height: 9,
    noValue: 'No worker reports',
    unit: 'short',
    stacked: true,
  }),
  timeline({
    title: 'Workers',
    description: `What each worker does; one that ended is shown for 5 minutes more. *Silent*: no report for a silence window and no goodbye.

**Good:** old workers go from accepting to draining, drained, exited.

**Not:** red right after draining: the worker was killed. Many red at once: an outage of the telemetry.`,
    queries: [overTime(state(LATELY), `{{${VERSION}}} {{${WORKER_NAME}}}`)],
    width: 12,
    height: 9,
    noValue: 'No worker reports',
    unit: 'none',
    mappings: [words(STATES)],
  }),
  timeseries({
    title: 'Drain progress',
    description: `Sessions on workers that drain.

**Good:** it falls to 0.

**Not:** flat for longer than your longest sessions last: somebody's session hangs. Look at the longest sessions below.`,
    queries: [overTime(byVersion(sessionsDraining), `{{${VERSION}}}`)],
    width: 10,
    height: 8,
    noValue: 'No worker drains',
    unit: 'short',
    stacked: true,
  }),
  stat({
    title: 'Time left',
    description: `Until the last session has left the workers that drain, from how fast their sessions fell in the last 5 minutes. In the first 5 minutes of a drain it also sees what was before.

**Good:** shorter than what is left of the drain timeout.

**Not:** no value while workers drain: their sessions do not fall.`,
    queries: [now(`${sum(sessionsDraining)} / (${sum(falling)} > 0)`)],
    width: 4,
    height: 8,
    noValue: 'Nothing falls',
    unit: 's',
    colors: [[0, 'blue']],
  }),
  bars({
    title: 'Drain time used',
    description: `Of each worker that drains with sessions: how much of its drain timeout is over. Workers without a drain timeout are not shown.

**Good:** far from 100 %.

**Not:** near it, what is still active will be cut off and dropped. Give the drain more time; do not kill the worker.`,
    queries: [now(`topk(10, ${drainedShare})`, `{{${VERSION}}} {{${WORKER_NAME}}}`)],
    width: 10,
    height: 8,
    noValue: 'No session is at stake',
    unit: 'percentunit',
    colors: [
      [0, 'blue'],
      [0.8, 'orange'],
      [1, 'red'],
    ],
  }),
  table({
    title: 'Table of workers',
    description: `Every worker that reported in the time range. A worker's name leads to its session spans in Tempo.

**Good:** old workers have exited; those of the target accept.

**Not:** *silent* with sessions: they are presumed dropped until it returns.`,
    queries: [
      rows(state('$__range')),
      rows(`${blocks.last(ACTIVE_SESSIONS, { window: '$__range' })} ${notExited}`),
      rows(`(time() - ${blocks.drainingSince()})`),
      rows(`${blocks.last(DRAIN_TIMEOUT)} and ${blocks.draining()} ${notExited}`),
      rows(`time() - (${lastReport})`),
    ],
    width: 24,
    height: 10,
    noValue: 'No worker reported',
    unit: 'short',
    sortBy: 'Sessions',
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true, openrtc_pool_name: true },
          renameByName: {
            [WORKER_NAME]: 'Worker',
            [VERSION]: 'Version',
            'Value #A': 'State',
            'Value #B': 'Sessions',
            'Value #C': 'Draining for',
            'Value #D': 'Of',
            'Value #E': 'Last report',
          },
        },
      },
    ],
    overrides: [
      {
        matcher: { id: 'byName', options: 'State' },
        properties: [{ id: 'mappings', value: [words(STATES)] }],
      },
      {
        matcher: { id: 'byName', options: 'Worker' },
        properties: [{ id: 'links', value: [exploreWorker()] }],
      },
      seconds('Draining for'),
      seconds('Of'),
      seconds('Last report'),
    ],
  }),
];

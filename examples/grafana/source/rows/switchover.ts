import type { Panel } from '@grafana/schema';
import { METRICS } from '../../../../src/attributes.js';
import { timeline, timeseries, words } from '../panels.js';
import { STATES } from '../phases.js';
import { overTime } from '../queries.js';
import { states } from '../states.js';
import { LONG_ID } from '../worker-table.js';
import { folded, last, OTHERS, running, TARGET, VERSION, WORKER_NAME, where } from '../workers.js';

/** A worker that ended stays on the timeline for so long. */
const LATELY = '5m';

const byVersion = (matchers: readonly string[]) =>
  `sum by (${VERSION}) (${where(folded('max', last(METRICS.active, { matchers })), running())})`;

const colored = (refId: string, color: { mode: string; fixedColor: string }) => ({
  matcher: { id: 'byFrameRefID', options: refId },
  properties: [{ id: 'color', value: color }],
});

/** Row "Switchover" */
export const SWITCHOVER: Panel[] = [
  timeseries({
    title: 'Sessions by version',
    description: `**Good:** the target (blue) rises while the others (orange) fall to 0 and end.

**Not:** an old version that rises again takes new sessions: does its drain really begin?`,
    queries: [
      overTime(byVersion(OTHERS), `{{${VERSION}}}`),
      overTime(byVersion(TARGET), `{{${VERSION}}}, the target`),
    ],
    width: 12,
    height: 8,
    noValue: 'No worker reports',
    unit: 'none',
    stacked: true,
    overrides: [
      colored('A', { mode: 'shades', fixedColor: 'orange' }),
      colored('B', { mode: 'fixed', fixedColor: 'blue' }),
    ],
  }),
  timeline({
    title: 'Workers',
    description: `**Good:** old workers go from accepting to draining, drained, exited. One that ended is shown for 5 minutes more.

**Not:** red (silent) right after draining: the worker was killed. Many red at once: an outage of the telemetry.`,
    queries: [overTime(states(LATELY), `{{${WORKER_NAME}}} {{${VERSION}}}`)],
    width: 12,
    height: 8,
    // Words would be in the legend, for the time before a worker started.
    noValue: '',
    unit: 'none',
    mappings: [words(STATES)],
    transformations: [
      {
        id: 'renameByRegex',
        options: { regex: `^${LONG_ID.pattern}( \\S+)$`, renamePattern: `${LONG_ID.text}$2` },
      },
    ],
  }),
];

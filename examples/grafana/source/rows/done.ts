import type { Panel } from '@grafana/schema';
import { stat, words } from '../panels.js';
import { PHASES } from '../phases.js';
import { now } from '../queries.js';
import { deploy } from '../variables.js';

const NO_TELEMETRY = 'No telemetry';
const HEIGHT = 6;
const WIDTH = 6;

/** Row "Is the deploy done?" */
export const DONE: Panel[] = [
  stat({
    title: 'Deploy of $target',
    description: `The verdict over the time range of the dashboard, for the target that is chosen above; the default is the version that started last, which is a guess.

**Good:** *Done*, and it stays so for a silence window. Grey is never good: nobody reported through the whole silence window, or nobody reported when the time range began.

**Not:** *Waiting*: nobody accepts on the target. *Rolling*: others accept too, or fewer accept on the target than did at the start. *Draining*: wait, and do not kill workers that hold sessions. *Stuck*: a worker is past its drain timeout and still has sessions. *Superseded*: another version took over.

The same as \`openrtc-otel watch\`, but: how many workers are expected is taken from the start of the time range, a restart of the same version is not seen, and losses are counted from the start of the time range.`,
    queries: [now(deploy.phase)],
    width: WIDTH,
    height: HEIGHT,
    noValue: NO_TELEMETRY,
    unit: 'none',
    mappings: [words(PHASES)],
  }),
  stat({
    title: 'Every worker on the target',
    description: `Workers that accept on the target and have reported for a silence window, of these and all that hold the check open: workers of other versions, workers that are still missing, workers of the target that went silent in the last 5 minutes. Below it: how many accept on the target, how many run at all, how many are expected (as many as accepted when the time range began, at least 1).

**Good:** exactly 100 %.

**Not:** look at the table of workers: which version is it, and does it drain?`,
    queries: [now(deploy.onTarget, '{{accepting}} accepting of {{running}} running, {{expected}} expected')],
    width: WIDTH,
    height: HEIGHT,
    noValue: NO_TELEMETRY,
    unit: 'percentunit',
    colors: [
      [0, 'blue'],
      [1, 'green'],
    ],
    named: true,
  }),
  stat({
    title: 'Sessions left on old workers',
    description: `Sessions on running workers, except those of the target that accept.

**Good:** 0.

**Not:** let them end by themselves. When a worker is past its drain timeout, see the runbook.`,
    queries: [now(deploy.left)],
    width: WIDTH,
    height: HEIGHT,
    noValue: NO_TELEMETRY,
    unit: 'short',
    colors: [
      [0, 'green'],
      [1, 'blue'],
    ],
  }),
  stat({
    title: 'Sessions dropped',
    description: `In the time range. *Confirmed* by a report; *presumed*: what workers that went silent had last, taken back when they return or say goodbye.

**Good:** 0 and 0. Grey: nobody reported when the time range began, so nothing can be said; choose a time range that begins while the pool reported.

**Not:** the runbook says what to look at. Losses of a worker that started before the first data there is are not counted.`,
    queries: [now(deploy.dropped, 'confirmed'), now(deploy.presumed, 'presumed')],
    width: WIDTH,
    height: HEIGHT,
    noValue: NO_TELEMETRY,
    unit: 'short',
    colors: [
      [0, 'green'],
      [1, 'red'],
    ],
    named: true,
  }),
];

import type { Panel } from '@grafana/schema';
import { DROPPED, LEFT, ON_TARGET, PHASE, STILL_PRESUMED, WITHOUT_DEPLOY } from '../deploy.js';
import { stat, words } from '../panels.js';
import { PHASES, UNJUDGED } from '../phases.js';
import { now } from '../queries.js';

const NOT_KNOWN = 'Not known';
const HEIGHT = 5;
const WIDTH = 6;
const oneVersion = (expression = WITHOUT_DEPLOY) => now(expression, 'one version');

/** Row "Is the deploy done?" */
export const DONE: Panel[] = [
  stat({
    title: 'Deploy of $target',
    description: `**Good:** *Done*. The window is the deploy's, at most 24 h, not the page's. Never greener than \`openrtc-otel watch\`; a restart of the same version is not seen.

**Not:** *Not done*: the next panels say what it waits for. *Stuck*: see the runbook. *Unknown*: do not go on; names that keep their dots (UTF-8) are not read, see docs/grafana.md.`,
    queries: [now(PHASE)],
    width: WIDTH,
    height: HEIGHT,
    noValue: 'Unknown',
    unit: 'none',
    mappings: [words(PHASES)],
  }),
  stat({
    title: 'Every worker on the target',
    description: `**Good:** exactly 100 %. As many as expected are settled (they accept on the target and have reported for a silence window), and every other worker said goodbye.

**Not:** "What holds it" names the workers: old ones that run, young ones, silent ones. *expected?* is a guess, as many as accepted before: in a rollback give the number above.`,
    queries: [now(ON_TARGET, '{{settled}} of {{open}}, $needed expected{{guess}}'), oneVersion()],
    width: WIDTH,
    height: HEIGHT,
    noValue: NOT_KNOWN,
    unit: 'percentunit',
    colors: [
      [0, 'blue'],
      [1, 'green'],
    ],
    mappings: [words(UNJUDGED)],
    named: true,
  }),
  stat({
    title: 'Sessions left on old workers',
    description: `**Good:** 0: no session on running workers, except on those of the target that accept.

**Not:** let them end by themselves. When a worker is past its drain timeout, see the runbook.`,
    queries: [now(LEFT, 'on {{workers}} of them'), oneVersion(`${WITHOUT_DEPLOY} unless on () ${LEFT}`)],
    width: WIDTH,
    height: HEIGHT,
    noValue: NOT_KNOWN,
    unit: 'none',
    colors: [
      [0, 'green'],
      [1, 'blue'],
    ],
    mappings: [words(UNJUDGED)],
    named: true,
  }),
  stat({
    title: 'Sessions dropped',
    description: `**Good:** 0 since the deploy began. They are confirmed by a report, or *presumed*: what silent workers had last, taken back when they return.

**Not:** "What holds it" names the workers; the runbook says what to look at. Not known: nobody reported when the deploy began, or a worker that came back in it had lost some before.`,
    queries: [
      now(DROPPED, 'in all'),
      now(STILL_PRESUMED, 'presumed'),
      oneVersion(`${WITHOUT_DEPLOY} unless on () ${DROPPED}`),
    ],
    width: WIDTH,
    height: HEIGHT,
    noValue: NOT_KNOWN,
    unit: 'none',
    colors: [
      [0, 'green'],
      [1, 'red'],
    ],
    mappings: [words(UNJUDGED)],
    named: true,
    // It is no news of its own.
    overrides: [
      {
        matcher: { id: 'byFrameRefID', options: 'B' },
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: PHASES.noDeploy.color } }],
      },
    ],
  }),
];

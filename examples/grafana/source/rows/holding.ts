import type { Panel } from '@grafana/schema';
import { METRICS, POOL_NAME } from '../../../../src/attributes.js';
import { matcher, range } from '../../../../src/deploy/prometheus/promql.js';
import { DROPPED_BY, HELD, NO_WORKER, NOTHING_HOLDS, WITHOUT_DEPLOY } from '../deploy.js';
import { matching, stat, table, words } from '../panels.js';
import { HELD_STATES, PHASES, UNJUDGED } from '../phases.js';
import { now, rows } from '../queries.js';
import { states } from '../states.js';
import { column, NOBODY, ofSome, workerColumns, workerOverrides } from '../worker-table.js';
import {
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  draining,
  except,
  folded,
  last,
  of,
  WINDOW,
  where,
} from '../workers.js';

const HEIGHT = 8;
const NEUTRAL = PHASES.noDeploy.color;
const LATELY = '5m';
const drainingSessions = where(folded('max', `(${last(METRICS.active)} > 0)`), draining());
const sessions = `sum(${drainingSessions})`;
const fall = `sum(${where(folded('max', `-deriv(${range(of(METRICS.active), LATELY)})`), draining())})`;
/** When the drain timeout of each of them is over, in Unix s. */
const deadlines = `(${where(`(time() + ${DRAIN_TIMEOUT} - ${DRAIN_ELAPSED})`, drainingSessions)})`;
/** Of the last; none where one has no timeout, or is past it. */
const deadline = `(max(${deadlines}) unless count(${except(drainingSessions, `(${deadlines} >= time())`)}))`;
const lateSince = `min(${deadlines} < time())`;
/** Until the last of so many has ended, where their lengths are as different as those of calls are. */
const guess = `time() + ${sessions} / (${fall} > 0) * (ln(${sessions}) + 0.58)`;
/** Later than any time, in Unix s. */
const FAR = '1e12';
const inMs = (seconds: string) => `1000 * (${seconds})`;
/** Of the workers that hold the deploy. */
const held = (values: string) => rows(where(`(${values})`, HELD));
/** The last sessions, also of a worker that is silent. */
const lastSessions = folded('max', last(METRICS.active, { window: WINDOW }));
/** Why no worker stands here. */
export const REASONS = {
  done: { value: 1, text: 'None: nothing holds it', color: NEUTRAL },
  tooFew: { value: 0, text: 'None: fewer than expected have settled on the target', color: NEUTRAL },
  noDeploy: { value: UNJUDGED.noDeploy.value, text: 'None: one version, no deploy', color: NEUTRAL },
};
const NONE_LEFT = words({ none: { value: 1, text: 'None left', color: NEUTRAL } });

/** The whole name has no room on a small screen. */
const shortAlert = matching({ pattern: 'OpenRTC(.*)', text: '$1' });

/** Row "What holds it" */
export const HOLDING: Panel[] = [
  table({
    title: 'What holds it, and who dropped sessions',
    description: `**Good:** nothing holds it, and no worker is red. A worker's name leads to its sessions in Tempo.

**Not:** *silent* with sessions: they are presumed dropped until it returns. *draining*: wait; past its drain timeout see the runbook. *Dropped*: it stays here until the next deploy.`,
    queries: [
      rows(where(`(${states(WINDOW)})`, `(${HELD} or ${DROPPED_BY})`)),
      held(lastSessions),
      rows(ofSome(DROPPED_BY, HELD)),
      held(ofSome(DRAIN_ELAPSED, lastSessions)),
      held(ofSome(DRAIN_TIMEOUT, lastSessions)),
      rows(NO_WORKER),
    ],
    width: 14,
    height: HEIGHT,
    noValue: 'Nothing is known',
    unit: 'none',
    sortBy: ['Dropped', 'Sessions'],
    ...workerColumns(['State', 'Sessions', 'Dropped', 'Draining', 'Timeout']),
    overrides: [
      ...workerOverrides({ states: HELD_STATES }),
      column(NOBODY, { id: 'mappings', value: [words(REASONS)] }, { id: 'custom.align', value: 'left' }),
    ],
  }),
  stat({
    title: 'Last session ends',
    description: `**Good:** the guess is well before *at the latest*: the drain timeout, when what is left is cut off. It follows from the last 5 minutes; long calls end last.

**Not:** no guess while sessions remain: they do not become fewer. *late since*: a worker is past its drain timeout, see the runbook.`,
    queries: [
      now(inMs(`${guess} < (${deadline} or ${FAR} * ${sessions}) unless ${lateSince}`), 'about (a guess)'),
      now(inMs(deadline), 'at the latest'),
      now(inMs(lateSince), 'late since'),
      now(NOTHING_HOLDS, 'nothing holds it'),
      now(WITHOUT_DEPLOY, 'one version'),
    ],
    width: 4,
    height: HEIGHT,
    noValue: 'None known',
    unit: 'time:HH:mm',
    colors: [[0, 'blue']],
    mappings: [NONE_LEFT, words(UNJUDGED)],
    named: true,
    below: true,
    overrides: [
      {
        matcher: { id: 'byFrameRefID', options: 'C' },
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: PHASES.stuck.color } }],
      },
    ],
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
    width: 6,
    height: HEIGHT,
    noValue: 'None, or rules not installed',
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
    overrides: [
      {
        matcher: { id: 'byName', options: 'Alert' },
        properties: [{ id: 'mappings', value: [shortAlert] }],
      },
      {
        matcher: { id: 'byName', options: 'Severity' },
        properties: [{ id: 'custom.width', value: 75 }],
      },
    ],
  }),
];

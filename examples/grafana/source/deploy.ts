import { DECIDING_KEYS, METRICS } from '../../../src/attributes.js';
import { either, labelName, quoted, seriesByName } from '../../../src/deploy/prometheus/promql.js';
import { PHASES, type PhaseName, UNJUDGED } from './phases.js';
import {
  AGE,
  ANYONE,
  accepting,
  DAY,
  except,
  exited,
  folded,
  inPool,
  LATE,
  LEAD,
  last,
  most,
  OTHERS,
  of,
  reported,
  SILENCE,
  samples,
  settled,
  silent,
  TARGET,
  VERSION,
  WINDOW,
  WITNESS,
  WORKER,
} from './workers.js';

/**
 * The verdict in PromQL. As `assessDeploy`, with fewer words and never greener: every worker of the window of the deploy
 * has said goodbye, or has settled on the target, or is held against it.
 */

const IN_WINDOW = { window: WINDOW };
const PREFIX = 'openrtc_';
/** The hour before the window. */
const BEFORE = { window: '1h', offset: WINDOW };

const DECIDING = DECIDING_KEYS.filter((key) => key !== 'startTime').map((key) =>
  labelName(METRICS[key].name).replace(PREFIX, ''),
);
/** Workers that did not report each of the gauges that decide. */
function lacking(window: string): string {
  const names = quoted(`${PREFIX}(${DECIDING.join('|')})`);
  const gauges = `{${[`__name__=~${names}`, ...inPool()].join(',')}}`;
  const each = `count by (${WORKER},__name__) (last_over_time(${gauges}[${window}]))`;
  // The start has two names.
  const withoutStart = except(reported({ window }), last(METRICS.startTime, { window }));
  return `count by (${WORKER}) (${each}) < ${DECIDING.length} or ${withoutStart}`;
}
const count = (gauge: 'running' | 'dropped' | 'active') => folded('max', samples(METRICS[gauge], IN_WINDOW));
const tellsOther = (gauge: 'dropped' | 'active') => `${count('running')} != ${count(gauge)}`;
/** Said goodbye, and not each report told what was dropped: its goodbye may be the one. */
const isHalf = `${tellsOther('dropped')} and on(${WORKER}) ${exited(IN_WINDOW)}`;
/** Silent, and not each report was whole: the last may be the one that was not, as half of a goodbye is. */
const isVague = silent(`(${tellsOther('active')} or ${tellsOther('dropped')})`);

/** No number of sessions. */
const sessions = last(METRICS.active);
const isSenseless = `${sessions} != abs(floor(${sessions}))`;

/** An id that was used twice: it reports after its goodbye, or another start. */
const starts = last(METRICS.startTime, IN_WINDOW);
// The first change is the goodbye itself.
const runsOn = `changes(${of(METRICS.running)}[${WINDOW}]) > 1`;
const startsTwice = `stddev by (${WORKER}) (${starts}) > 0`;
const startsAgain = either(
  ...seriesByName(METRICS.startTime, inPool()).map((starts) => `changes(${starts}[${WINDOW}])`),
);

/** Workers of other versions that ran before the window and said no goodbye then. */
const ranBefore = `min_over_time(${of(METRICS.running, OTHERS)}[1h] offset ${WINDOW}) == 1`;

const ONE_VERSION = `count(count by (${VERSION}) (${reported(IN_WINDOW)})) == 1`;

/** When the target began: by the start that its workers report, and by their samples, as a clock can be ahead. */
const STARTS = ['1h', DAY].map((window) => last(METRICS.startTime, { window, matchers: TARGET }));
export const STARTED = `min(${STARTS.join(' or ')})`;
export const SEEN = `min(min_over_time(timestamp(${of(METRICS.running, TARGET)})[${DAY}]))`;

/** Nobody reported when the deploy began, though others than the target ran. */
const isOlder = `${last(METRICS.startTime, { matchers: OTHERS })} < time() - $window`;
const BEGINNING = `count(${reported({ window: LEAD, offset: AGE })})`;
const isBlind = `count(${isOlder} or ${ranBefore}) unless ${BEGINNING}`;

/** Signs that nothing good can be known: a variable counts them, as all checks need to know. */
export const UNCLEAR = [
  lacking(WINDOW),
  lacking(SILENCE),
  isHalf,
  isVague,
  isSenseless,
  isBlind,
  runsOn,
  startsTwice,
  `(${startsAgain}) > 0`,
].join(' or ');
/** Whether anybody reports, and there is no such sign. */
const CLEAR = `(${ANYONE} > 1e9 * $unclear)`;

/** Neither gone with a goodbye nor long silent: all of these must be settled on the target. */
const UNFINISHED = except(folded('max', reported({ window: LEAD })), exited(IN_WINDOW));
/** The workers that the deploy waits for. */
export const HELD = `(${except(UNFINISHED, settled(TARGET))} unless on () ${ONE_VERSION})`;
const needed = `clamp_min(count(${UNFINISHED}), $needed)`;
const SETTLED = `count${settled(TARGET)}`;
const settledCount = `(${SETTLED} or 0 * ${ANYONE})`;

/** Sessions that workers reported as lost, less what they had lost before the window. */
const lost = folded('max', most(METRICS.dropped, IN_WINDOW));
/** Of a worker that was there before: what it had lost when it was first seen. */
const isOld = `(${folded('min', starts)} < bool time() - $window)`;
const lostAtFirst = `${folded('min', `min_over_time(${of(METRICS.dropped)}[${WINDOW}])`)} * on(${WORKER}) ${isOld}`;
const lostBefore = folded('max', most(METRICS.dropped, BEFORE));
// A worker without a start is one of this deploy: nothing of it is left out.
const LOST = `(${lost} - (${lostBefore} or ${lostAtFirst} or 0 * ${lost}) > 0)`;
/**
 * Workers that were first seen in the deploy, and had lost sessions then though they are older: nobody knows when. And a
 * target that began long before anything was seen: nobody knows what was lost until then.
 */
export const UNDATED = [
  except(`(${lostAtFirst} > 0)`, most(METRICS.dropped, { window: '1h', offset: AGE })),
  `(${SEEN} - ${STARTED} > $lead unless ${BEGINNING})`,
].join(' or ');
/** The same, and each loss can be dated. */
const DATED = `(${ANYONE} > 1e9 * ($unclear + $undated))`;
/** Sessions that workers had last which are silent now. */
const PRESUMED = silent(`${last(METRICS.active, IN_WINDOW)} > 0`);

/** The number of the phase, from {@link PHASES}; nothing where it is unknown for want of a witness. The first that holds. */
const holds: readonly [PhaseName, string[]][] = [
  ['unknown', [`${ANYONE} < 1e9 * $unclear`]],
  ['noDeploy', [ONE_VERSION]],
  ['stuck', [LATE]],
  ['notDone', [`${ANYONE} unless ${SETTLED} >= ${needed}`]],
  ['dropped', [LOST, PRESUMED]],
  // Else nothing, and so unknown.
  ['done', [DATED]],
];

export const PHASE = `(${holds
  .map(([phase, signs]) => `0*count(${signs.join(' or ')})+${PHASES[phase].value}`)
  .join(' or ')}) and ${WITNESS}`;

const withoutDeploy = `${UNJUDGED.noDeploy.value} * (${ONE_VERSION}) and ${CLEAR}`;
/** Where there is no deploy to judge: no good news, and no number. */
export const WITHOUT_DEPLOY = `${withoutDeploy} and ${WITNESS}`;
/** 1 where as many as expected have settled, else 0; nothing where a loss can be missing. */
const enough = `${settledCount} >= bool $needed and ${DATED} unless ${ONE_VERSION}`;
/** Where the deploy waits for nobody. */
export const NOTHING_HOLDS = `(${enough}) == 1 and ${WITNESS} unless on () ${HELD}`;

/**
 * Exactly 1 when every worker that ran is accounted for: settled workers, of these and all that hold the deploy open. Its
 * numbers are labels.
 */
const share = `floor(1000 * ${settledCount} / ${needed}) / 1000`;
const numbers = {
  settled: settledCount,
  open: `(count(${UNFINISHED}) or 0 * ${ANYONE})`,
};
const labels = Object.entries(numbers).map(
  ([name, value]) => `on () group_left (${name}) count_values(${quoted(name)}, ${value})`,
);
/** Asks whether so many workers are expected, where nobody said it: then an empty text is what was given. */
const guess = (numbers: string) => `label_replace(${numbers}, "guess", "?", "", "$expected")`;
export const ON_TARGET = `${guess([`(${share})`, ...labels].join(' * '))} and on () ${CLEAR} unless on () ${ONE_VERSION} and on () ${WITNESS}`;

/** A sum where it is more than 0; else what stands for none. */
const told = (sum: string, ...none: readonly string[]) =>
  `(${[`${sum} > 0`, ...none].join(' or on () ')}) and on () ${WITNESS}`;

/** Sessions on running workers, except those of the target that accept; on how many is a label. */
const left = `(${except(folded('max', last(METRICS.active)), accepting({ matchers: TARGET }))})`;
const onWorkers = `on () group_left (workers) count_values("workers", count(${left} > 0))`;
const onNone = `label_replace(0 * ${CLEAR} unless ${ONE_VERSION}, "workers", "none", "", "")`;
export const LEFT = told(`sum(${left}) * ${onWorkers}`, onNone);

const presumed = folded('max', PRESUMED);
/** Sessions that silent workers had last. */
export const STILL_PRESUMED = told(`sum(${presumed})`);
/** These, and sessions that workers lost since the window began, by their reports. */
const losses = `${LOST} or label_replace(${presumed}, "presumed", "yes", "", "")`;
export const DROPPED = told(`sum(${losses})`, `0 * ${DATED} unless ${ONE_VERSION}`);
/** The same, of each worker that has any. */
export const DROPPED_BY = `(sum by(${WORKER})(${losses}) and on () ${WITNESS})`;
/** Why no worker holds the deploy, and none dropped sessions: as {@link WITHOUT_DEPLOY}, or whether enough have settled. */
export const NO_WORKER = `(${enough} or ${withoutDeploy}) and ${WITNESS} unless on () (${HELD} or ${losses})`;

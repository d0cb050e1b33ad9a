import { VariableHide, type VariableModel, VariableRefresh, VariableSort } from '@grafana/schema';
import { METRICS, POOL_NAME, SILENT_AFTER_INTERVALS, WORKER_VERSION } from '../../../src/attributes.js';
import { DEFAULT_INTERVAL_SECONDS, PRESUME_AFTER_SECONDS } from '../../../src/deploy/facts.js';
import { labelName, matcher, series } from '../../../src/deploy/prometheus/promql.js';
import { SEEN, STARTED, UNCLEAR, UNDATED } from './deploy.js';
import { variable } from './template.js';
import { AGE, accepting, exited, folded, last, OTHERS, running, VERSION } from './workers.js';

/** Shorter ones are taken for so long, in s. */
const SHORTEST_SILENCE = 2;
/** The window of a deploy, in s: what is older is not read. */
const LONGEST_WINDOW = 24 * 3600;
const LONG_AGO = 1e10;
const IN_RANGE = { window: '$__range' };

export const PROMETHEUS = { type: 'prometheus', uid: variable('prometheus_datasource') };
export const TEMPO = { type: 'tempo', uid: variable('tempo_datasource') };

const datasource = (name: string, label: string, type: string): VariableModel => ({
  name,
  label,
  type: 'datasource',
  query: type,
  refresh: VariableRefresh.onDashboardLoad,
  hide: VariableHide.dontHide,
  multi: false,
  includeAll: false,
});

/** @param pick - The regular expression that takes the value from what the query gives. */
const query = (name: string, label: string, expression: string, pick = '', hide = VariableHide.dontHide) =>
  ({
    name,
    label,
    type: 'query',
    datasource: PROMETHEUS,
    query: { query: expression, refId: name },
    regex: pick,
    refresh: VariableRefresh.onTimeRangeChanged,
    sort: VariableSort.disabled,
    hide,
    multi: false,
    includeAll: false,
  }) satisfies VariableModel;

const textbox = (name: string, label: string, description: string, value = ''): VariableModel => ({
  name,
  label,
  description,
  type: 'textbox',
  query: value,
  current: { text: value, value },
  hide: VariableHide.dontHide,
});

const result = (expression: string) => `query_result(${expression})`;
const THE_VERSION = `/${VERSION}="([^"]*)"/`;

/** A number that queries need; it has one value, so that it follows the data. */
const number = (name: string, expression: string) =>
  query(name, '', result(expression), '/ ([0-9.]+) /', VariableHide.hideVariable);

/** The versions, by when each was first seen; those of which no worker runs come after all others. */
function sighted(matchers: readonly string[] = []): string {
  const firstSeen = `min by (${VERSION}) (${last(METRICS.startTime, { ...IN_RANGE, matchers })})`;
  const alive = `count by (${VERSION}) (${running({ ...IN_RANGE, matchers })} unless ${exited({ ...IN_RANGE, matchers })})`;
  return `((${firstSeen} and ${alive}) or ${firstSeen} - ${LONG_AGO})`;
}
const NEWEST = 'newest';
/** Above all others. */
const newest = `label_replace(max(${sighted()}) + 1, "${VERSION}", "${NEWEST}", "", "")`;
const chosen = `${sighted([matcher(WORKER_VERSION, '$version')])} + 1e12`;

const longestInterval = `max(${last(METRICS.interval, IN_RANGE)})`;
const firstSighting = `(${STARTED} < ${SEEN} or ${SEEN} or ${STARTED})`;
/** Of a target that was never seen: nothing has begun. */
const age = `(ceil(time() - ${firstSighting}) or vector(0))`;

/** Who accepted when the target was first seen; none of the target did. */
const acceptedBefore = `count(${folded('max', accepting({ offset: AGE, matchers: OTHERS }))})`;

export const VARIABLES: VariableModel[] = [
  datasource('prometheus_datasource', 'Prometheus data source', 'prometheus'),
  datasource('tempo_datasource', 'Tempo data source', 'tempo'),
  query('pool', 'Pool', `label_values(${series(METRICS.running)}, ${labelName(POOL_NAME)})`),
  query('version', 'Target', result(`sort_desc(${newest} or ${sighted()})`), THE_VERSION),
  textbox(
    'expected',
    'Expected workers',
    'How many are to accept on the target. Empty: as many as accepted before, at least 1.',
  ),
  textbox('more', 'More matchers', 'Such as cluster="eu". Empty: all workers of the pool.'),
  query('target', '', result(`topk(1, (${chosen}) or ${sighted()})`), THE_VERSION, VariableHide.hideVariable),
  number(
    'silence',
    `clamp_min(ceil(${SILENT_AFTER_INTERVALS} * (${longestInterval} or vector(${DEFAULT_INTERVAL_SECONDS}))), ${SHORTEST_SILENCE})`,
  ),
  number('silence_half', 'vector(500 * $silence)'),
  number('silence_quarter', 'vector(250 * $silence)'),
  number('silence_three_quarters', 'vector(750 * $silence)'),
  // Where series are marked as stale between reports, samples are visible for a while only.
  number('silence_step', 'ceil(clamp_max(vector(1000 * $silence / 16), 15000))'),
  number('lead', `vector(${PRESUME_AFTER_SECONDS} + 2 * $silence)`),
  number('age', `clamp_max(clamp_min(${age}, 0), ${LONGEST_WINDOW} - $lead)`),
  number('window', 'vector($age + $lead)'),
  number('unclear', `count(${UNCLEAR}) or vector(0)`),
  number('undated', `count(${UNDATED}) or vector(0)`),
  // A 0 in front would make another number of it: octal.
  number('needed', `(vector($expected - 0) > 0) or clamp_min(${acceptedBefore}, 1) or vector(1)`),
];

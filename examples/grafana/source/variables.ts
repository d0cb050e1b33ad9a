import { VariableHide, type VariableModel, VariableRefresh, VariableSort } from '@grafana/schema';
import {
  DEPLOYMENT_VERSION,
  POOL_NAME,
  REPORT_INTERVAL,
  START_TIME,
  WORKER_VERSION,
} from '../../../src/attributes.js';
import { labelName, matcher, series } from '../../../src/deploy/promql.js';
import { Blocks, POOL, type Silence, VERSION } from './blocks.js';
import { Deploy } from './deploy.js';
import { variable } from './template.js';

/** A worker without a report for so many of its report intervals is silent. */
const INTERVALS = 4;
const DEFAULT_INTERVAL_SECONDS = 15;
const LONG_AGO = 1e10;

export const PROMETHEUS = { type: 'prometheus', uid: variable('prometheus_datasource') };
export const TEMPO = { type: 'tempo', uid: variable('tempo_datasource') };

/** The parts of the silence window: durations in a query can not be divided. */
const SILENCE: Silence = {
  seconds: '$silence',
  whole: `${variable('silence')}s`,
  half: `${variable('silence_half')}ms`,
  quarter: `${variable('silence_quarter')}ms`,
  third: `${variable('silence_third')}ms`,
  twoThirds: `${variable('silence_two_thirds')}ms`,
};

/** The blocks of the pool that is looked at, and its deploy. */
export const blocks = new Blocks(SILENCE, [matcher(POOL_NAME, '$pool')]);
const TARGET = [matcher(WORKER_VERSION, '$target')];
export const OTHERS = [`${VERSION}!="$target"`];
export const deploy = new Deploy(blocks, {
  window: '$__range',
  windowSeconds: '$__range_s',
  target: TARGET,
  others: OTHERS,
});

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

const result = (expression: string) => `query_result(${expression})`;
const NUMBER = '/ ([0-9.]+) /';

const part = (name: string, ms: number) =>
  query(`silence_${name}`, '', result(`round(vector($silence * ${ms}))`), NUMBER, VariableHide.hideVariable);

function longestSilence(): string {
  const interval = `max(${blocks.last(REPORT_INTERVAL, { window: '$__range' })})`;
  return `ceil(${INTERVALS} * (${interval} or vector(${DEFAULT_INTERVAL_SECONDS})))`;
}

/** The versions, the one first seen last on top; those that run no more come after. */
function lastStarted(): string {
  const ofPool = blocks.last(START_TIME, { window: '$__range' });
  const firstSeen = `min by (${POOL}, ${VERSION}) (${ofPool})`;
  const running = `count by (${POOL}, ${VERSION}) (${blocks.last(DEPLOYMENT_VERSION, { window: '$__range' })} == 1 unless ${blocks.exited({ window: '$__range' })})`;
  return `sort_desc((${firstSeen} and ${running}) or (${firstSeen} - ${LONG_AGO}))`;
}

export const VARIABLES: VariableModel[] = [
  datasource('prometheus_datasource', 'Prometheus data source', 'prometheus'),
  datasource('tempo_datasource', 'Tempo data source', 'tempo'),
  query('pool', 'Pool', `label_values(${series(DEPLOYMENT_VERSION)}, ${labelName(POOL_NAME)})`),
  query('target', 'Target', result(lastStarted()), `/${VERSION}="([^"]*)"/`),
  query('silence', 'Silence (s)', result(longestSilence()), NUMBER),
  part('half', 500),
  part('quarter', 250),
  part('third', 1000 / 3),
  part('two_thirds', 2000 / 3),
  {
    name: 'tenant',
    label: 'Tenant (traces)',
    type: 'textbox',
    query: '.*',
    current: { text: '.*', value: '.*' },
    hide: VariableHide.dontHide,
  },
];

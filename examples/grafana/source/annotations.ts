import type { AnnotationQuery } from '@grafana/schema';
import { ACTIVE_SESSIONS, START_TIME, WORKER_ID } from '../../../src/attributes.js';
import { labelName } from '../../../src/deploy/promql.js';
import { POOL, VERSION } from './blocks.js';
import { blocks, PROMETHEUS } from './variables.js';

/** An annotation from a Prometheus; a value above 0 makes one. */
type PrometheusAnnotation = AnnotationQuery & {
  readonly expr: string;
  readonly step: string;
  readonly titleFormat: string;
  readonly textFormat: string;
  readonly tagKeys: string;
  /** The value is the time, in Unix ms. */
  readonly useValueForTime: boolean;
};

const STEP = '15s';
const WORKER_NAME = labelName(WORKER_ID);

const annotation = (
  name: string,
  iconColor: string,
  expr: string,
  titleFormat: string,
  textFormat: string,
  useValueForTime = false,
): PrometheusAnnotation => ({
  name,
  iconColor,
  expr,
  titleFormat,
  textFormat,
  useValueForTime,
  datasource: PROMETHEUS,
  enable: true,
  hide: false,
  step: STEP,
  tagKeys: VERSION,
});

const draining = (offset?: string) =>
  `count by (${POOL}, ${VERSION}) (${blocks.draining({ window: '1m', ...(offset && { offset }) })})`;
const silentWith = `${blocks.last(ACTIVE_SESSIONS, { window: '5m' })} > 0 and ${blocks.silent({ window: '5m' })}`;

export const ANNOTATIONS: PrometheusAnnotation[] = [
  annotation(
    'New version',
    'blue',
    `1000 * min by (${POOL}, ${VERSION}) (${blocks.last(START_TIME)})`,
    `{{${VERSION}}} came up`,
    'The first start of the workers of this version that report.',
    true,
  ),
  annotation(
    'Drain started',
    'yellow',
    `${draining()} unless ${draining('1m')}`,
    `{{${VERSION}}} drains`,
    'Workers of this version drain, and none did a minute before.',
  ),
  annotation(
    'Worker gone with sessions',
    'red',
    `${silentWith} and on (${POOL}) ${blocks.witness}`,
    `{{${WORKER_NAME}}} went silent with sessions`,
    'No report and no goodbye for a silence window: its sessions are presumed dropped.',
  ),
];

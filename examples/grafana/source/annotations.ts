import type { AnnotationQuery } from '@grafana/schema';
import { METRICS } from '../../../src/attributes.js';
import { PROMETHEUS } from './variables.js';
import {
  draining,
  except,
  exited,
  folded,
  last,
  reported,
  VERSION,
  WITNESS,
  WORKER_NAME,
} from './workers.js';

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
  // Of the switch in the head of the page.
  hide: true,
  step: STEP,
  tagKeys: VERSION,
});

const MINUTE = '1m';
const drain = (offset?: string) =>
  `count by (${VERSION}) (${draining({ window: MINUTE, ...(offset && { offset }) })})`;
const LATELY = { window: '5m' };
const silentWith = except(folded('max', `${last(METRICS.active, LATELY)} > 0`), exited(LATELY), reported());

export const ANNOTATIONS: PrometheusAnnotation[] = [
  annotation(
    'New version',
    'blue',
    `1000 * min by (${VERSION}) (${last(METRICS.startTime)})`,
    `{{${VERSION}}} came up`,
    'The first start of the workers of this version that report.',
    true,
  ),
  annotation(
    'Drain started',
    'yellow',
    `${drain()} unless ${drain(MINUTE)}`,
    `{{${VERSION}}} drains`,
    'Workers of this version drain, and none did a minute before.',
  ),
  annotation(
    'Worker gone with sessions',
    'red',
    `(${silentWith}) and on () ${WITNESS}`,
    `{{${WORKER_NAME}}} went silent with sessions`,
    'No report and no goodbye for a silence window: its sessions are presumed dropped.',
  ),
];

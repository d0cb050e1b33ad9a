import {
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAIN_TIMEOUT,
  DRAINING,
  type Metric,
  REPORT_INTERVAL,
  START_TIME,
} from '../attributes.js';

/** The longest interval that is believed. */
export const MAX_INTERVAL_SECONDS = 3600;
/** About thirty years: what is longer is no duration, and no date comes out of it. */
const MAX_SECONDS = 1e9;
const MAX_UNIX_SECONDS = 8.64e12;

const isFlag = (value: number) => value === 0 || value === 1;
const isDuration = (value: number) => value >= 0 && value <= MAX_SECONDS;
const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
/** What is no count. */
const PLAUSIBLE = new Map<string, (value: number) => boolean>([
  [DRAINING.name, isFlag],
  [DEPLOYMENT_VERSION.name, isFlag],
  [DRAIN_ELAPSED.name, isDuration],
  [DRAIN_TIMEOUT.name, isDuration],
  [REPORT_INTERVAL.name, (value) => value > 0],
  [START_TIME.name, (value) => value > 0 && value <= MAX_UNIX_SECONDS],
]);

/** Whether a worker can mean the value of a metric of this package. */
export const isPlausible = ({ name }: Pick<Metric, 'name'>, value: number): boolean =>
  (PLAUSIBLE.get(name) ?? isCount)(value);

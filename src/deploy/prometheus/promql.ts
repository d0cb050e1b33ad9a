import { type Metric, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../attributes.js';

/**
 * PromQL as text, from the names in attributes.ts. It speaks what Prometheus, Mimir, Thanos and VictoriaMetrics have
 * in common: no experimental function, nothing that depends on which functions keep a metric's name. A duration is a
 * text such as `60000ms`, `5m` or `$__range`.
 */

/** A name of OpenTelemetry as a label. VictoriaMetrics needs its option for Prometheus naming to store it so. */
export const labelName = (attribute: string): string => attribute.replace(/\W/g, '_');

/** The labels that identify a worker. */
export const WORKER_LABELS: readonly string[] = [POOL_NAME, WORKER_ID, WORKER_VERSION].map(labelName);

/** A text in PromQL. */
export const quoted = (text: string): string => JSON.stringify(text);

/** A label matcher for one attribute. */
export const matcher = (attribute: string, value: string): string =>
  `${labelName(attribute)}=${quoted(value)}`;

/** The names that a backend may give a metric: without and with a suffix. */
export function namesOf({ name, kind, unit }: Metric): string[] {
  const suffix = kind === 'counter' ? '_total' : unit === 's' ? '_seconds' : undefined;
  return [labelName(name), ...(suffix === undefined ? [] : [`${labelName(name)}${suffix}`])];
}

/** The series of a metric, with and without the suffix that a backend may append to its name. */
export function series(metric: Metric, matchers: readonly string[] = []): string {
  const [name = '', suffixed] = namesOf(metric);
  return suffixed === undefined
    ? `${name}{${matchers.join(',')}}`
    : `{${[`__name__=~${quoted(`${name}(${suffixed.slice(name.length)})?`)}`, ...matchers].join(',')}}`;
}

/** The same, each name by itself: where a function drops the names, two series of a worker that has both are the same. */
export const seriesByName = (metric: Metric, matchers: readonly string[] = []): string[] =>
  namesOf(metric).map((name) => `${name}{${matchers.join(',')}}`);

/** Milliseconds as a duration; a range cannot be empty. */
export const milliseconds = (ms: number): string => `${Math.max(1, Math.round(ms))}ms`;

/** The samples of a range that ends now, or `offset` before now. */
export const range = (selector: string, window: string, offset?: string): string =>
  `${selector}[${window}]${offset === undefined ? '' : ` offset ${offset}`}`;

/** One value a worker (and a value of each further label): replicas and relabelled copies of its series folded. */
export const perWorker = (
  aggregate: 'min' | 'max',
  expression: string,
  more: readonly string[] = [],
): string => aggregated(aggregate, [...WORKER_LABELS, ...more], expression);

export const aggregated = (
  aggregate: 'min' | 'max' | 'count' | 'sum',
  labels: readonly string[],
  expression: string,
): string => `${aggregate} by (${labels.join(', ')}) (${expression})`;

/** The values of the first expression, and those of the others that the ones before do not have. */
export const either = (...expressions: readonly string[]): string => expressions.join(' or ');

/** The values of the first expression that every other one has too. */
export const both = (...expressions: readonly string[]): string => expressions.join(' and ');

/** The values of the first expression of workers that the second has no value of. */
export const unless = (expression: string, other: string): string =>
  `(${expression}) unless on (${WORKER_LABELS.join(', ')}) (${other})`;

/** The values that are not zero, for what is zero when it is absent. */
export const positive = (expression: string): string => `(${expression}) > 0`;

/** The same, with those below zero: they are no number of sessions, and must not count as 0. */
export const nonZero = (expression: string): string => `(${expression}) != 0`;

/** The label that names the expression of a {@link union}. */
export const TAG = 'fact';

/** All values of several expressions, each tagged with its name. */
export const union = (expressions: Readonly<Record<string, string>>): string =>
  either(
    ...Object.entries(expressions).map(
      ([name, expression]) => `label_replace(${expression}, ${quoted(TAG)}, ${quoted(name)}, "", "")`,
    ),
  );

const MATCHER = /^\s*([a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))\s*(?:,|$)/;

/** A list of label matchers, such as `cluster="eu",env=~"prod|stage"`; undefined where the text is none. */
export function parseMatchers(text: string): string[] | undefined {
  const matchers: string[] = [];
  let rest = text;
  while (rest.trim() !== '') {
    const [whole, one] = MATCHER.exec(rest) ?? [];
    if (whole === undefined || one === undefined) return undefined;
    matchers.push(one);
    rest = rest.slice(whole.length);
  }
  return matchers;
}

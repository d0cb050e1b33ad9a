import * as names from '../../../src/attributes.js';
import { labelName } from '../../../src/deploy/prometheus/promql.js';

/** How often the workers of a rule test report, in s. */
const INTERVAL = 15;
/** How often the rules are evaluated, in s. */
const EVALUATED = 30;
const MINUTE = 60;

/** A worker as its reports show it. Times are minutes of the test, values may depend on them. */
export interface Life {
  readonly id: string;
  readonly version?: string;
  readonly from?: number;
  /** When it started. @default from */
  readonly start?: number;
  /** How often it reports, in s. @default 15 */
  readonly every?: number;
  /** Two ways lead to the backend, and one names metrics without their units. */
  readonly hasBothNames?: true;
  /** When it ends; without `goodbye` it just stops. */
  readonly to?: number;
  readonly goodbye?: boolean;
  readonly active?: (minute: number) => number;
  readonly dropped?: (minute: number) => number;
  readonly started?: (minute: number) => number;
  readonly rejected?: Readonly<Record<string, (minute: number) => number>>;
  readonly drainsFrom?: number;
  readonly drainTimeoutSeconds?: number;
  /** From and to when its reports do not arrive. */
  readonly gaps?: readonly (readonly [from: number, to: number])[];
  /** More labels, as those of another replica. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Which alerts fire at a minute, and how many of each; none is named here, none may fire. */
export type Firing = readonly [minute: number, alerts: Readonly<Record<string, number>>];

/** What one alert says, word for word. */
export interface Words {
  readonly minute: number;
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly description: string;
  readonly severity: string;
  readonly runbook: string;
}

export interface Case {
  readonly name: string;
  readonly minutes: number;
  readonly lives: readonly Life[];
  readonly firing: readonly Firing[];
  readonly words?: Words;
}

export const POOL = 'voice-prod';
export const workerLabels = (id: string, version: string): Record<string, string> => ({
  [labelName(names.POOL_NAME)]: POOL,
  [labelName(names.WORKER_ID)]: id,
  [labelName(names.WORKER_VERSION)]: version,
});

/** Nothing fires at each of these minutes. */
export const quiet = (from: number, to: number): Firing[] =>
  Array.from({ length: to - from + 1 }, (_, index) => [from + index, {}]);

/** A worker that lives all the time. */
export const witness: Life = { id: 'b', active: () => 1 };
/** The same worker as another replica has it. */
export const copyOf = (life: Life, replica: string): Life => ({ ...life, labels: { replica } });

/** The series of a worker as `promtool test rules` reads them. */
function seriesOf(life: Life, minutes: number): { series: string; values: string }[] {
  const { id, version = 'v1', from = 0, to = Number.POSITIVE_INFINITY, goodbye = false, gaps = [] } = life;
  const { start = from, every = INTERVAL } = life;
  const {
    active = () => 2,
    dropped = () => 0,
    started = (minute) => Math.floor(minute),
    rejected = {},
  } = life;
  const { drainsFrom = Number.POSITIVE_INFINITY, drainTimeoutSeconds = 3600 } = life;
  const bye = (minute: number) => goodbye && minute >= to;
  const series = (metric: names.Metric, value: (minute: number) => number, more = {}) => {
    const suffix = metric.kind === 'counter' ? '_total' : metric.unit === 's' ? '_seconds' : '';
    const labels = Object.entries({ ...workerLabels(id, version), ...life.labels, ...more });
    const values: string[] = [];
    for (let seconds = 0; seconds <= minutes * MINUTE; seconds += INTERVAL) {
      const minute = seconds / MINUTE;
      const isGap = gaps.some(([begin, end]) => minute >= begin && minute < end);
      const isLast = goodbye && minute >= to && minute < to + INTERVAL / MINUTE;
      const isDue = (seconds - from * MINUTE) % every === 0 || isLast;
      const reports = minute >= from && (minute < to || isLast) && !isGap && isDue;
      values.push(reports ? String(value(minute)) : '_');
    }
    const suffixes = life.hasBothNames && suffix !== '' ? ['', suffix] : [suffix];
    return suffixes.map((one) => ({
      series: `${labelName(metric.name)}${one}{${labels.map(([name, text]) => `${name}="${text}"`).join(',')}}`,
      values: values.join(' '),
    }));
  };
  return [
    series(names.METRICS.running, (minute) => Number(!bye(minute))),
    series(names.METRICS.active, (minute) => (bye(minute) ? 0 : active(minute))),
    series(names.METRICS.draining, (minute) => Number(minute >= drainsFrom)),
    series(names.METRICS.dropped, dropped),
    series(names.METRICS.startTime, () => start * MINUTE),
    series(names.METRICS.interval, () => every),
    series(names.METRICS.drainElapsed, (minute) => Math.max(0, (minute - drainsFrom) * MINUTE)),
    series(names.METRICS.drainTimeout, () => drainTimeoutSeconds),
    series(names.METRICS.started, started),
    ...Object.entries(rejected).map(([reason, value]) =>
      series(names.METRICS.rejected, value, { [labelName(names.REJECTION_REASON)]: reason }),
    ),
  ].flat();
}

/** A test file of promtool. */
export function testFile(rulesFile: string, cases: readonly Case[]): object {
  return {
    rule_files: [rulesFile],
    evaluation_interval: `${EVALUATED}s`,
    tests: cases.map(({ name, minutes, lives, firing, words }) => ({
      name,
      interval: `${INTERVAL}s`,
      input_series: lives.flatMap((life) => seriesOf(life, minutes)),
      promql_expr_test: firing.map(([minute, alerts]) => ({
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: `${minute * MINUTE}s`,
        exp_samples: Object.entries(alerts).map(([alertname, value]) => ({
          labels: `{alertname="${alertname}"}`,
          value,
        })),
      })),
      ...(words && { alert_rule_test: [wordsTest(words)] }),
    })),
  };
}

function wordsTest({ minute, alert, labels, summary, description, severity, runbook }: Words): object {
  return {
    eval_time: `${minute * MINUTE}s`,
    alertname: alert,
    exp_alerts: [
      {
        exp_labels: { severity, ...labels },
        exp_annotations: { summary, description, runbook_url: runbook },
      },
    ],
  };
}

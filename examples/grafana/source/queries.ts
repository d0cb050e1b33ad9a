import { variable } from './template.js';
import { PROMETHEUS, TEMPO } from './variables.js';

/** A query of a panel. */
export type Query = PrometheusQuery | TempoQuery;

interface PrometheusQuery {
  readonly datasource: typeof PROMETHEUS;
  readonly expr: string;
  /** Of now; else of the whole time range. */
  readonly instant: boolean;
  readonly range: boolean;
  readonly format: 'time_series' | 'table';
  readonly legendFormat: string;
  /** The shortest step. */
  readonly interval: string;
  readonly editorMode: 'code';
}

interface TempoQuery {
  readonly datasource: typeof TEMPO;
  readonly query: string;
  readonly queryType: 'traceql';
  readonly tableType: 'spans';
  readonly limit: number;
}

/** The shortest step of a graph: how often workers report. */
const STEP = `${variable('silence_quarter')}ms`;
/** How many spans are shown at most. */
const SPANS = 100;

const ask = (expr: string, legendFormat: string, instant: boolean, format: PrometheusQuery['format']) =>
  ({
    datasource: PROMETHEUS,
    expr,
    instant,
    range: !instant,
    format,
    legendFormat,
    interval: STEP,
    editorMode: 'code',
  }) satisfies PrometheusQuery;

/** At the end of the time range. The only kind that a verdict may be: a range shows its last point through an outage. */
export const now = (expr: string, legend = ''): PrometheusQuery => ask(expr, legend, true, 'time_series');

/** The same, a row for each value. */
export const rows = (expr: string): PrometheusQuery => ask(expr, '', true, 'table');

/** Over the time range. */
export const overTime = (expr: string, legend: string): PrometheusQuery =>
  ask(expr, legend, false, 'time_series');

export const spans = (query: string): TempoQuery => ({
  datasource: TEMPO,
  query,
  queryType: 'traceql',
  tableType: 'spans',
  limit: SPANS,
});

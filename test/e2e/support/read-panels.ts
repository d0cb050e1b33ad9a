import type { ReduceDataOptions } from '@grafana/schema';
import { interpolate, type Selection } from '../../grafana/interpolate.js';
import { type AnyPanel, panels, type Target, targetsOf } from '../../grafana/panels.js';
import { type Answered, framesOf } from './frames.js';
import { PrometheusDatasource, type Sight, selectionOf } from './grafana.js';
import { type DisplayValue, type Drawn, type Frame, grafanaData, type Loaded } from './grafana-data.js';

/** What a viewer reads: a text, its colour as CSS writes it, and the name of the value, the column or the line. */
export interface Shown {
  readonly name: string;
  readonly text: string;
  readonly color?: string;
}

/** A panel as it is seen: a row a value, a line, or a row of a table; of a line, what it comes to. */
export interface PanelView {
  readonly panel: AnyPanel;
  readonly rows: readonly (readonly Shown[])[];
  /** The queries that gave something. */
  readonly answered: readonly string[];
}

/** So many points has a line on a page of a usual width. */
const POINTS = 1_000;

/** Reads panels of the dashboard as Grafana shows them: of a Prometheus, and without a Tempo. */
export async function readPanels(
  url: string,
  sight: Sight,
  which: readonly AnyPanel[] = panels,
): Promise<PanelView[]> {
  const datasource = new PrometheusDatasource(url);
  const selection = await selectionOf(datasource, sight);
  const grafana = await grafanaData();
  return Promise.all(which.map((panel) => read(panel, datasource, selection, grafana)));
}

async function read(
  panel: AnyPanel,
  datasource: PrometheusDatasource,
  selection: Selection,
  grafana: Loaded,
): Promise<PanelView> {
  const answers = await Promise.all(
    targetsOf(panel).map(async (target) => ({
      target: { ...target, legendFormat: interpolate(target.legendFormat ?? '', selection) },
      series: await ask(target, datasource, selection),
    })),
  );
  const replaceVariables = (text: string) => interpolate(text, selection);
  const { theme, fieldConfigRegistry } = grafana;
  const fieldConfig = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const drawing = { fieldConfig, replaceVariables, theme, timeZone: 'utc' };
  const raw = framesOf(answers).map(grafana.toDataFrame);
  const frames = await new Promise<readonly Frame[]>((resolve, reject) => {
    grafana
      .transformDataFrame(panel.transformations ?? [], raw, { interpolate: replaceVariables })
      .subscribe({ next: resolve, error: reject });
  });
  const data = grafana.applyFieldOverrides({ ...drawing, data: frames, fieldConfigRegistry });
  const answered = answers.flatMap(({ target, series }) => (series.length > 0 ? [target.refId] : []));
  const rows = () => {
    if (panel.type === 'stat') return statRows(panel, { ...drawing, data }, grafana);
    // Where a table has no column, and a graph no line, these words stand.
    if (!data.some(({ fields }) => fields.length > 0))
      return [[{ name: '', text: fieldConfig.defaults.noValue || 'No data' }]];
    return panel.type === 'table' ? tableRows(data, grafana) : lineRows(panel, data, grafana);
  };
  return { panel, answered, rows: rows() };
}

type Rows = PanelView['rows'];

function statRows(panel: AnyPanel, drawn: Drawn, grafana: Loaded): Rows {
  const { reduceOptions, textMode } = panel.options as { reduceOptions: ReduceDataOptions; textMode: string };
  return grafana.getFieldDisplayValues({ ...drawn, reduceOptions }).map(({ display }) => {
    const isNamed = textMode === 'value_and_name' && drawn.data.length > 0;
    return [shown(isNamed ? (display.title ?? '') : '', display, grafana)];
  });
}

/** The first frame: a table shows one alone. */
function tableRows(data: readonly Frame[], grafana: Loaded): Rows {
  const [frame = { fields: [], length: 0 }] = data;
  const cells = frame.fields.map((field) => {
    const name = grafana.getFieldDisplayName(field, frame, data);
    const isColored = field.config.custom?.cellOptions?.type.startsWith('color') ?? false;
    return (row: number) => shown(name, field.display(field.values[row]), grafana, isColored);
  });
  return Array.from({ length: frame.length }, (_, row) => cells.map((cell) => cell(row)));
}

function lineRows(panel: AnyPanel, data: readonly Frame[], grafana: Loaded): Rows {
  // The colours of a graph's lines tell them apart, and mean nothing.
  const isColored = panel.type === 'state-timeline';
  return data.flatMap((frame) =>
    frame.fields
      .filter(({ type }) => type === 'number')
      .map((line) => {
        const name = grafana.getFieldDisplayName(line, frame, data);
        return [shown(name, line.display(line.values.at(-1)), grafana, isColored)];
      }),
  );
}

const shown = (name: string, value: DisplayValue, grafana: Loaded, isColored = true): Shown => ({
  name,
  text: grafana.formattedValueToString(value),
  ...(isColored && value.color !== undefined && { color: value.color }),
});

/** What a query gives. One of Tempo, which is not there, gives nothing: Grafana has no frames of an error. */
async function ask(
  target: Target,
  datasource: PrometheusDatasource,
  selection: Selection,
): Promise<Answered[]> {
  const { expr, instant, interval = '' } = target;
  if (expr === undefined) return [];
  const { from, to } = selection;
  if (instant) {
    const found = await datasource.instant(interpolate(expr, selection), to);
    return found.map(({ labels, value }) => ({ labels, points: [[to, value]] }));
  }
  const shortest = Number(interpolate(interval, selection).replace('ms', '')) / 1000;
  const step = Math.max(shortest, Math.ceil((to - from) / 1000 / POINTS));
  const rate = { __rate_interval: `${Math.max(step + shortest, 4 * shortest)}s` };
  const variables = { ...selection.variables, ...rate };
  const found = await datasource.range(interpolate(expr, { ...selection, variables }), selection, step);
  return found.map(({ metric, values = [] }) => ({
    labels: metric,
    points: values.map(([time, value]) => [time * 1000, Number(value)]),
  }));
}

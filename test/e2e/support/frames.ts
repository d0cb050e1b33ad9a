import type { Target } from '../../grafana/panels.js';
import type { RawFrame } from './grafana-data.js';

/** A series that a Prometheus answers, as it comes. Times are Unix ms. */
export interface Answered {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [time: number, value: number])[];
}

/** The answers to the queries of a panel, as Grafana's Prometheus data source frames them. */
export function framesOf(answers: readonly { target: Target; series: readonly Answered[] }[]): RawFrame[] {
  const tables = answers.filter(({ target, series }) => target.format === 'table' && series.length > 0);
  return [
    ...answers.flatMap(({ target, series }) =>
      target.format === 'table' ? [] : series.map((one) => ofSeries(target, one)),
    ),
    // Alone, a column of values has no letter.
    ...tables.map(({ target, series }) =>
      asTable(target, series, tables.length > 1 ? `Value #${target.refId}` : 'Value'),
    ),
  ];
}

function ofSeries(target: Target, { labels, points }: Answered): RawFrame {
  const name = legendOf(target, labels);
  return {
    refId: target.refId,
    length: points.length,
    fields: [
      { name: 'Time', type: 'time', config: {}, values: points.map(([time]) => time) },
      {
        name: labels.__name__ ?? 'Value',
        type: 'number',
        labels,
        config: name === '' ? {} : { displayNameFromDS: name },
        values: points.map(([, value]) => value),
      },
    ],
  };
}

/** All series of a query as one: a column a label. */
function asTable({ refId }: Target, series: readonly Answered[], valueName: string): RawFrame {
  const samples = series.flatMap(({ labels, points }) =>
    points.map(([time, value]) => ({ labels, time, value })),
  );
  const names = new Set(series.flatMap(({ labels }) => Object.keys(labels).sort()));
  return {
    refId,
    length: samples.length,
    fields: [
      { name: 'Time', type: 'time', config: {}, values: samples.map(({ time }) => time) },
      ...[...names].map((name) => ({
        name,
        type: 'string' as const,
        config: {},
        values: samples.map(({ labels }) => labels[name] ?? ''),
      })),
      { name: valueName, type: 'number', config: {}, values: samples.map(({ value }) => value) },
    ],
  };
}

function legendOf({ legendFormat = '', expr = '' }: Target, labels: Answered['labels']): string {
  const { __name__: metric = '', ...others } = labels;
  // Named by what tells it apart: that is left to the panel.
  if (legendFormat === '__auto') return Object.keys(labels).length > 0 ? '' : expr;
  if (legendFormat !== '')
    return legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
  const pairs = Object.entries(others).map(([name, value]) => `${name}="${value}"`);
  return `${metric}${pairs.length > 0 ? `{${pairs.sort().join(', ')}}` : ''}` || expr;
}

import { RECORDINGS } from '../../../examples/grafana/source/recording.js';

const EXPRESSIONS = new Map(RECORDINGS.map(({ record, expr }) => [record, expr]));
const RECORDED = /\bopenrtc_(?:worker|version|pool):[\w:]+/;
const USE = new RegExp(
  `(?<record>${RECORDED.source})(?:\\{[^}]*\\})?(?:\\[(?<window>\\w+)\\]| offset (?<offset>\\w+))?`,
  'g',
);

/**
 * An alert as it would be without recording rules: what it reads, in place of its name. Matchers on recorded series are
 * left out, since an expression has none: it costs the same.
 */
export function unrecorded(expression: string): string {
  const inside = expression.replace(USE, (...found) => {
    const { record, window, offset } = found.at(-1) as Record<'record', string> & Record<string, string>;
    const whole = `(${EXPRESSIONS.get(record)})`;
    if (window) return `${whole}[${window}:5m]`;
    return offset ? `last_over_time(${whole}[30s:30s] offset ${offset})` : whole;
  });
  return RECORDED.test(inside) ? unrecorded(inside) : inside;
}

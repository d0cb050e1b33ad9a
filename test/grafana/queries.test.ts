import { ensureSyntaxTree } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { parser as traceql } from '@grafana/lezer-traceql';
import { Parser } from '@prometheus-io/codemirror-promql/dist/esm/parser/parser.js';
import { LanguageType, promQLLanguage } from '@prometheus-io/codemirror-promql/dist/esm/promql.js';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { RECORDINGS } from '../../examples/grafana/source/recording.js';
import { RULES } from '../../examples/grafana/source/rules.js';
import { METRICS } from '../../src/attributes.js';
import { namesOf } from '../../src/deploy/prometheus/promql.js';
import { interpolate, SAMPLE, type Selection } from './interpolate.js';
import { annotations, dashboard, expressionOf, promqlTargets, queryVariables, targets } from './panels.js';

const PARSE_MS = 20_000;

/** A query of the dashboard as people read it. */
const LONGEST_TEMPLATE = 6_000;
/** As it is sent. VictoriaMetrics refuses more than 16 KiB; people have longer names than these, and more matchers. */
const LONGEST_SENT = 10_000;
/** The longest name that Kubernetes gives, the longest window, and one more matcher. */
const LONG: Selection = {
  ...SAMPLE,
  variables: {
    ...SAMPLE.variables,
    pool: 'p'.repeat(63),
    more: 'cluster="production-europe-west-1"',
    age: '85980',
    window: '86400',
  },
};

/** What Prometheus' own editor finds wrong: syntax, types, functions and their arguments. */
function troubles(expression: string): string[] {
  const state = EditorState.create({ doc: expression, extensions: promQLLanguage(LanguageType.PromQL) });
  // Else a long expression may be parsed in part only.
  if (!ensureSyntaxTree(state, expression.length, PARSE_MS)) throw new Error('not parsed in time');
  // Its types know the same class by another file.
  const parser = new Parser(state.update({}).state as never);
  parser.analyze();
  return parser.getDiagnostics().map(({ message }) => message);
}

/** As the dashboard has them, variables not filled in. */
const templates = [
  ...promqlTargets.map(({ name, expr }) => ({ name, expr })),
  ...annotations.map(({ name, expr }) => ({ name: `annotation ${name}`, expr })),
  ...queryVariables.map((variable) => ({ name: `variable ${variable.name}`, expr: expressionOf(variable) })),
];

const expressions = [
  ...templates,
  ...RULES.map(({ alert, expr }) => ({ name: alert, expr })),
  ...RECORDINGS.map(({ record, expr }) => ({ name: record, expr })),
].map(({ name, expr }) => ({ name, expr: interpolate(expr, SAMPLE) }));

describe('PromQL', () => {
  it('the editor of Prometheus knows a wrong type, function or syntax', () => {
    for (const wrong of ['sum(1)', 'rate(up)', 'up[5m] + 1', 'nope(up)', 'sum by (a) (', 'up unless 1']) {
      expect(troubles(wrong), wrong).not.toEqual([]);
    }
  });

  it.each(expressions)('$name is well typed', ({ expr }) => {
    expect(troubles(expr)).toEqual([]);
  });

  it.each(expressions)('$name asks for metrics of this package alone', ({ expr }) => {
    const known = Object.values(METRICS).flatMap(namesOf);
    const asked = expr.match(/\bopenrtc_[a-z_]+(?=[{(])/g) ?? [];
    for (const name of asked) expect(known).toContain(name);
  });

  // Each turned a wrong answer green.
  it.each(expressions)('$name has no absent(), and no made-up zero', ({ name, expr }) => {
    expect(expr).not.toMatch(/\babsent(_over_time)?\b/);
    // These are no verdicts: a silence window has a default, a deploy has one worker at
    // least, the age of what was never seen is 0, and a number of signs is 0 without one.
    if (!/^variable (silence|lead|age|window|unclear|undated|needed)/.test(name))
      expect(expr).not.toMatch(/\bvector\b/);
  });

  // The options of the pool are labels, not samples.
  const read = expressions.filter(({ name }) => name !== 'variable pool');
  it.each(read)('$name looks at a window, and at a sample only for its time', ({ expr }) => {
    expect(bareSelectors(expr)).toEqual([]);
  });

  it('a bare selector is found', () => {
    expect(bareSelectors('openrtc_draining{} == 1')).toEqual(['openrtc_draining{}']);
  });

  it('no query is longer than backends take and people read', () => {
    for (const { name, expr } of templates) {
      expect(expr.length, name).toBeLessThanOrEqual(LONGEST_TEMPLATE);
      expect(interpolate(expr, LONG).length, name).toBeLessThanOrEqual(LONGEST_SENT);
    }
    for (const { alert, expr } of RULES) expect(expr.length, alert).toBeLessThanOrEqual(700);
  });

  it('a version goes in as a text, not as a regular expression', () => {
    expect(JSON.stringify(dashboard)).not.toMatch(/=~\\"\$(pool|target)/);
  });
});

/** Selectors without a range that are not asked for their time alone. */
function bareSelectors(expression: string): string[] {
  const bare: string[] = [];
  promql.parse(expression).iterate({
    enter({ name, from, to, node }) {
      if (name !== 'VectorSelector') return;
      let outer = node.parent;
      while (outer && ['OffsetExpr', 'FunctionCallBody'].includes(outer.name)) outer = outer.parent;
      const isTime = outer?.name === 'FunctionCall' && expression.startsWith('timestamp', outer.from);
      const selector = expression.slice(from, to);
      // What a rule records is gone as soon as it gives nothing.
      const isRecorded = selector.includes(':');
      const isWindow = outer?.name === 'MatrixSelector' || outer?.name === 'SubqueryExpr';
      if (!isWindow && !isTime && !isRecorded) bare.push(selector);
    },
  });
  return bare;
}

describe('TraceQL', () => {
  const queries = targets.flatMap(({ name, target }) =>
    target.query ? [{ name, query: interpolate(target.query, SAMPLE) }] : [],
  );
  const isWrong = (query: string) => traceql.parse(query).toString().includes('⚠');

  it('a wrong query is found', () => {
    expect(isWrong('{ span.a = }')).toBe(true);
    expect(queries.length).toBeGreaterThan(0);
  });

  it.each(queries)('$name is TraceQL', ({ query }) => {
    expect(isWrong(query)).toBe(false);
  });
});

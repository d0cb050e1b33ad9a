import { readFileSync } from 'node:fs';
import type { AnnotationQuery, Panel, VariableModel } from '@grafana/schema';

const FOLDER = new URL('../../examples/grafana/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8');

/** A query of a panel, as far as tests read it. */
export interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr?: string;
  readonly query?: string;
  readonly instant?: boolean;
  readonly format?: string;
  readonly legendFormat?: string;
  readonly interval?: string;
}

export interface AnyPanel extends Panel {
  readonly panels?: AnyPanel[];
}

/** The committed file, as Grafana reads it. */
export const dashboard = JSON.parse(read('deploy-completion.json'));

export const annotations: (AnnotationQuery & { expr: string })[] = dashboard.annotations.list;
export const variables: VariableModel[] = dashboard.templating.list;

/** All panels but rows, those in collapsed rows too. */
export const panels: AnyPanel[] = dashboard.panels
  .flatMap((panel: AnyPanel) => [panel, ...(panel.panels ?? [])])
  .filter(({ type }: Panel) => type !== 'row');

export const targetsOf = (panel: Panel): Target[] => (panel.targets ?? []) as unknown as Target[];

/** Each query of a panel with a name for tests. */
export const targets = panels.flatMap((panel) =>
  targetsOf(panel).map((target) => ({ name: `${panel.title}, query ${target.refId}`, panel, target })),
);

export const promqlTargets = targets.flatMap(({ name, panel, target: { expr, instant = false } }) =>
  expr ? { name, panel, expr, instant } : [],
);

/** The PromQL of a query variable. */
export function expressionOf({ query }: VariableModel): string {
  const text = typeof query === 'object' ? String(query.query) : (query ?? '');
  const [, inside] = /^query_result\((.*)\)$/s.exec(text) ?? /^label_values\((.*), \w+\)$/s.exec(text) ?? [];
  if (inside === undefined) throw new Error(`no query of a variable: ${text}`);
  return inside;
}

export const queryVariables = variables.filter(({ type }) => type === 'query');

/** Panels by their titles, in this order. */
export const panelsNamed = <Titles extends readonly string[]>(
  ...titles: Titles
): { readonly [Title in keyof Titles]: AnyPanel } =>
  titles.map((title) => {
    const panel = panels.find((one) => one.title === title);
    if (!panel) throw new Error(`no panel ${title}`);
    return panel;
  }) as { [Title in keyof Titles]: AnyPanel };

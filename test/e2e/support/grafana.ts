import { interpolate, type Selection } from '../../grafana/interpolate.js';
import { queryVariables } from '../../grafana/panels.js';

export { interpolate, type Selection } from '../../grafana/interpolate.js';

/** A sample of an instant query, or the last of a range query. */
export interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a viewer of the dashboard has chosen, and the time range. Times are Unix ms. */
export interface Sight {
  /** The first one when not chosen. */
  readonly pool?: string;
  /** The newest when not chosen. */
  readonly target?: string;
  readonly expected?: string;
  readonly more?: string;
  readonly from: number;
  readonly to: number;
}

/** The variables as Grafana fills them in: each with its first option, after those that it is made of. */
export async function selectionOf(datasource: PrometheusDatasource, sight: Sight): Promise<Selection> {
  const { pool, target, expected = '', more = '', from, to } = sight;
  const variables: Record<string, string> = {
    ...(pool !== undefined && { pool }),
    ...(target !== undefined && { version: target }),
    expected,
    more,
  };
  for (const { name, query, regex } of queryVariables) {
    if (variables[name] !== undefined) continue;
    const text = interpolate(typeof query === 'object' ? String(query.query) : '', { from, to, variables });
    variables[name] = (await datasource.options(text, regex ?? '', { from, to }))[0] ?? '';
  }
  return { variables, from, to };
}

/** Asks a Prometheus as Grafana does. */
export class PrometheusDatasource {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** @param at - Unix ms. */
  async instant(expression: string, at: number): Promise<Value[]> {
    const data = await this.#ask('query', { query: expression, time: (at / 1000).toFixed(3) });
    if (data.resultType === 'scalar') return [{ labels: {}, value: Number(data.result[1]) }];
    return data.result.map(({ metric, value }: Series) => ({ labels: metric, value: Number(value?.[1]) }));
  }

  /** The series of a range. */
  async range(expression: string, { from, to }: TimeRange, stepSeconds: number): Promise<Series[]> {
    const [start, end] = [from, to].map((at) => Math.floor(at / 1000 / stepSeconds) * stepSeconds);
    const range = { start: String(start), end: String(end), step: String(stepSeconds) };
    return (await this.#ask('query_range', { query: expression, ...range })).result;
  }

  /** The options of a query variable. */
  async options(query: string, regex: string, { from, to }: TimeRange): Promise<string[]> {
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/s.exec(query) ?? [];
    if (selector !== undefined && label !== undefined) {
      const seen = { 'match[]': selector, start: String(from / 1000), end: String(to / 1000) };
      return this.#get(`label/${label}/values?${new URLSearchParams(seen)}`);
    }
    const [, expression] = /^query_result\((.*)\)$/s.exec(query) ?? [];
    if (expression === undefined) throw new Error(`no query of a variable: ${query}`);
    const pick = new RegExp(regex.slice(1, -1));
    const texts = (await this.instant(expression, to)).map(asText);
    return texts.flatMap((text) => pick.exec(text)?.[1] ?? []);
  }

  #ask(path: string, parameters: Record<string, string>) {
    return this.#get(path, { method: 'POST', body: new URLSearchParams(parameters) });
  }

  async #get(path: string, request?: RequestInit) {
    const answer = await fetch(`${this.#url}/api/v1/${path}`, request);
    const { status, data, error } = (await answer.json()) as Answer;
    if (status !== 'success') throw new Error(`${error}\n${request?.body ?? path}`);
    return data;
  }
}

type TimeRange = Pick<Selection, 'from' | 'to'>;

// What the HTTP API answers, as far as it is read here.
// biome-ignore lint/suspicious/noExplicitAny: it depends on the kind of the query.
type Answer = { readonly status: string; readonly error?: string; readonly data: any };

interface Series {
  readonly metric: Record<string, string>;
  readonly value?: [number, string];
  readonly values?: [number, string][];
}

/** A sample as Grafana writes it for `query_result`. */
function asText({ labels, value }: Value): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
  return `{${pairs.join(',')}} ${value} 0`;
}

import type { Selection } from '../../grafana/interpolate.js';

export { interpolate, type Selection } from '../../grafana/interpolate.js';

/** A sample of an instant query, or the last of a range query. */
export interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
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
  async range(expression: string, { from, to }: Selection, stepSeconds: number): Promise<Series[]> {
    const range = { start: (from / 1000).toFixed(3), end: (to / 1000).toFixed(3), step: String(stepSeconds) };
    return (await this.#ask('query_range', { query: expression, ...range })).result;
  }

  /** The options of a query variable. */
  async options(query: string, regex: string, at: number): Promise<string[]> {
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/s.exec(query) ?? [];
    if (selector !== undefined && label !== undefined) {
      const found = await this.instant(`group by (${label}) (${selector})`, at);
      return found.map(({ labels }) => labels[label] ?? '').sort();
    }
    const [, expression] = /^query_result\((.*)\)$/s.exec(query) ?? [];
    if (expression === undefined) throw new Error(`no query of a variable: ${query}`);
    const pick = new RegExp(regex.slice(1, -1));
    const texts = (await this.instant(expression, at)).map(asText);
    return texts.flatMap((text) => pick.exec(text)?.[1] ?? []);
  }

  async #ask(path: string, parameters: Record<string, string>) {
    const answer = await fetch(`${this.#url}/api/v1/${path}`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    });
    const { status, data, error } = (await answer.json()) as Answer;
    if (status !== 'success') throw new Error(`${error}\n${parameters.query}`);
    return data;
  }
}

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

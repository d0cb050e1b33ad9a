/** What a dashboard's variables are, and the time range that it shows. */
export interface Selection {
  readonly variables: Readonly<Record<string, string>>;
  /** Unix ms. */
  readonly from: number;
  readonly to: number;
}

/** The shortest step of the dashboard's graphs. */
const STEP_SECONDS = 15;

/** A selection to parse queries with. */
export const SAMPLE: Selection = {
  from: Date.UTC(2026, 0, 31, 12),
  to: Date.UTC(2026, 0, 31, 13),
  variables: {
    pool: 'voice-prod',
    target: '1.5.0+b7',
    version: 'newest',
    expected: '',
    more: 'cluster="eu"',
    silence: '60',
    silence_half: '30000',
    silence_quarter: '15000',
    silence_three_quarters: '45000',
    silence_step: '3750',
    lead: '420',
    age: '600',
    window: '1020',
    unclear: '0',
    undated: '0',
    needed: '1',
  },
};

/** The query as Grafana sends it, with the values of variables in it. */
export function interpolate(expression: string, { variables, from, to }: Selection): string {
  const seconds = Math.round((to - from) / 1000);
  const all: Record<string, string> = {
    __range: `${seconds}s`,
    __range_s: String(seconds),
    __rate_interval: `${4 * STEP_SECONDS}s`,
    ...variables,
  };
  return expression.replace(/\$\{(\w+)(?::raw)?\}|\$([a-z_]\w*)/g, (_, braced, bare) => {
    const value = all[braced ?? bare];
    if (value === undefined) throw new Error(`no variable ${braced ?? bare} for ${expression}`);
    return value;
  });
}

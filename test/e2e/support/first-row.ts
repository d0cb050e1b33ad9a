import { PHASES } from '../../../examples/grafana/source/phases.js';
import { deploy } from '../../../examples/grafana/source/variables.js';
import { assessDeploy } from '../../../src/deploy/assess.js';
import { prometheusSource } from '../../../src/deploy/prometheus.js';
import { interpolate, PrometheusDatasource } from './grafana.js';

/** Which deploy is looked at, and when: the window is the dashboard's time range. Times are Unix ms. */
export interface Sight {
  readonly pool: string;
  readonly target: string;
  readonly silenceSeconds: number;
  readonly from: number;
  readonly to: number;
}

/** What the first row of the dashboard tells; undefined where a panel has no value. */
export interface FirstRow {
  readonly phase: string | undefined;
  readonly isOnTarget: boolean;
  readonly left: number | undefined;
  readonly dropped: number | undefined;
  readonly presumed: number | undefined;
}

/** The first row's expressions, asked of a Prometheus as Grafana asks them. */
export async function firstRow(url: string, sight: Sight): Promise<FirstRow> {
  const { pool, target, silenceSeconds, from, to } = sight;
  const part = (share: number) => String(Math.round(silenceSeconds * share * 1000));
  const variables = {
    pool,
    target,
    silence: String(silenceSeconds),
    silence_half: part(1 / 2),
    silence_quarter: part(1 / 4),
    silence_third: part(1 / 3),
    silence_two_thirds: part(2 / 3),
  };
  const datasource = new PrometheusDatasource(url);
  const ask = async (expression: string) => {
    const [first] = await datasource.instant(interpolate(expression, { variables, from, to }), to);
    return first?.value;
  };
  const phase = await ask(deploy.phase);
  return {
    phase: Object.entries(PHASES).find(([, { value }]) => value === phase)?.[0],
    isOnTarget: (await ask(deploy.onTarget)) === 1,
    left: await ask(deploy.left),
    dropped: await ask(deploy.dropped),
    presumed: await ask(deploy.presumed),
  };
}

/** What the verdict says of the same moment, in the words of the first row. */
export async function assessedRow(url: string, { pool, target, from, to }: Sight): Promise<FirstRow> {
  await using source = prometheusSource({ url });
  const verdict = assessDeploy(await source.read({ pool, target, since: from, at: to }), { target });
  return {
    phase: verdict.phase === 'complete' ? 'done' : verdict.phase,
    isOnTarget: verdict.checks.version.state === 'met',
    left: verdict.sessionsLeft,
    dropped: verdict.dropped.confirmed,
    presumed: verdict.dropped.presumed,
  };
}

import { PHASES, type PhaseName, STATES } from '../../../examples/grafana/source/phases.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import type { Verdict } from '../../../src/deploy/verdict/verdict.js';
import { annotations, promqlTargets, queryVariables } from '../../grafana/panels.js';
import { interpolate, PrometheusDatasource, type Selection } from './grafana.js';

const PHASE_NAMES = Object.keys(PHASES) as PhaseName[];

/** What a viewer of the dashboard has chosen, and the time range. Times are Unix ms. */
export interface Sight {
  readonly pool: string;
  /** The newest when not chosen. */
  readonly target?: string;
  readonly expected?: string;
  readonly more?: string;
  readonly from: number;
  readonly to: number;
}

/** What the first row of the dashboard tells; undefined where a panel has no value. */
export interface FirstRow {
  readonly phase: PhaseName;
  readonly isOnTarget: boolean;
  readonly left: number | undefined;
  readonly dropped: number | undefined;
  readonly presumed: number | undefined;
}

/** The variables as Grafana fills them in: each with its first option, after those that it is made of. */
export async function selectionOf(datasource: PrometheusDatasource, sight: Sight): Promise<Selection> {
  const { pool, target = 'newest', expected = '', more = '', from, to } = sight;
  const variables: Record<string, string> = { pool, version: target, expected, more };
  for (const { name, query, regex } of queryVariables) {
    if (variables[name] !== undefined) continue;
    const text = interpolate(typeof query === 'object' ? String(query.query) : '', { from, to, variables });
    variables[name] = (await datasource.options(text, regex ?? '', to))[0] ?? '';
  }
  return { variables, from, to };
}

/** Asks a Prometheus the queries of the dashboard's panels as Grafana does. */
async function panelsOf(url: string, sight: Sight) {
  const datasource = new PrometheusDatasource(url);
  const selection = await selectionOf(datasource, sight);
  return (title: string, refId = 'A') => {
    const { expr = '' } = promqlTargets.find(({ name }) => name === `${title}, query ${refId}`) ?? {};
    return datasource.instant(interpolate(expr, selection), sight.to);
  };
}

/** What the first row shows. */
export async function firstRow(url: string, sight: Sight): Promise<FirstRow> {
  const ask = await panelsOf(url, sight);
  const shown = async (title: string, refId?: string) => {
    const [first, ...others] = await ask(title, refId);
    if (others.length > 0) throw new Error(`${title}: more than one value`);
    return first?.value;
  };
  const phase = await shown('Deploy of $target');
  const [lost, presumed] = [await shown('Sessions dropped'), await shown('Sessions dropped', 'B')];
  return {
    phase: PHASE_NAMES.find((name) => PHASES[name].value === phase) ?? 'unknown',
    isOnTarget: (await shown('Every worker on the target')) === 1,
    left: await shown('Sessions left on old workers'),
    dropped: lost === undefined || presumed === undefined ? undefined : lost - presumed,
    presumed,
  };
}

/** The workers that the dashboard names as those that hold the deploy, with their last sessions. */
export async function holding(url: string, sight: Sight): Promise<Record<string, number>> {
  const ask = await panelsOf(url, sight);
  const [held, sessions] = [await ask('What holds it'), await ask('What holds it', 'B')];
  return Object.fromEntries(
    held.map(({ labels: { openrtc_worker_id: id = '' } }) => {
      const row = sessions.find(({ labels }) => labels.openrtc_worker_id === id);
      return [id, row?.value ?? Number.NaN];
    }),
  );
}

/** The share of workers on the target, as a number up to 1. */
export async function share(url: string, sight: Sight): Promise<number | undefined> {
  const [first] = await (await panelsOf(url, sight))('Every worker on the target');
  return first?.value;
}

/** When the last session ends, as the dashboard guesses, in Unix ms. */
export async function lastEnd(url: string, sight: Sight): Promise<number | undefined> {
  const [first] = await (await panelsOf(url, sight))('Last session ends');
  return first?.value;
}

/** The state of a worker in the table of all. */
export async function stateOf(url: string, sight: Sight, id: string): Promise<string | undefined> {
  const rows = await (await panelsOf(url, sight))('All workers');
  const row = rows.find(({ labels }) => labels.openrtc_worker_id === id);
  return Object.values(STATES).find(({ value }) => value === row?.value)?.text;
}

/** Asks all queries of the dashboard, and gives the names of those that gave something. */
export async function answered(url: string, sight: Sight): Promise<string[]> {
  const datasource = new PrometheusDatasource(url);
  const selection = await selectionOf(datasource, sight);
  const queries = [...promqlTargets, ...annotations.map((one) => ({ ...one, instant: false }))];
  const names: string[] = [];
  for (const { name, instant, expr } of queries) {
    const query = interpolate(expr, selection);
    const found = instant
      ? await datasource.instant(query, selection.to)
      : await datasource.range(query, { ...selection, from: selection.to - 60_000 }, 1);
    if (found.length > 0) names.push(name);
  }
  return names;
}

const WORDS: Partial<Record<Verdict['phase'], PhaseName>> = {
  complete: 'done',
  dropped: 'dropped',
  stuck: 'stuck',
  unknown: 'unknown',
};

/** What the dashboard's first row is to tell where a verdict says this. */
export function rowOf({ phase, checks, sessionsLeft, dropped, waitingFor }: Verdict): FirstRow {
  const hasWitness = checks.version.state !== 'unknown';
  const isTold = hasWitness && checks.dropped.state !== 'unknown';
  return {
    phase: WORDS[phase] ?? 'notDone',
    // A silent worker that is waited for is held against the share, too.
    isOnTarget: checks.version.state === 'met' && checks.drained.state === 'met' && waitingFor.length === 0,
    left: hasWitness ? sessionsLeft : undefined,
    dropped: isTold ? dropped.confirmed : undefined,
    presumed: isTold ? dropped.presumed : undefined,
  };
}

/** What the gate's verdict on the same moment says, in the words of the first row. */
export async function assessedRow(url: string, { pool, to }: Sight, target: string): Promise<FirstRow> {
  await using source = prometheusSource({ url });
  return rowOf(assessDeploy(await source.read({ pool, target, at: to }), { target }));
}

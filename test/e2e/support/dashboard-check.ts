import { rules } from '../../../examples/grafana/source/rules.js';
import type { Result } from '../../../examples/scenarios/play.js';
import { assessDeploy } from '../../../src/deploy/assess.js';
import { type DeployFacts, guessTarget, stateOf, type WorkerFacts } from '../../../src/deploy/facts.js';
import { foldCopies } from '../../../src/deploy/fold.js';
import { prometheusSource } from '../../../src/deploy/prometheus.js';
import type { Verdict } from '../../../src/deploy/verdict.js';
import { annotations, promqlTargets, queryVariables } from '../../grafana/panels.js';
import { type FirstRow, firstRow, type Sight } from './first-row.js';
import { interpolate, PrometheusDatasource, type Selection } from './grafana.js';

/** What the gate on Prometheus said, and when it was heard, in Unix ms. */
export interface Said {
  readonly heardAt: number;
  readonly verdict: Verdict & { readonly at: string };
}

/** One step of a scenario: what the gate said, what the dashboard shows of the same moment, which alerts hold. */
export interface Compared {
  readonly scenario: string;
  readonly step: string;
  readonly gate: string;
  readonly dashboard: string;
  readonly alerts: readonly string[];
  /** Where they differ though nothing says that they may. */
  readonly problems: readonly string[];
}

/** Where the dashboard knows less than the gate, by scenario: see the description of its first panel. */
const STATED: Readonly<Record<string, string>> = {
  outage: 'a report that came late is seen in hindsight, and was not when the gate looked',
  restart: 'a restart of the same version is not seen',
  kill: 'a silent worker is waited for 10 s by the gate, 5 minutes by the dashboard',
  oom: 'a silent worker is waited for 10 s by the gate, 5 minutes by the dashboard',
};

/** Between the start of a scenario and that of its stage, in ms. */
const SLACK_MS = 1_000;

/** Holds the dashboard and the alerts against what the gate said at each step of the scenarios. */
export class DashboardCheck {
  readonly compared: Compared[] = [];
  readonly #url: string;
  readonly #silenceSeconds: number;
  readonly #rules: ReturnType<typeof rules>;
  readonly #shown = new Set<string>();

  constructor(url: string, intervalSeconds: number) {
    this.#url = url;
    this.#silenceSeconds = 4 * intervalSeconds;
    this.#rules = rules(intervalSeconds);
  }

  /** Queries that gave nothing at any step of any scenario. */
  get empty(): string[] {
    return queries().filter((name) => !this.#shown.has(name));
  }

  /** @param begunAt - When the scenario began, in Unix ms. */
  async check(scenario: string, { seen }: Result, said: readonly Said[], begunAt: number): Promise<string[]> {
    const steps = seen.filter(({ source }) => source === 'Prometheus');
    for (const { step, seconds } of steps) {
      const heard = closest(said, begunAt + seconds * 1000);
      const sight = this.#sightOf(scenario, heard.verdict, begunAt);
      this.compared.push(await this.#compare(scenario, step, heard.verdict, sight));
    }
    return this.compared.filter((one) => one.scenario === scenario).flatMap(({ problems }) => problems);
  }

  async #compare(scenario: string, step: string, verdict: Verdict, sight: Sight): Promise<Compared> {
    const shown = await firstRow(this.#url, sight);
    // No value and the word are the same grey.
    const dashboard = { ...shown, phase: shown.phase ?? 'unknown' };
    const gate = rowOf(verdict);
    await using source = prometheusSource({ url: this.#url });
    const { pool, target, from, to } = sight;
    const facts = await source.read({ pool, target, since: from, at: to });
    const alerts = await this.#alerts(scenario, to);
    const assessed = assessDeploy(facts, { target });
    const expectedAlerts = alertsOf(facts, assessed);
    const problems = [
      ...different(
        `${step}: dashboard and verdict at ${new Date(to).toISOString()}`,
        dashboard,
        rowOf(assessed),
      ),
      ...(scenario in STATED ? [] : different(`${step}: dashboard and gate`, dashboard, gate)),
      ...different(`${step}: alerts`, pick(alerts, Object.keys(expectedAlerts)), expectedAlerts),
      ...(await this.#others(sight, facts)),
    ];
    const fired = Object.keys(alerts).filter((name) => alerts[name] !== undefined);
    return { scenario, step, gate: words(gate), dashboard: words(dashboard), alerts: fired, problems };
  }

  /** The sum of what each alert gives for a pool; undefined where it gives nothing. */
  async #alerts(pool: string, at: number): Promise<Record<string, number | undefined>> {
    const datasource = new PrometheusDatasource(this.#url);
    const sums = this.#rules.map(async ({ alert, expr }) => {
      const values = (await datasource.instant(expr, at)).filter(
        ({ labels }) => labels.openrtc_pool_name === pool,
      );
      return [alert, values.length > 0 ? values.reduce((sum, { value }) => sum + value, 0) : undefined];
    });
    return Object.fromEntries(await Promise.all(sums));
  }

  /** Runs every other query of the dashboard, and holds the variables against what they stand for. */
  async #others(sight: Sight, facts: DeployFacts): Promise<string[]> {
    const datasource = new PrometheusDatasource(this.#url);
    const { pool, target, from, to } = sight;
    const options = async (name: string, variables: Record<string, string>) => {
      const variable = queryVariables.find((one) => one.name === name);
      const query = typeof variable?.query === 'object' ? String(variable.query.query) : '';
      return datasource.options(interpolate(query, { from, to, variables }), variable?.regex ?? '', to);
    };
    const [silence = ''] = await options('silence', { pool });
    const variables: Record<string, string> = { pool, target, silence };
    for (const { name } of queryVariables.filter((one) => one.name.startsWith('silence_'))) {
      variables[name] = (await options(name, variables))[0] ?? '';
    }
    const [guessed] = await options('target', variables);
    const pools = await options('pool', variables);
    await this.#run(datasource, { variables, from, to });
    const guess = guessTarget(foldCopies(facts.workers));
    return [
      ...different('variable silence', silence, String(this.#silenceSeconds)),
      // Where none runs there is nothing to guess, and the dashboard shows the last that did.
      ...(guess === undefined ? [] : different('variable target', guessed, guess)),
      ...different('variable pool', pools.includes(pool), true),
    ];
  }

  async #run(datasource: PrometheusDatasource, selection: Selection): Promise<void> {
    for (const { name, instant, expr } of promqlTargets) {
      const query = interpolate(expr, selection);
      const found = instant
        ? await datasource.instant(query, selection.to)
        : await datasource.range(query, selection, 1);
      if (found.length > 0) this.#shown.add(name);
    }
    for (const { name, expr } of annotations) {
      const found = await datasource.range(interpolate(expr, selection), selection, 1);
      if (found.length > 0) this.#shown.add(name);
    }
  }

  #sightOf(pool: string, { at, since, target }: Said['verdict'], begunAt: number): Sight {
    const to = Date.parse(at);
    const range = Math.ceil((to - (since ?? begunAt)) / 1000);
    return { pool, target, silenceSeconds: this.#silenceSeconds, from: to - range * 1000, to };
  }
}

const queries = () => [...promqlTargets, ...annotations].map(({ name }) => name);

function closest(said: readonly Said[], at: number): Said {
  const [first] = said.toSorted((a, b) => Math.abs(a.heardAt - at) - Math.abs(b.heardAt - at));
  if (!first || Math.abs(first.heardAt - at) > SLACK_MS) throw new Error(`nothing was heard at ${at}`);
  return first;
}

/** The gate counts losses from the first sighting of the target, the dashboard from the start of its time range. */
function rowOf({ phase, checks, sessionsLeft, dropped, since }: Verdict): FirstRow {
  const isTold = checks?.dropped.state !== 'unknown' || since === undefined;
  const hasWitness = checks !== undefined && checks.version.state !== 'unknown';
  return {
    phase: phase === 'complete' ? 'done' : phase,
    isOnTarget: checks?.version.state === 'met',
    left: hasWitness ? sessionsLeft : undefined,
    dropped: isTold && hasWitness ? dropped.confirmed : undefined,
    presumed: isTold && hasWitness ? dropped.presumed : undefined,
  };
}

/** Which alerts hold, by the facts; the others need more time than a scenario has. */
function alertsOf({ now, workers }: DeployFacts, verdict: Verdict): Record<string, number | undefined> {
  const rows = foldCopies(workers);
  const inState = (...states: string[]) => rows.filter((worker) => states.includes(stateOf(worker, now)));
  const running = inState('accepting', 'draining', 'drained');
  const versions = new Set(inState('accepting').map(({ version }) => version));
  const late = running.filter((worker) => worker.active > 0 && isPastTimeout(worker, now));
  const some = (number: number, least = 1) => (number >= least ? number : undefined);
  const hasWitness = verdict.checks.version.state !== 'unknown';
  return {
    OpenRTCSessionsDropped: some(verdict.dropped.confirmed),
    OpenRTCWorkerSilentWithSessions: hasWitness ? some(verdict.dropped.presumed) : undefined,
    OpenRTCTelemetryAbsent: running.length === 0 ? some(inState('silent').length) : undefined,
    OpenRTCNoAcceptingWorker: versions.size === 0 ? some(running.length) : undefined,
    OpenRTCMixedVersions: some(versions.size, 2),
    OpenRTCDrainPastTimeout: some(late.reduce((sum, { active }) => sum + active, 0)),
  };
}

function isPastTimeout({ drainingSince, drainTimeoutSeconds, intervalSeconds }: WorkerFacts, now: number) {
  if (drainingSince === undefined || drainTimeoutSeconds === undefined) return false;
  return now - drainingSince > (drainTimeoutSeconds + intervalSeconds) * 1000;
}

const pick = (record: Record<string, number | undefined>, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, record[key]]));

function different(what: string, given: unknown, expected: unknown): string[] {
  const [a, b] = [given, expected].map((value) => JSON.stringify(value));
  return a === b ? [] : [`${what}: expected ${b}, got ${a}`];
}

const words = ({ phase, isOnTarget, left, dropped, presumed }: FirstRow) =>
  `${phase}, ${isOnTarget ? '100 %' : 'not yet'}, ${left ?? '-'} left, ${dropped ?? '-'}+${presumed ?? '-'} dropped`;

/** Scenario x step: the gate's verdict and the dashboard's first row, and the alerts that hold. */
export function dashboardTable(compared: readonly Compared[]): string[][] {
  return [
    ['scenario', 'step', 'gate', 'dashboard', 'alerts that hold'],
    ...compared.map(({ scenario, step, gate, dashboard, alerts }) => [
      scenario,
      step,
      gate,
      gate === dashboard ? 'the same' : `${dashboard} (${STATED[scenario] ?? 'differs'})`,
      alerts.map((alert) => alert.replace('OpenRTC', '')).join(', '),
    ]),
  ];
}

import type { Result } from '../../../examples/scenarios/play.js';
import { type DeployFacts, guessTarget } from '../../../src/deploy/facts.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { foldCopies } from '../../../src/deploy/verdict/fold.js';
import type { Verdict } from '../../../src/deploy/verdict/verdict.js';
import { annotations, promqlTargets } from '../../grafana/panels.js';
import { answered, type FirstRow, firstRow, rowOf, type Sight, selectionOf } from './first-row.js';
import { PrometheusDatasource } from './grafana.js';

/** What the gate on Prometheus said, and the moment that it asked Prometheus about. */
type Said = Verdict & { readonly at: string };

/** One step of a scenario: what the gate said, and what the dashboard shows of the same moment. */
export interface Compared {
  readonly scenario: string;
  readonly step: string;
  readonly gate: string;
  readonly dashboard: string;
  /** Where they differ though nothing says that they may. */
  readonly problems: readonly string[];
}

/** Where the dashboard says less than the gate, by scenario. */
const STATED: Readonly<Record<string, string>> = {
  outage: 'a report that came late is seen in hindsight, and was not when the gate looked',
  restart: 'a restart of the same version is not seen',
  kill: 'a silent worker is waited for 10 s by the gate, 5 minutes by the dashboard',
  oom: 'a silent worker is waited for 10 s by the gate, 5 minutes by the dashboard',
};
/** A time range as it is when the page is opened. */
const HOUR_MS = 3_600_000;

/** Holds the dashboard against what the gate said at each step of the scenarios. */
export class DashboardCheck {
  readonly compared: Compared[] = [];
  readonly #url: string;
  readonly #silenceSeconds: number;
  readonly #shown = new Set<string>();

  constructor(url: string, intervalSeconds: number) {
    this.#url = url;
    this.#silenceSeconds = 4 * intervalSeconds;
  }

  /** Queries that gave nothing at any step of any scenario. */
  get empty(): string[] {
    return [...promqlTargets, ...annotations]
      .map(({ name }) => name)
      .filter((name) => !this.#shown.has(name));
  }

  async check(scenario: string, pool: string, { seen }: Result): Promise<string[]> {
    const compared: Compared[] = [];
    for (const { step, source, verdict } of seen) {
      if (source !== 'Prometheus') continue;
      // What a gate prints is a verdict, and when it was.
      compared.push(await this.#compare(scenario, step, pool, verdict as Verdict as Said));
    }
    this.compared.push(...compared);
    return compared.flatMap(({ problems }) => problems);
  }

  async #compare(scenario: string, step: string, pool: string, said: Said): Promise<Compared> {
    const { target } = said;
    const to = Date.parse(said.at);
    const sight = { pool, target, from: to - HOUR_MS, to };
    const dashboard = await firstRow(this.#url, sight);
    await using source = prometheusSource({ url: this.#url });
    const facts = await source.read({ pool, target, at: to });
    const assessed = rowOf(assessDeploy(facts, { target }));
    const gate = rowOf(said);
    // Nothing can be chosen that was never seen: with one version there is no deploy yet.
    const isSeen = facts.workers.some(({ version }) => version === target);
    if (!isSeen && ['noDeploy', 'unknown'].includes(dashboard.phase))
      return { scenario, step, gate: words(gate), dashboard: dashboard.phase, problems: [] };
    const isStated = scenario in STATED;
    const problems = [
      // In hindsight the gate may know more; nothing makes the dashboard greener than both.
      ...(dashboard.phase === 'done' && assessed.phase !== 'done' && gate.phase !== 'done'
        ? [`${step}: done, where the gate says ${said.phase}`]
        : []),
      ...(isStated ? [] : different(`${step}: dashboard and gate`, dashboard, gate)),
      ...(isStated ? [] : different(`${step}: dashboard and verdict at ${said.at}`, dashboard, assessed)),
      ...(await this.#others(sight, facts)),
    ];
    return { scenario, step, gate: words(gate), dashboard: words(dashboard), problems };
  }

  /** Runs every other query of the dashboard, and holds the variables against what they stand for. */
  async #others(sight: Sight, facts: DeployFacts): Promise<string[]> {
    const datasource = new PrometheusDatasource(this.#url);
    const { variables } = await selectionOf(datasource, sight);
    const { target: _, ...unchosen } = sight;
    const { variables: newest } = await selectionOf(datasource, unchosen);
    for (const name of await answered(this.#url, sight)) this.#shown.add(name);
    const guess = guessTarget(foldCopies(facts.workers));
    return [
      ...different('variable silence', variables.silence, String(this.#silenceSeconds)),
      ...different('variable target', variables.target, sight.target),
      // Where none runs there is nothing to guess, and the dashboard shows the last that did.
      ...(guess === undefined ? [] : different('variable target, not chosen', newest.target, guess)),
    ];
  }
}

function different(what: string, given: unknown, expected: unknown): string[] {
  const [a, b] = [given, expected].map((value) => JSON.stringify(value));
  return a === b ? [] : [`${what}: expected ${b}, got ${a}`];
}

const words = ({ phase, isOnTarget, left, dropped, presumed }: FirstRow) =>
  `${phase}, ${isOnTarget ? '100 %' : 'not yet'}, ${left ?? '-'} left, ${dropped ?? '-'}+${presumed ?? '-'} dropped`;

/** Without numbers, it is of a moment before the target was seen. */
const differenceOf = (scenario: string, dashboard: string) =>
  dashboard.includes(',') ? (STATED[scenario] ?? 'differs') : 'the target was not seen yet';

/** Scenario x step: the gate's verdict and the dashboard's first row. */
export function dashboardTable(compared: readonly Compared[]): string[][] {
  return [
    ['scenario', 'step', 'gate', 'dashboard'],
    ...compared.map(({ scenario, step, gate, dashboard }) => [
      scenario,
      step,
      gate,
      gate === dashboard ? 'the same' : `${dashboard} (${differenceOf(scenario, dashboard)})`,
    ]),
  ];
}

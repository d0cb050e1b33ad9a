import type { Result } from '../../../examples/scenarios/play.js';
import { type DeployFacts, guessTarget } from '../../../src/deploy/facts.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { foldCopies } from '../../../src/deploy/verdict/fold.js';
import type { Verdict } from '../../../src/deploy/verdict/verdict.js';
import { interpolate } from '../../grafana/interpolate.js';
import { annotations, promqlTargets } from '../../grafana/panels.js';
import { type FirstRow, greensOf, rowOf, rowShown, tooGreen } from './first-row.js';
import { PrometheusDatasource, type Sight, selectionOf } from './grafana.js';
import {
  HELD,
  heldProblems,
  heldShown,
  LAST_END,
  lastEndProblems,
  lastEndShown,
  lossesOf,
} from './holding.js';
import { type PanelView, readPanels } from './read-panels.js';

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
/** Where other workers hold the deploy than the dashboard can see. */
const UNSEEN = ['outage', 'restart'];
/** A time range as it is when the page is opened. */
const HOUR_MS = 3_600_000;

/** Holds the dashboard against what the gate said at each step of the scenarios. */
export class DashboardCheck {
  readonly compared: Compared[] = [];
  readonly #url: string;
  readonly #intervalSeconds: number;
  readonly #shown = new Set<string>();

  constructor(url: string, intervalSeconds: number) {
    this.#url = url;
    this.#intervalSeconds = intervalSeconds;
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
    const views = await readPanels(this.#url, sight);
    const dashboard = await rowShown(views);
    await using source = prometheusSource({ url: this.#url });
    const facts = await source.read({ pool, target, at: to });
    const verdict = assessDeploy(facts, { target });
    const assessed = rowOf(verdict);
    const gate = rowOf(said);
    for (const name of await answered(views, this.#url, sight)) this.#shown.add(name);
    // Nothing can be chosen that was never seen: with one version there is no deploy yet.
    const isSeen = facts.workers.some(({ version }) => version === target);
    if (!isSeen && ['noDeploy', 'unknown'].includes(dashboard.phase)) {
      const problems = neutral(dashboard);
      return { scenario, step, gate: words(gate), dashboard: dashboard.phase, problems };
    }
    const isStated = scenario in STATED;
    const greens = tooGreen(dashboard, said);
    const problems = [
      // In hindsight the gate may know more; nothing makes the dashboard greener than both.
      ...tooGreen(dashboard, verdict).filter((what) => greens.includes(what)),
      ...(isStated ? [] : different('the gate', dashboard, gate)),
      ...(isStated ? [] : different(`the verdict at ${said.at}`, dashboard, assessed)),
      ...(UNSEEN.includes(scenario) ? [] : await this.#holding(views, facts, verdict)),
      ...(await this.#variables(sight, facts, UNSEEN.includes(scenario) ? undefined : verdict)),
    ];
    return {
      scenario,
      step,
      gate: words(gate),
      dashboard: words(dashboard),
      problems: problems.map((problem) => `${step}: ${problem}`),
    };
  }

  async #holding(views: readonly PanelView[], facts: DeployFacts, verdict: Verdict): Promise<string[]> {
    const [held, lastEnd] = [HELD, LAST_END].map((panel) => views.find((view) => view.panel === panel));
    if (!held || !lastEnd) throw new Error('not all panels were read');
    const shown = await heldShown(held);
    const { dropped = 0, presumed = 0 } = await rowShown(views);
    return [
      ...heldProblems(shown, facts, verdict),
      ...different('dropped, by worker', lossesOf(shown), dropped + presumed),
      ...lastEndProblems(await lastEndShown(lastEnd), verdict, this.#intervalSeconds),
    ];
  }

  /** Holds the variables against what they stand for. */
  async #variables(sight: Sight, facts: DeployFacts, verdict?: Verdict): Promise<string[]> {
    const datasource = new PrometheusDatasource(this.#url);
    const { variables } = await selectionOf(datasource, sight);
    const { target: _, ...unchosen } = sight;
    const { variables: newest } = await selectionOf(datasource, unchosen);
    const guess = guessTarget(foldCopies(facts.workers));
    return [
      ...different('variable silence', variables.silence, String(4 * this.#intervalSeconds)),
      ...different('variable target', variables.target, sight.target),
      // It stands beside the share on the target.
      ...(verdict ? different('variable needed', variables.needed, String(verdict.workers.expected)) : []),
      // Where none runs there is nothing to guess, and the dashboard shows the last that did.
      ...(guess === undefined ? [] : different('variable target, not chosen', newest.target, guess)),
    ];
  }
}

/** The queries of panels and annotations that gave something. */
async function answered(views: readonly PanelView[], url: string, sight: Sight): Promise<string[]> {
  const datasource = new PrometheusDatasource(url);
  const selection = await selectionOf(datasource, sight);
  const names = views.flatMap(({ panel, answered: letters }) =>
    letters.map((letter) => `${panel.title}, query ${letter}`),
  );
  for (const { name, expr } of annotations) {
    const minute = { ...selection, from: selection.to - 60_000 };
    if ((await datasource.range(interpolate(expr, selection), minute, 1)).length > 0) names.push(name);
  }
  return names;
}

/** Where there is no deploy no check is good news. */
const neutral = (row: FirstRow): string[] =>
  greensOf(row).map((what) => `${what}: good news, and yet the verdict is ${row.phase}`);

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

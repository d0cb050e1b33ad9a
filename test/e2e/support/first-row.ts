import { PHASES, type PhaseName } from '../../../examples/grafana/source/phases.js';
import { prometheusSource } from '../../../src/deploy/prometheus/source.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import type { Verdict } from '../../../src/deploy/verdict/verdict.js';
import { panelsNamed } from '../../grafana/panels.js';
import type { Sight } from './grafana.js';
import { grafanaData } from './grafana-data.js';
import { type PanelView, readPanels, type Shown } from './read-panels.js';

const PHASE_NAMES = Object.keys(PHASES) as PhaseName[];
const { color: GREY } = PHASES.unknown;
const NOT_KNOWN = 'Not known';

/** The panels of the first row, in this order: the verdict and its three checks. */
export const FIRST_ROW = panelsNamed(
  'Deploy of $target',
  'Every worker on the target',
  'Sessions left on old workers',
  'Sessions dropped',
);

/** What the first row of the dashboard tells; undefined where a panel has no number. */
export interface FirstRow {
  readonly phase: PhaseName;
  readonly isOnTarget: boolean;
  readonly left: number | undefined;
  readonly dropped: number | undefined;
  readonly presumed: number | undefined;
}

/** What the first row shows. */
export const firstRow = async (url: string, sight: Sight): Promise<FirstRow> =>
  rowShown(await readPanels(url, sight, FIRST_ROW));

/**
 * What the texts of the first row's panels mean.
 *
 * @throws where a text is in another colour than the one that its meaning has, or has no meaning.
 */
export async function rowShown(views: readonly PanelView[]): Promise<FirstRow> {
  const { css } = await grafanaData();
  const [verdict = [], share = [], left = [], dropped = []] = FIRST_ROW.map(
    (panel) => views.find((view) => view.panel === panel)?.rows.flat() ?? [],
  );
  const inColor = ({ text, color }: Shown, name: string) => {
    if (color !== css(name)) throw new Error(`"${text}" is ${color}, and not ${name}`);
  };
  /** The number that stands there: one colour is for 0, one for more. */
  const numberOf = (shown: Shown | undefined, none: string, some: string): number | undefined => {
    if (shown === undefined) return undefined;
    if (shown.text === NOT_KNOWN) return void inColor(shown, GREY);
    if (shown.text === PHASES.noDeploy.text) return void inColor(shown, PHASES.noDeploy.color);
    const number = Number(shown.text.replace(/%$/, ''));
    if (Number.isNaN(number)) throw new Error(`"${shown.text}" is no number`);
    inColor(shown, number === 0 ? none : some);
    return number;
  };
  const [told = { name: '', text: '' }] = verdict;
  const phase = PHASE_NAMES.find((name) => PHASES[name].text === told.text);
  if (phase === undefined) throw new Error(`"${told.text}" is no phase`);
  inColor(told, PHASES[phase].color);
  const isOnTarget = share[0]?.text === '100%';
  numberOf(share[0], 'blue', isOnTarget ? 'green' : 'blue');
  const named = (name: string) => dropped.find((shown) => shown.name === name || shown.name === '');
  const lost = numberOf(named('in all'), 'green', 'red');
  // It stands there where there is any.
  const presumed = lost && (numberOf(named('presumed'), '', PHASES.noDeploy.color) ?? 0);
  if (lost === undefined) numberOf(dropped[0], '', '');
  return {
    phase,
    isOnTarget,
    left: numberOf(left[0], 'green', 'blue'),
    dropped: lost === undefined || presumed === undefined ? undefined : lost - presumed,
    presumed,
  };
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

type Panel = 'verdict' | 'share' | 'left' | 'dropped';

/** What is green of a first row. */
export function greensOf({ phase, isOnTarget, left, dropped, presumed }: FirstRow): Panel[] {
  const isGreen: Record<Panel, boolean> = {
    verdict: phase === 'done',
    share: isOnTarget,
    left: left === 0,
    dropped: dropped === 0 && presumed === 0,
  };
  return (Object.keys(isGreen) as Panel[]).filter((panel) => isGreen[panel]);
}

/** What is green of it though the gate does not say that it is so. */
export function tooGreen(row: FirstRow, { phase, checks }: Verdict): Panel[] {
  const isSo: Record<Panel, boolean> = {
    verdict: phase === 'complete',
    share: checks.version.state === 'met',
    left: checks.drained.state === 'met',
    dropped: checks.dropped.state === 'met',
  };
  return greensOf(row).filter((panel) => !isSo[panel]);
}

/** What the gate's verdict on the same moment says, in the words of the first row. */
export async function assessedRow(url: string, { pool, to }: Sight, target: string): Promise<FirstRow> {
  await using source = prometheusSource({ url });
  const facts = await source.read({ ...(pool !== undefined && { pool }), target, at: to });
  return rowOf(assessDeploy(facts, { target }));
}

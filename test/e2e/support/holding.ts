import { GREY } from '../../../examples/grafana/source/panels.js';
import { HELD_STATES, PHASES, STATES } from '../../../examples/grafana/source/phases.js';
import { REASONS } from '../../../examples/grafana/source/rows/holding.js';
import { NOBODY } from '../../../examples/grafana/source/worker-table.js';
import type { DeployFacts } from '../../../src/deploy/facts.js';
import { sortFacts } from '../../../src/deploy/verdict/assessment.js';
import type { Verdict, Waiting } from '../../../src/deploy/verdict/verdict.js';
import { panelsNamed } from '../../grafana/panels.js';
import { grafanaData } from './grafana-data.js';
import type { PanelView, Shown } from './read-panels.js';

/** The panels of the row "What holds it" that are held against the gate. */
export const [HELD, LAST_END] = panelsNamed('What holds it, and who dropped sessions', 'Last session ends');

/** The workers of a table, each as its state and its sessions: `draining 2`, or `silent 2, dropped 2`. */
export type Held = Readonly<Record<string, string>>;

/** When the last session ends, as the panel says it: `HH:mm`, in UTC. */
export interface LastEnd {
  readonly about?: string;
  readonly latest?: string;
  readonly late?: string;
  readonly none?: string;
}

/**
 * What a table of workers shows.
 *
 * @throws where a state is in another colour than its own.
 */
export async function heldShown({ rows, panel, answered }: PanelView): Promise<Held> {
  if (answered.length === 0) return empty(rows, String(panel.fieldConfig?.defaults.noValue), undefined);
  const { css } = await grafanaData();
  const states = Object.values(panel === HELD ? HELD_STATES : STATES);
  return Object.fromEntries(
    rows.map((row) => {
      if (row.length === 1) return [NOBODY, row[0]?.text ?? ''];
      const cell = (name: string) => row.find((one) => one.name === name) ?? { name, text: '' };
      const { text, color } = cell('State');
      const state = states.find((one) => one.text === text);
      if (state === undefined || color !== css(state.color)) throw new Error(`"${text}" is ${color}`);
      const lost = cell('Dropped');
      const isLost = /\d/.test(lost.text);
      if (isLost && lost.color !== css(PHASES.dropped.color))
        throw new Error(`${lost.text} is ${lost.color}`);
      const more = isLost ? `, dropped ${lost.text}` : '';
      return [cell('Worker').text, `${text} ${cell('Sessions').text}${more}`];
    }),
  );
}

const NAMES = {
  'about (a guess)': ['about', 'blue'],
  'at the latest': ['latest', 'blue'],
  'late since': ['late', PHASES.stuck.color],
  'nothing holds it': ['none', PHASES.noDeploy.color],
  'one version': ['none', PHASES.noDeploy.color],
} as const;

/**
 * What the panel about the last session shows.
 *
 * @throws where a time is in another colour than its own.
 */
export async function lastEndShown({ rows, panel, answered }: PanelView): Promise<LastEnd> {
  if (answered.length === 0) return empty(rows, String(panel.fieldConfig?.defaults.noValue), GREY);
  const { css } = await grafanaData();
  return Object.fromEntries(
    rows.flat().map(({ name, text, color }) => {
      const [key, own] = NAMES[name as keyof typeof NAMES] ?? [];
      if (key === undefined || color !== css(own)) throw new Error(`${name} "${text}" is ${color}`);
      return [key, text];
    }),
  );
}

/** Nothing, said in words of this colour. */
function empty(
  rows: readonly (readonly Shown[])[],
  words: string,
  ofColor: string | undefined,
): Record<string, never> {
  const [{ text, color } = { text: undefined, color: undefined }, ...others] = rows.flat();
  if (others.length > 0 || text !== words || color !== ofColor) throw new Error(`"${text}" is ${color}`);
  return {};
}

/** How many sessions the workers of the table dropped. */
export const lossesOf = (held: Held): number =>
  Object.values(held).reduce((sum, said) => sum + Number(/, dropped (\d+)$/.exec(said)?.[1] ?? 0), 0);

/** Where the table of those that hold the deploy contradicts the gate. */
export function heldProblems(
  held: Held,
  facts: DeployFacts,
  { target, checks, waitingFor }: Verdict,
): string[] {
  const named = waitingFor.flatMap(({ id, state, sessions }) =>
    held[id]?.replace(/, dropped \d+$/, '').replace(STATES.late.text, STATES.draining.text) ===
    `${state} ${sessions}`
      ? []
      : [`${id}: ${held[id]}, where the gate says ${state} ${sessions}`],
  );
  const nothing = held[NOBODY] === REASONS.done.text;
  if (nothing && [checks.version, checks.drained].some(({ state }) => state !== 'met')) {
    named.push('nothing holds it, and the gate waits');
  }
  // The gate says of the young ones that they are too few, and gives silent ones up sooner.
  const { accepting, settled } = sortFacts(facts, { target });
  const young = accepting.filter((worker) => !settled.includes(worker)).map(({ id }) => id);
  const more = Object.entries(held).filter(
    ([id, said]) =>
      id !== NOBODY &&
      !waitingFor.some((one) => one.id === id) &&
      !young.includes(id) &&
      !said.startsWith(STATES.silent.text) &&
      !said.includes(', dropped '),
  );
  return [...named, ...more.map(([id, said]) => `${id}: ${said}, and the gate does not wait for it`)];
}

/** Where the times contradict the gate, that was asked at a moment in Unix ms. Reports are as old as an interval. */
export function lastEndProblems(
  shown: LastEnd,
  { waitingFor, now }: Verdict,
  intervalSeconds: number,
): string[] {
  const deadlines = waitingFor
    .filter(({ state, sessions }) => state === 'draining' && sessions > 0)
    .map((worker) => now + secondsLeft(worker) * 1000);
  // Whether it is over by now depends on the age of a report.
  if (deadlines.some((at) => Math.abs(at - now) <= intervalSeconds * 1000)) return [];
  const late = deadlines.filter((at) => at <= now);
  const isLimited = late.length === 0 && deadlines.every(Number.isFinite);
  const latest = deadlines.length > 0 && isLimited ? Math.max(...deadlines) : undefined;
  const since = late.length > 0 ? Math.min(...late) : undefined;
  return [
    ...differs('at the latest', shown.latest, latest, intervalSeconds),
    ...differs('late since', shown.late, since, intervalSeconds),
    ...(shown.none !== undefined && deadlines.length > 0 ? [`${shown.none}, and sessions drain`] : []),
    ...(shown.about !== undefined && deadlines.length === 0
      ? [`a guess, ${shown.about}, where nothing drains`]
      : []),
  ];
}

const secondsLeft = ({ drainTimeoutSeconds = Number.POSITIVE_INFINITY, drainingForSeconds = 0 }: Waiting) =>
  drainTimeoutSeconds - drainingForSeconds;

function differs(
  what: string,
  shown: string | undefined,
  at: number | undefined,
  tolerance: number,
): string[] {
  const allowed: (string | undefined)[] =
    at === undefined ? [undefined] : [-1, 0, 1].map((n) => clock(at + n * tolerance * 1000));
  return allowed.includes(shown) ? [] : [`${what}: ${shown}, where the gate says ${allowed.join(' or ')}`];
}

const DAY_MS = 86_400_000;

/** How long after a moment, in Unix ms, it is a time that the panel shows, in s: give or take half a minute. */
export function secondsUntil(time: string | undefined, moment: number): number {
  const [hours = Number.NaN, minutes = Number.NaN] = (time ?? '').split(':').map(Number);
  const ofDay = (hours * 60 + minutes + 0.5) * 60_000;
  return ((ofDay - (moment % DAY_MS) + 1.5 * DAY_MS) % DAY_MS) / 1000 - DAY_MS / 2000;
}

/** A time as the panel writes it. */
export const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

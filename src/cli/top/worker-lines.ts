import { stateOf, type WorkerFacts, type WorkerState } from '../../deploy/facts.js';
import { duration } from '../../lib/format.js';
import { type Line, type Span, type Style, span } from '../terminal/lines.js';
import { type Column, table } from '../terminal/table.js';

/** A worker and its state, by the clock of its source. */
export interface WorkerStatus extends WorkerFacts {
  /** In Unix ms. */
  readonly now: number;
  readonly state: WorkerState;
}

export const withStates = (workers: readonly WorkerFacts[], now: number): WorkerStatus[] =>
  workers.map((worker) => ({ ...worker, now, state: stateOf(worker, now) }));

export const isRunning = ({ state }: WorkerStatus) => state !== 'exited' && state !== 'silent';

/** First those that need attention. */
const STATES: readonly WorkerState[] = [
  'contradictory',
  'silent',
  'draining',
  'drained',
  'accepting',
  'exited',
];

const STYLES: Readonly<Partial<Record<WorkerState, Style>>> = {
  contradictory: 'red',
  silent: 'red',
  draining: 'yellow',
  drained: 'yellow',
  exited: 'gray',
};

type Order = (a: WorkerStatus, b: WorkerStatus) => number;

// w-10 comes after w-9.
const { compare } = new Intl.Collator('en', { numeric: true });
const byText =
  (read: (worker: WorkerStatus) => string): Order =>
  (a, b) =>
    compare(read(a), read(b));
const byMost =
  (read: (worker: WorkerStatus) => number): Order =>
  (a, b) =>
    read(b) - read(a);

const drainingMs = ({ state, now, drainingSince }: WorkerStatus) =>
  state === 'exited' || drainingSince === undefined ? undefined : now - drainingSince;
const silentMs = ({ now, lastReportAt }: WorkerStatus) => now - lastReportAt;
const droppedIn = ({ dropped, droppedBefore }: WorkerStatus) => dropped - droppedBefore;

/** How the lines can be sorted, by the key that is pressed for it. Equal ones are in the order of their ids. */
export const SORTS = {
  s: { name: 'state', order: byMost(({ state }) => -STATES.indexOf(state)) },
  p: { name: 'pool', order: byText(({ pool }) => pool) },
  w: { name: 'worker', order: byText(({ id }) => id) },
  v: { name: 'version', order: byText(({ version }) => version) },
  n: { name: 'sessions', order: byMost(({ active }) => active) },
  d: { name: 'draining', order: byMost((worker) => drainingMs(worker) ?? -1) },
  r: { name: 'reported', order: byMost(silentMs) },
} as const satisfies Record<string, { name: string; order: Order }>;

export type SortKey = keyof typeof SORTS;
export const isSortKey = (key: string): key is SortKey => Object.hasOwn(SORTS, key);

interface WorkerColumn extends Column {
  cell(worker: WorkerStatus): string;
  /** Gray for an exited worker where left out. */
  style?(worker: WorkerStatus): Style | undefined;
  /** Left out when no worker needs it. */
  isNeeded?(workers: readonly WorkerStatus[]): boolean;
}

const COLUMNS: readonly WorkerColumn[] = [
  {
    title: 'pool',
    align: 'left',
    shrinks: true,
    isNeeded: (workers) => workers.some(({ pool }) => pool !== workers[0]?.pool),
    cell: ({ pool }) => pool,
  },
  { title: 'worker', align: 'left', shrinks: true, cell: ({ id }) => id },
  { title: 'version', align: 'left', shrinks: true, cell: ({ version }) => version },
  { title: 'state', align: 'left', cell: ({ state }) => state, style: ({ state }) => STYLES[state] },
  { title: 'sessions', align: 'right', cell: ({ active }) => String(active) },
  {
    title: 'dropped',
    align: 'right',
    isNeeded: (workers) => workers.some((worker) => droppedIn(worker) > 0),
    cell: (worker) => String(droppedIn(worker)),
    style: (worker) => (droppedIn(worker) > 0 ? 'red' : faded(worker)),
  },
  { title: 'draining', align: 'right', cell: (worker) => inSeconds(drainingMs(worker)) },
  {
    title: 'limit',
    align: 'right',
    cell: (worker) => {
      const { drainTimeoutSeconds: limit } = worker;
      return limit === undefined || drainingMs(worker) === undefined ? '' : duration(limit);
    },
  },
  { title: 'reported', align: 'right', cell: (worker) => `${inSeconds(silentMs(worker))} ago` },
];

const faded = ({ state }: WorkerStatus): Style | undefined => (state === 'exited' ? 'gray' : undefined);
const inSeconds = (ms: number | undefined) => (ms === undefined ? '' : duration(Math.round(ms / 1000)));

/** A line a worker, under a line of titles, in so many lines at most. Exited workers are the first to be left out. */
export function workerLines(
  workers: readonly WorkerStatus[],
  sort: SortKey,
  columns: number,
  room: number,
): Line[] {
  const sorted = workers.toSorted((a, b) => SORTS[sort].order(a, b) || SORTS.w.order(a, b));
  const shown = new Set(choose(sorted, Math.max(0, room - 1)));
  const needed = COLUMNS.filter(({ isNeeded }) => isNeeded?.(workers) ?? true);
  const cells = Array.from(shown, (worker) =>
    needed.map(({ cell, style = faded }): Span => span(cell(worker), style(worker))),
  );
  const lines = table(needed, cells, columns);
  const hidden = sorted.filter((worker) => !shown.has(worker));
  if (hidden.length === 0) return lines;
  const exited = hidden.filter(({ state }) => state === 'exited').length;
  return [...lines, [span(`  ${hidden.length} more not shown, ${exited} of them exited`, 'gray')]];
}

/** All if there is room, else one less, for the line that says so. */
function choose(sorted: readonly WorkerStatus[], room: number): readonly WorkerStatus[] {
  if (sorted.length <= room) return sorted;
  const isExited = ({ state }: WorkerStatus) => state === 'exited';
  const lastToFirst = sorted.filter(isExited).sort(SORTS.r.order).reverse();
  const byNeed = [...sorted.filter((worker) => !isExited(worker)), ...lastToFirst];
  const chosen = new Set(byNeed.slice(0, Math.max(0, room - 1)));
  return sorted.filter((worker) => chosen.has(worker));
}

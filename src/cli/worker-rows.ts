import { stateOf, type WorkerFacts, type WorkerState } from '../deploy/facts.js';
import { duration } from '../deploy/sentences.js';
import { type Line, type Span, type Style, span } from './lines.js';
import { type Column, table } from './table.js';

/** A worker at the moment of its source's clock, in Unix ms. */
export interface Row {
  readonly worker: WorkerFacts;
  readonly now: number;
  readonly state: WorkerState;
}

export const rowsOf = (workers: readonly WorkerFacts[], now: number): Row[] =>
  workers.map((worker) => ({ worker, now, state: stateOf(worker, now) }));

export const isRunning = ({ state }: Row) => state !== 'exited' && state !== 'silent';

/** In the order of what needs a look. */
const STATES: readonly WorkerState[] = ['silent', 'draining', 'drained', 'accepting', 'exited'];

const STYLES: Readonly<Partial<Record<WorkerState, Style>>> = {
  silent: 'red',
  draining: 'yellow',
  drained: 'yellow',
  exited: 'gray',
};

type Order = (a: Row, b: Row) => number;

// w-10 comes after w-9.
const { compare } = new Intl.Collator('en', { numeric: true });
const byText = (read: (row: Row) => string): Order => {
  return (a, b) => compare(read(a), read(b));
};
const byMost = (read: (row: Row) => number): Order => {
  return (a, b) => read(b) - read(a);
};
const drainingFor = ({ worker, now, state }: Row) =>
  state === 'exited' || worker.drainingSince === undefined ? undefined : now - worker.drainingSince;

/** How the rows can be sorted, by the key that is pressed for it. Equal rows are in the order of their ids. */
export const SORTS = {
  s: { name: 'state', order: byMost(({ state }) => -STATES.indexOf(state)) },
  p: { name: 'pool', order: byText(({ worker }) => worker.pool) },
  w: { name: 'worker', order: byText(({ worker }) => worker.id) },
  v: { name: 'version', order: byText(({ worker }) => worker.version) },
  n: { name: 'sessions', order: byMost(({ worker }) => worker.active) },
  d: { name: 'draining', order: byMost((row) => drainingFor(row) ?? -1) },
  r: { name: 'reported', order: byMost(({ worker, now }) => now - worker.lastReportAt) },
} as const satisfies Record<string, { name: string; order: Order }>;

export type SortKey = keyof typeof SORTS;
export const isSortKey = (key: string): key is SortKey => Object.hasOwn(SORTS, key);

interface WorkerColumn extends Column {
  cell(row: Row): Span;
  /** Left out when no row needs it. */
  isNeeded?(rows: readonly Row[]): boolean;
}

const COLUMNS: readonly WorkerColumn[] = [
  {
    title: 'pool',
    align: 'left',
    shrinks: true,
    isNeeded: (rows) => rows.some(({ worker }) => worker.pool !== rows[0]?.worker.pool),
    cell: (row) => span(row.worker.pool, faded(row)),
  },
  { title: 'worker', align: 'left', shrinks: true, cell: (row) => span(row.worker.id, faded(row)) },
  { title: 'version', align: 'left', shrinks: true, cell: (row) => span(row.worker.version, faded(row)) },
  { title: 'state', align: 'left', cell: ({ state }) => span(state, STYLES[state]) },
  { title: 'sessions', align: 'right', cell: (row) => span(String(row.worker.active), faded(row)) },
  {
    title: 'dropped',
    align: 'right',
    isNeeded: (rows) => rows.some((row) => droppedOf(row) > 0),
    cell: (row) => span(String(droppedOf(row)), droppedOf(row) > 0 ? 'red' : faded(row)),
  },
  { title: 'draining', align: 'right', cell: (row) => span(inSeconds(drainingFor(row))) },
  {
    title: 'of',
    align: 'right',
    cell: (row) => {
      const limit = drainingFor(row) === undefined ? undefined : row.worker.drainTimeoutSeconds;
      return span(limit === undefined ? '' : duration(limit));
    },
  },
  {
    title: 'reported',
    align: 'right',
    cell: (row) => span(`${inSeconds(row.now - row.worker.lastReportAt)} ago`, faded(row)),
  },
];

const faded = ({ state }: Row): Style | undefined => (state === 'exited' ? 'gray' : undefined);
const droppedOf = ({ worker }: Row) => worker.dropped - worker.droppedBefore;
const inSeconds = (ms: number | undefined) => (ms === undefined ? '' : duration(Math.round(ms / 1000)));

/** A line a worker, under a line of titles, in so many lines at most. Exited workers are the first to be left out. */
export function workerLines(rows: readonly Row[], sort: SortKey, columns: number, room: number): Line[] {
  const sorted = rows.toSorted((a, b) => SORTS[sort].order(a, b) || SORTS.w.order(a, b));
  const shown = new Set(choose(sorted, Math.max(0, room - 1)));
  const needed = COLUMNS.filter(({ isNeeded }) => isNeeded?.(rows) ?? true);
  const cells = [...shown].map((row) => needed.map(({ cell }) => cell(row)));
  const lines = table(needed, cells, columns);
  const hidden = sorted.filter((row) => !shown.has(row));
  if (hidden.length === 0) return lines;
  const exited = hidden.filter(({ state }) => state === 'exited').length;
  return [...lines, [span(`  ${hidden.length} more not shown, ${exited} of them exited`, 'gray')]];
}

/** All if there is room, else one less, for the line that says so. */
function choose(sorted: readonly Row[], room: number): Row[] {
  if (sorted.length <= room) return [...sorted];
  const lively = sorted.filter(({ state }) => state !== 'exited');
  const exited = sorted
    .filter(({ state }) => state === 'exited')
    .sort(SORTS.r.order)
    .reverse();
  const chosen = new Set([...lively, ...exited].slice(0, Math.max(0, room - 1)));
  return sorted.filter((row) => chosen.has(row));
}

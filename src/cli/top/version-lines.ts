import { firstSightings } from '../../deploy/facts.js';
import { count } from '../../lib/format.js';
import { type Line, span } from '../terminal/lines.js';
import { type Column, table } from '../terminal/table.js';
import type { Trends } from './trends.js';
import { isRunning, type WorkerStatus } from './worker-lines.js';

const MOST_VERSIONS = 6;
const MOST_NAMED_TENANTS = 4;
const TREND_COLUMNS = 60;
const NARROWEST_TREND = 8;
/** What the other columns of a line take, about. */
const OTHER_COLUMNS = 60;

const COLUMNS: readonly Column[] = [
  { title: 'version', align: 'left', shrinks: true },
  { title: 'workers', align: 'right' },
  { title: 'sessions', align: 'right' },
  { title: 'over time', align: 'left' },
];
const TENANTS: Column = { title: 'tenants', align: 'left', shrinks: true };

/** Sessions by version, without those of workers that are gone. */
export function sessionsByVersion(workers: readonly WorkerStatus[]): Map<string, number> {
  return sums(workers.filter(isRunning).map(({ version, active }) => [version, active]));
}

/** A line a version, the newest first: its workers, sessions, their trend, and the tenants that are still active. */
export function versionLines(
  pool: string,
  workers: readonly WorkerStatus[],
  trends: Trends,
  columns: number,
): Line[] {
  const sessions = sessionsByVersion(workers);
  const newestFirst = [...firstSightings(workers)].sort(([, a], [, b]) => b - a).map(([version]) => version);
  const shown = newestFirst.slice(0, MOST_VERSIONS);
  const width = Math.max(NARROWEST_TREND, Math.min(TREND_COLUMNS, columns - OTHER_COLUMNS));
  const bars = trends.lines(pool, shown, width);
  const lines = shown.map((version, at): Line => {
    const running = workers.filter((worker) => worker.version === version && isRunning(worker));
    return [
      span(version),
      span(String(running.length)),
      span(String(sessions.get(version) ?? 0)),
      span(bars[at] ?? '', 'cyan'),
      span(tenantsOf(running)),
    ];
  });
  const more = newestFirst.length - shown.length;
  const note: Line[] = more > 0 ? [[span(`  ${count(more, 'older version')} not shown`, 'gray')]] : [];
  const isByTenant = workers.some(({ tenants }) => Object.keys(tenants).length > 0);
  return [...table(isByTenant ? [...COLUMNS, TENANTS] : COLUMNS, lines, columns), ...note];
}

/** Tenants with sessions, the largest first. */
function tenantsOf(workers: readonly WorkerStatus[]): string {
  const totals = sums(workers.flatMap(({ tenants }) => Object.entries(tenants)));
  const largestFirst = [...totals].filter(([, active]) => active > 0).sort(([, a], [, b]) => b - a);
  const named = largestFirst.slice(0, MOST_NAMED_TENANTS).map(([tenant, active]) => `${tenant} ${active}`);
  const more = largestFirst.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function sums(entries: readonly (readonly [name: string, value: number])[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const [name, value] of entries) totals.set(name, (totals.get(name) ?? 0) + value);
  return totals;
}

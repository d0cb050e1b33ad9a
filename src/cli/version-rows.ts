import { firstSightings } from '../deploy/facts.js';
import { type Line, span } from './lines.js';
import { type Column, table } from './table.js';
import type { Trends } from './trends.js';
import { isRunning, type Row } from './worker-rows.js';

const MOST_VERSIONS = 6;
const MOST_TENANTS = 4;
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
export function sessionsByVersion(rows: readonly Row[]): Map<string, number> {
  const sessions = new Map<string, number>();
  for (const { worker } of rows.filter(isRunning)) {
    sessions.set(worker.version, (sessions.get(worker.version) ?? 0) + worker.active);
  }
  return sessions;
}

/** A line a version, the newest first: its workers, sessions, their trend, and the tenants that are still active. */
export function versionLines(pool: string, rows: readonly Row[], trends: Trends, columns: number): Line[] {
  const sessions = sessionsByVersion(rows);
  const sightings = firstSightings(rows.map(({ worker }) => worker));
  const newestFirst = [...sightings].sort(([, a], [, b]) => b - a).map(([version]) => version);
  const shown = newestFirst.slice(0, MOST_VERSIONS);
  const width = Math.max(NARROWEST_TREND, Math.min(TREND_COLUMNS, columns - OTHER_COLUMNS));
  const bars = trends.lines(pool, shown, width);
  const lines = shown.map((version, at): Line => {
    const running = rows.filter((row) => row.worker.version === version && isRunning(row));
    return [
      span(version),
      span(String(running.length)),
      span(String(sessions.get(version) ?? 0)),
      span(bars[at] ?? '', 'cyan'),
      span(tenantsOf(running)),
    ];
  });
  const more = newestFirst.length - shown.length;
  const note: Line[] = more > 0 ? [[span(`  ${more} older versions not shown`, 'gray')]] : [];
  const isByTenant = rows.some(({ worker }) => Object.keys(worker.tenants).length > 0);
  return [...table(isByTenant ? [...COLUMNS, TENANTS] : COLUMNS, lines, columns), ...note];
}

/** Tenants with sessions, the largest first. */
function tenantsOf(rows: readonly Row[]): string {
  const totals = new Map<string, number>();
  for (const { worker } of rows) {
    for (const [tenant, active] of Object.entries(worker.tenants)) {
      if (active > 0) totals.set(tenant, (totals.get(tenant) ?? 0) + active);
    }
  }
  const largestFirst = [...totals].sort(([, a], [, b]) => b - a);
  const named = largestFirst.slice(0, MOST_TENANTS).map(([tenant, active]) => `${tenant} ${active}`);
  const more = largestFirst.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

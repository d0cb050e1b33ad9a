import { type Dashboard, DashboardCursorSync, type Panel, type RowPanel } from '@grafana/schema';
import { ANNOTATIONS } from './annotations.js';
import { DASHBOARD_LINKS } from './links.js';
import { DONE } from './rows/done.js';
import { FLOW } from './rows/flow.js';
import { HOLDING } from './rows/holding.js';
import { SESSIONS } from './rows/sessions.js';
import { SWITCHOVER } from './rows/switchover.js';
import { TENANTS } from './rows/tenants.js';
import { WORKERS } from './rows/workers.js';
import { VARIABLES } from './variables.js';

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly collapsed: boolean;
}

const GRID_WIDTH = 24;

const ROWS: readonly Row[] = [
  { title: 'Is the deploy done?', panels: DONE, collapsed: false },
  { title: 'Switchover', panels: SWITCHOVER, collapsed: false },
  { title: 'What holds it', panels: HOLDING, collapsed: false },
  { title: 'All workers', panels: WORKERS, collapsed: true },
  { title: 'Flow', panels: FLOW, collapsed: true },
  { title: 'Tenants', panels: TENANTS, collapsed: true },
  { title: 'Sessions', panels: SESSIONS, collapsed: true },
];

/** Gives rows and panels their ids and places, from left to right and from top to bottom. */
function placed(rows: readonly Row[]): (Panel | RowPanel)[] {
  const all: (Panel | RowPanel)[] = [];
  let id = 0;
  let y = 0;
  for (const { title, panels, collapsed } of rows) {
    const row: RowPanel = {
      type: 'row',
      title,
      collapsed,
      id: ++id,
      gridPos: { x: 0, y: y++, w: GRID_WIDTH, h: 1 },
      panels: [],
    };
    all.push(row);
    let x = 0;
    let height = 0;
    const inside = panels.map((panel) => {
      const { w = GRID_WIDTH, h = 8 } = panel.gridPos ?? {};
      if (x + w > GRID_WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      const gridPos = { x, y, w, h };
      x += w;
      height = Math.max(height, h);
      return { id: ++id, ...panel, gridPos };
    });
    y += height;
    (collapsed ? row.panels : all).push(...inside);
  }
  return all;
}

/** The dashboard, in the classic form that Grafana imports and provisions. */
export const DASHBOARD: Dashboard = {
  uid: 'openrtc-otel-deploy',
  title: 'Deploy completion',
  description:
    'Is the deploy of workers with long sessions done? Every worker on the target, the old ones drained, no session dropped.',
  tags: ['openrtc-otel', 'deploy'],
  schemaVersion: 42,
  version: 1,
  editable: false,
  graphTooltip: DashboardCursorSync.Crosshair,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  timepicker: { refresh_intervals: ['15s', '30s', '1m', '5m'] },
  timezone: 'browser',
  links: DASHBOARD_LINKS,
  annotations: { list: ANNOTATIONS },
  templating: { list: VARIABLES },
  panels: placed(ROWS),
};

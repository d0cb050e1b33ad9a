import type { DashboardLink } from '@grafana/schema';
import { SCOPE_NAME, SCOPE_VERSION, TENANT_ID, WORKER_ID } from '../../../src/attributes.js';
import { variable } from './template.js';
import { attribute, tracesWhere } from './traceql.js';

/** What to do when an alert fires or a panel is not good. */
export const RUNBOOK_URL = `https://unpkg.com/${SCOPE_NAME}@${SCOPE_VERSION}/docs/runbook.md`;

const VALUE = variable('__value.raw');

/** Tempo in Explore. Variables stay readable: Grafana fills them in. */
function explore(query: string): string {
  const tempo = variable('tempo_datasource');
  const pane = {
    datasource: tempo,
    queries: [{ refId: 'A', datasource: { type: 'tempo', uid: tempo }, queryType: 'traceql', query }],
    range: { from: variable('__from'), to: variable('__to') },
  };
  // Grafana decodes the address before it reads it: what ends a parameter there must not stand in the JSON as itself.
  const json = JSON.stringify({ sessions: pane }).replace(
    /[&#+%]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
  const panes = encodeURIComponent(json);
  return `/explore?schemaVersion=1&panes=${panes.replace(/%24(%7B([\w.]+)%7D|\w+)/g, (_, whole, braced) => `$${braced ? `{${braced}}` : whole}`)}`;
}

const link = (title: string, url: string) => ({ title, url, targetBlank: true });

export const exploreWorker = () =>
  link('Sessions of this worker in Tempo', explore(tracesWhere(attribute(WORKER_ID, VALUE))));

export const exploreTenant = () =>
  link('Sessions of this tenant in Tempo', explore(tracesWhere(attribute(TENANT_ID, VALUE))));

const dashboardLink = (title: string, tooltip: string, url: string, icon: string): DashboardLink => ({
  type: 'link',
  title,
  tooltip,
  url,
  icon,
  asDropdown: false,
  includeVars: false,
  keepTime: false,
  tags: [],
  targetBlank: true,
});

export const DASHBOARD_LINKS: DashboardLink[] = [
  dashboardLink('Runbook', 'What each alert means, and what to do', RUNBOOK_URL, 'doc'),
  dashboardLink(
    'Sessions in Explore',
    'The session spans of the pool in Tempo',
    explore(tracesWhere()),
    'compass',
  ),
];

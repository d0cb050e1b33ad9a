import type { Panel } from '@grafana/schema';
import { describe, expect, it } from 'vitest';
import { annotations, dashboard, panels, promqlTargets, targetsOf, variables } from './panels.js';

/** The rules of grafana/dashboard-linter that the dashboard breaks on purpose. */
const EXCEPTIONS = {
  'template-job-rule': 'a pool is told from others by its name; some stacks have no label job',
  'template-instance-rule': 'a verdict is about all workers of a pool; a worker has an id of its own',
  'target-job-rule': 'as template-job-rule',
  'target-instance-rule': 'as template-instance-rule',
};

const ofType = (type: string) => variables.filter((variable) => variable.type === type);
/** Units that Grafana knows, of those used here. */
const UNITS = ['none', 'short', 'percentunit', 'time:HH:mm'];

describe('the rules of dashboard-linter:', () => {
  it('template-datasource-rule', () => {
    for (const { name, label, query } of ofType('datasource')) {
      expect(name).toBe(`${query}_datasource`);
      expect(label?.toLowerCase()).toBe(`${query} data source`);
    }
    expect(ofType('datasource').map(({ query }) => query)).toEqual(['prometheus', 'tempo']);
  });

  it('template-on-time-change-reload-rule', () => {
    for (const { refresh } of ofType('query')) expect(refresh).toBe(2);
  });

  it('uneditable-dashboard-rule', () => {
    expect(dashboard.editable).toBe(false);
  });

  it.each(panels)('panel-datasource-rule, panel-no-targets-rule: $title', (panel) => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: so Grafana names a variable.
    const allowed = ['${prometheus_datasource}', '${tempo_datasource}'];
    expect(allowed).toContain(panel.datasource?.uid);
    expect(targetsOf(panel).length).toBeGreaterThan(0);
    for (const { datasource } of targetsOf(panel)) expect(datasource).toEqual(panel.datasource);
  });

  it.each(panels)('panel-title-description-rule: $title', ({ title, description }) => {
    expect(title).toBeTruthy();
    expect(description).toContain('**Good:**');
    expect(description).toContain('**Not:**');
  });

  it.each(panels)('panel-units-rule: $title', ({ fieldConfig }) => {
    expect(UNITS).toContain(fieldConfig?.defaults.unit);
  });

  it.each(promqlTargets)('target-rate-interval-rule, target-counter-agg-rule: $name', ({ expr }) => {
    for (const [, window] of expr.matchAll(/\b(?:rate|irate)\([^[]*\[([^\]]+)\]/g)) {
      expect(window).toBe('$__rate_interval');
    }
    const counters = expr.match(/_total\{/g) ?? [];
    const counted = expr.match(/\b(?:rate|irate|increase)\(\w+_total\{/g) ?? [];
    expect(counted).toHaveLength(counters.length);
  });

  it('the exceptions are still needed', () => {
    const names = variables.map(({ name }) => name);
    expect(names).not.toContain('job');
    expect(names).not.toContain('instance');
    expect(promqlTargets.some(({ expr }) => /\b(job|instance)=/.test(expr))).toBe(false);
    for (const reason of Object.values(EXCEPTIONS)) expect(reason).toBeTruthy();
  });
});

describe('the dashboard', () => {
  it('has what an import needs', () => {
    const { uid, tags, schemaVersion, __inputs: inputs } = dashboard;
    expect({ uid, tags, schemaVersion, inputs }).toEqual({
      uid: 'openrtc-otel-deploy',
      tags: ['openrtc-otel', 'deploy'],
      schemaVersion: 42,
      inputs: undefined,
    });
  });

  it('gives each panel an id, and each query of a panel a letter', () => {
    const ids = [...dashboard.panels, ...panels].map(({ id }: Panel) => id);
    expect(new Set(ids).size).toBe(new Set([...dashboard.panels, ...panels]).size);
    for (const panel of panels) {
      const letters = targetsOf(panel).map(({ refId }) => refId);
      expect(new Set(letters).size).toBe(letters.length);
    }
  });

  it('has no panel over another one', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 };
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken.has(`${column} ${line}`), title).toBe(false);
          taken.add(`${column} ${line}`);
        }
      }
    }
  });

  it('leads to the runbook and to Explore', () => {
    const [runbook, explore] = dashboard.links;
    expect(runbook.url).toContain('runbook.md');
    const panes = JSON.parse(new URLSearchParams(explore.url.split('?')[1]).get('panes') ?? '');
    expect(panes.sessions.queries[0]).toMatchObject({ queryType: 'traceql' });
    // Grafana's sanitizer decodes these, and the address would end there.
    expect(explore.url).not.toMatch(/%(26|23|2B|25)/i);
    expect(annotations).toHaveLength(3);
  });
});

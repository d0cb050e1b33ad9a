import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { RULES } from '../../examples/grafana/source/rules.js';

const read = (document: string) =>
  readFileSync(new URL(`../../docs/${document}.md`, import.meta.url), 'utf8');
const runbook = read('runbook');
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n')[0], section]),
);

describe.each(RULES)('$alert', ({ alert, labels, annotations }) => {
  it('is in the runbook: what it means, what to look at, what to do, what not to do', () => {
    const section = sections.get(alert) ?? '';
    for (const part of ['What it means', 'Look at.', 'Do.', 'Do not.']) {
      expect(section).toContain(`**${part}`);
    }
    expect(section).toContain(`(${labels.severity})`);
  });

  it('says what it is about, with numbers, and leads to the runbook', () => {
    const { summary, description, runbook_url: url } = annotations;
    expect(summary).toMatch(/\{\{ \$labels\.openrtc_pool_name \}\}/);
    expect(description).toMatch(/\{\{ \$value|All \{\{/);
    expect(url).toMatch(new RegExp(`/docs/runbook\\.md#${alert.toLowerCase()}$`));
  });
});

it('the runbook has no alert that does not exist', () => {
  const alerts = [...sections.keys()].filter((title) => title?.startsWith('OpenRTC'));
  expect(alerts).toEqual(RULES.map(({ alert }) => alert));
});

/** As in the configuration of Alertmanager. */
interface Inhibition {
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal: readonly string[];
}

/** Whether an alert has the labels that Alertmanager's matchers ask for, such as `severity="warning"`. */
function matches(matchers: readonly string[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((text) => {
    const [, name = '', operator, value = ''] = /^(\w+)(=~|!=|=)"(.*)"$/.exec(text) ?? [];
    const label = labels[name] ?? '';
    if (operator === '=~') return new RegExp(`^(?:${value})$`).test(label);
    return (label === value) === (operator === '=');
  });
}

describe('the inhibitions of docs/grafana.md', () => {
  const [, block = ''] = /```yaml\n(inhibit_rules:.*?)```/s.exec(read('grafana')) ?? [];
  const inhibitions: readonly Inhibition[] = parse(block).inhibit_rules;
  const firing = (matchers: readonly string[]) =>
    RULES.filter(({ alert, labels }) => matches(matchers, { alertname: alert, ...labels }));

  it.each(inhibitions)('$source_matchers: each alert that is named exists', ({ source_matchers: source }) => {
    const [, names = ''] = /^alertname=~?"(.*)"$/.exec(source[0] ?? '') ?? [];
    const alerts = RULES.map(({ alert }) => alert);
    for (const name of names.split('|')) expect(alerts).toContain(name);
  });

  // A label that both lack is an equal one.
  it.each(inhibitions)(
    '$source_matchers: source and target have the labels that must be equal',
    (inhibition) => {
      const { source_matchers: source, target_matchers: target, equal } = inhibition;
      expect(firing(target)).not.toEqual([]);
      for (const { alert, annotations } of [...firing(source), ...firing(target)]) {
        for (const label of equal) expect(JSON.stringify(annotations), alert).toContain(`$labels.${label} `);
      }
    },
  );

  it('only what explains another alert silences it', () => {
    const silenced = inhibitions.map((inhibition) =>
      firing(inhibition.target_matchers).map(({ alert }) => alert),
    );
    expect(silenced).toEqual([
      RULES.map(({ alert }) => alert).filter((alert) => alert !== 'OpenRTCTelemetryAbsent'),
      ['OpenRTCDrainNoProgress', 'OpenRTCDrainNearDeadline'],
    ]);
  });
});

it('docs/grafana.md names the alerts that are kept firing', () => {
  const kept = RULES.filter(({ keep_firing_for: keep }) => keep).map(({ alert }) => alert);
  expect(kept).toEqual(['OpenRTCCrashLoop']);
  expect(read('grafana')).toContain('`keep_firing_for` is on `OpenRTCCrashLoop` alone');
});

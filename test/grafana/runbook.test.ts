import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../examples/grafana/source/rules.js';

const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
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

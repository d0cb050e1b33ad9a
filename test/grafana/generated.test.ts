import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DASHBOARD } from '../../examples/grafana/source/dashboard.js';
import { RULES_FILE } from '../../examples/grafana/source/rules.js';

/** A file that is generated: `npm run dashboard` writes it again. */
const committed = (file: string) => `../../examples/grafana/${file}`;

it('the committed dashboard is what its source says', async () => {
  const json = `${JSON.stringify(DASHBOARD, null, 2)}\n`;
  await expect(json).toMatchFileSnapshot(committed('deploy-completion.json'));
});

it('the committed rules are what their source says', async () => {
  const yaml = `# For workers that report every 75 s or more often. Generated; see the runbook for what each alert means.\n${stringify(RULES_FILE, { lineWidth: 0 })}`;
  await expect(yaml).toMatchFileSnapshot(committed('rules.yaml'));
});

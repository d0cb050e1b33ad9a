import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { RULES } from '../../examples/grafana/source/rules.js';
import { ALERT_CASES } from './support/alert-cases.js';
import { INNOCENT_CASES } from './support/innocent-cases.js';
import { ROOT, run } from './support/project.js';
import { prometheusDir } from './support/prometheus.js';
import { type Case, testFile } from './support/rule-tests.js';

const RULES_FILE = join(ROOT, 'examples/grafana/rules.yaml');

async function promtool(...args: string[]) {
  const { code, stdout, stderr } = await run(join(await prometheusDir(), 'promtool'), args, { cwd: ROOT });
  return { code, said: `${stdout}${stderr}` };
}

async function holds(cases: readonly Case[]) {
  const dir = await mkdtemp(join(tmpdir(), 'openrtc-otel-rules-'));
  try {
    const file = join(dir, 'rules.test.yaml');
    await writeFile(file, stringify(testFile(RULES_FILE, cases), { lineWidth: 0 }));
    return await promtool('test', 'rules', file);
  } finally {
    await rm(dir, { recursive: true });
  }
}

it('the rules are rules', async () => {
  expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', RULES_FILE)).toMatchObject({
    code: 0,
  });
});

it('each alert has a case in which it fires, with its words, and resolves', () => {
  const worded = ALERT_CASES.flatMap(({ words }) => words?.alert ?? []);
  expect(new Set(worded)).toEqual(new Set(RULES.map(({ alert }) => alert)));
});

it.each([...ALERT_CASES, ...INNOCENT_CASES])('$name', async (one) => {
  const { code, said } = await holds([one]);
  expect(said).toContain('SUCCESS');
  expect(code).toBe(0);
});

it('a case can fail', async () => {
  const [first] = INNOCENT_CASES;
  if (!first) throw new Error('there is no case');
  const { code } = await holds([{ ...first, firing: [[10, { OpenRTCSessionsDropped: 1 }]] }]);
  expect(code).not.toBe(0);
});

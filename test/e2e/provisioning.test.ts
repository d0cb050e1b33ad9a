import { join } from 'node:path';
import { expect, it } from 'vitest';
import { validate } from './support/collector.js';
import { goInstall } from './support/go-install.js';
import { installed } from './support/installed.js';
import { ROOT, run } from './support/project.js';
import { prometheusDir } from './support/prometheus.js';

const COMPOSE_VERSION = 'v2.16.2';
const cwd = join(ROOT, 'examples/grafana');

it.each([[['prometheus']], [['prometheus', 'otlp']], [['prometheus', 'delta']], [['vendor']]] as const)(
  'the Collector takes its configuration %s',
  async (configs) => {
    const env = { VENDOR_OTLP_URL: 'https://vendor.example.com', VENDOR_AUTHORIZATION: 'Api-Token secret' };
    const { code, stderr } = await validate(configs, env);
    expect(code, stderr).toBe(0);
  },
);

it('Prometheus takes its configuration, with the rules', async () => {
  const promtool = join(await prometheusDir(), 'promtool');
  const { code, stdout, stderr } = await run(promtool, ['check', 'config', 'prometheus.yml'], { cwd });
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/rules found/);
});

it('the compose file holds against the Compose specification', async () => {
  const dir = await installed(`compose-go-${COMPOSE_VERSION}`, (folder) =>
    goInstall(folder, `github.com/compose-spec/compose-go/v2/cmd@${COMPOSE_VERSION}`),
  );
  const args = ['--format', 'json', 'compose.yaml'];
  const { code, stdout, stderr } = await run(join(dir, 'cmd'), args, { cwd });
  expect(code, stderr).toBe(0);
  expect(Object.keys(JSON.parse(stdout).services)).toEqual(['collector', 'grafana', 'prometheus', 'tempo']);
});

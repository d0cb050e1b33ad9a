import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { play, prometheus, SCENARIOS } from '../../examples/scenarios/index.js';
import { aligned } from '../support/scenario-table.js';
import { DashboardCheck, dashboardTable, type Said } from './support/dashboard-check.js';
import { Prometheus } from './support/prometheus.js';

const INTERVAL_SECONDS = 1;
/** A deploy that is done, and one that lost sessions. All scenarios are held against the usual names elsewhere. */
const PLAYED = SCENARIOS.filter(({ name }) => ['clean', 'kill'].includes(name));
vi.setConfig({ testTimeout: 600_000 });

let backend: Prometheus;
let dashboard: DashboardCheck;
beforeAll(async () => {
  backend = await Prometheus.start('UnderscoreEscapingWithoutSuffixes');
  dashboard = new DashboardCheck(backend.url, INTERVAL_SECONDS);
});
afterAll(async () => {
  await backend?.[Symbol.asyncDispose]();
  console.log(aligned(dashboardTable(dashboard.compared)));
});

describe.concurrent('the dashboard where names have no suffixes, as by default in Mimir:', () => {
  it.each(PLAYED)('$name: $title', async (scenario) => {
    const said: Said[] = [];
    const begunAt = Date.now();
    const result = await play(scenario, {
      pool: scenario.name,
      sources: [prometheus(backend.url)],
      intervalSeconds: INTERVAL_SECONDS,
      onVerdict: (verdict) => said.push({ heardAt: Date.now(), verdict: verdict as Said['verdict'] }),
    });
    expect(result.problems).toEqual([]);
    expect(await dashboard.check(scenario.name, result, said, begunAt)).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prometheus, SCENARIOS } from '../../examples/scenarios/index.js';
import { playInTime } from '../support/play-in-time.js';
import { aligned } from '../support/scenario-table.js';
import { DashboardCheck, dashboardTable } from './support/dashboard-check.js';
import { Prometheus } from './support/prometheus.js';

const INTERVAL_SECONDS = 1;
/** A deploy that is done, and one that lost sessions. All scenarios are held against the usual names elsewhere. */
const PLAYED = SCENARIOS.filter(({ name }) => ['clean', 'kill'].includes(name));

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
    const options = { sources: [prometheus(backend.url)], intervalSeconds: INTERVAL_SECONDS };
    const judged = await playInTime(scenario, options, async (result, pool) => [
      ...result.problems,
      ...(await dashboard.check(scenario.name, pool, result)),
    ]);
    expect(judged.problems).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { play, prometheus, RECEIVER, SCENARIOS } from '../../examples/scenarios/index.js';
import { aligned, measureTable, type Played, scenarioTable } from '../support/scenario-table.js';
import { DashboardCheck, dashboardTable, type Said } from './support/dashboard-check.js';
import { Prometheus } from './support/prometheus.js';

const INTERVAL_SECONDS = 1;
/**
 * How much later one source may come to what the other has come to, in s. A receiver that has just begun can tell
 * nothing for a silence window, and Prometheus is asked once a second; after an outage each needs a silence window
 * without a gap, and does not look at gaps in the same way.
 */
const MOST_APART_SECONDS = 2 * 4 * INTERVAL_SECONDS;
vi.setConfig({ maxConcurrency: 3, testTimeout: 600_000 });

let backend: Prometheus;
let dashboard: DashboardCheck;
beforeAll(async () => {
  backend = await Prometheus.start();
  dashboard = new DashboardCheck(backend.url, INTERVAL_SECONDS);
});

const played: Played[] = [];
afterAll(async () => {
  await backend?.[Symbol.asyncDispose]();
  played.sort((a, b) => order(a) - order(b));
  console.log(`${scenarioTable(played)}\n\n${measureTable(played)}`);
  console.log(aligned(dashboardTable(dashboard.compared)));
});
const order = ({ name }: Played) => SCENARIOS.findIndex((scenario) => scenario.name === name);

describe.concurrent('a deploy, judged on the embedded receiver and on Prometheus at once:', () => {
  it.each(SCENARIOS)('$name: $title', async (scenario) => {
    const said: Said[] = [];
    const begunAt = Date.now();
    const result = await play(scenario, {
      pool: scenario.name,
      sources: [RECEIVER, prometheus(backend.url)],
      intervalSeconds: INTERVAL_SECONDS,
      onVerdict: (verdict, { name }) => {
        if (name === 'Prometheus') said.push({ heardAt: Date.now(), verdict: verdict as Said['verdict'] });
      },
    });
    played.push({ name: scenario.name, result });
    expect(result.problems).toEqual([]);
    const [receiver, other] = ['receiver', 'Prometheus'].map((source) =>
      result.seen.filter((seen) => seen.source === source),
    );
    expect(other?.map(({ step }) => step)).toEqual(receiver?.map(({ step }) => step));
    const apart = receiver?.map(({ seconds }, index) => Math.abs(seconds - (other?.[index]?.seconds ?? 0)));
    expect(Math.max(...(apart ?? []))).toBeLessThan(MOST_APART_SECONDS);
    expect(await dashboard.check(scenario.name, result, said, begunAt)).toEqual([]);
  });
});

it('no panel and no annotation is empty in all scenarios', () => {
  expect(dashboard.empty).toEqual([]);
});

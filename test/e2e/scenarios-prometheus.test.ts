import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prometheus, RECEIVER, SCENARIOS } from '../../examples/scenarios/index.js';
import type { Result } from '../../examples/scenarios/play.js';
import { playInTime } from '../support/play-in-time.js';
import { aligned, measureTable, type Played, scenarioTable } from '../support/scenario-table.js';
import { DashboardCheck, dashboardTable } from './support/dashboard-check.js';
import { Prometheus } from './support/prometheus.js';

const INTERVAL_SECONDS = 1;
/**
 * How much later one source may come to what the other has come to, in s. A receiver that has just begun can tell
 * nothing for a silence window, and Prometheus is asked once a second; after an outage each needs a silence window
 * without a gap, and does not look at gaps in the same way.
 */
const MOST_APART_SECONDS = 2 * 4 * INTERVAL_SECONDS;
/** Those first whose gate runs out of time: they take the longest. */
const LONGEST_FIRST = SCENARIOS.toSorted((a, b) => Number(b.exitCode === 11) - Number(a.exitCode === 11));
vi.setConfig({ maxConcurrency: 4 });

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
  it.each(LONGEST_FIRST)('$name: $title', async (scenario) => {
    const options = { sources: [RECEIVER, prometheus(backend.url)], intervalSeconds: INTERVAL_SECONDS };
    const judged = await playInTime(scenario, options, async (result, pool) => [
      ...result.problems,
      ...differences(result),
      ...(await dashboard.check(scenario.name, pool, result)),
    ]);
    played.push({ name: scenario.name, result: judged.result });
    expect(judged.problems).toEqual([]);
  });
});

/** Where the gate on Prometheus does not come to what the gate that is a receiver does, or much later or earlier. */
function differences({ seen }: Result): string[] {
  const [receiver = [], other = []] = ['receiver', 'Prometheus'].map((name) =>
    seen.filter(({ source }) => source === name),
  );
  const steps = [receiver, other].map((said) => said.map(({ step }) => step).join('; '));
  if (steps[0] !== steps[1]) return [`the receiver says ${steps[0]}, Prometheus says ${steps[1]}`];
  return receiver.flatMap(({ step, seconds }, index) => {
    const apart = Math.abs(seconds - (other[index]?.seconds ?? 0));
    return apart < MOST_APART_SECONDS ? [] : [`${step}: receiver and Prometheus are ${apart} s apart`];
  });
}

it('no panel and no annotation is empty in all scenarios, but for alerts without their rules', () => {
  expect(dashboard.empty).toEqual(['Alerts that fire, query A']);
});

import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Measure } from '../examples/scenarios/deploy.js';
import { play, RECEIVER, SCENARIOS } from '../examples/scenarios/index.js';
import { playInTime } from './support/play-in-time.js';
import { measureTable, type Played, scenarioTable } from './support/scenario-table.js';

const INTERVAL_SECONDS = 0.5;
const SILENCE_WINDOW_SECONDS = 4 * INTERVAL_SECONDS;
vi.setConfig({ maxConcurrency: 5, testTimeout: 600_000 });
/** Those first whose gate runs out of time: they take the longest. */
const LONGEST_FIRST = SCENARIOS.toSorted((a, b) => Number(b.exitCode === 11) - Number(a.exitCode === 11));

const played: Played[] = [];
afterAll(() => {
  played.sort((a, b) => order(a) - order(b));
  console.log(`${scenarioTable(played)}\n\n${measureTable(played)}`);
});
const order = ({ name }: Played) => SCENARIOS.findIndex((scenario) => scenario.name === name);

/** What the gate must hear of in time, in s. */
const LIMITS = new Map([
  ['last exit to complete', 1],
  ['last exit to dropped', 1],
  ['SIGKILL to presumed', SILENCE_WINDOW_SECONDS + 1],
]);

describe.concurrent('a deploy, judged on the embedded receiver:', () => {
  it.each(LONGEST_FIRST)('$name: $title', async (scenario) => {
    const options = { sources: [RECEIVER], intervalSeconds: INTERVAL_SECONDS };
    const isLate = ({ what, seconds }: Measure) => !(seconds < (LIMITS.get(what) ?? 0));
    const { result, problems } = await playInTime(scenario, options, (one) => one.problems);
    played.push({ name: scenario.name, result });
    expect(problems).toEqual([]);
    // A machine that is busy with something else may be late once.
    if (!result.measures.some(isLate)) return;
    const again = await playInTime(scenario, options, (one) => one.problems);
    expect(again.problems).toEqual([]);
    expect(again.result.measures.filter(isLate)).toEqual([]);
  });
});

it('counters were held against the calls in most scenarios without a killed worker', () => {
  const polite = played.filter(({ result: { telemetry } }) => telemetry.goodbyes === telemetry.workers);
  const compared = polite.filter(({ result: { telemetry } }) => telemetry.counted === telemetry.workers);
  expect(compared.length).toBeGreaterThan(polite.length / 2);
});

it('a gate that ends otherwise than stated is a problem, and so is a dropped call that only the caller saw', async () => {
  const result = await play(
    {
      name: 'blind',
      title: 'a server is killed when the gate has ended',
      target: 'v1',
      exitCode: 11,
      async play(stage) {
        const servers = await stage.start('v1', 1);
        const deploy = await stage.watch({ target: 'v1', expect: 1, more: ['--since', 'now'] });
        await deploy.see({ phase: 'complete' });
        await deploy.endsWith(0);
        await stage.call(servers, 1);
        stage.signal('SIGKILL', servers);
        await stage.gone(servers);
      },
    },
    { pool: 'blind', sources: [RECEIVER], intervalSeconds: INTERVAL_SECONDS },
  );
  expect(result.problems).toEqual([
    'exit code of the gate (receiver): expected 11, got 0',
    'calls that were dropped, by the gate (receiver): expected 1, got 0',
  ]);
});

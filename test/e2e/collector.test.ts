import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { play, prometheus, RECEIVER, SCENARIOS } from '../../examples/scenarios/index.js';
import type { Result } from '../../examples/scenarios/play.js';
import { METRICS, type Metric, POOL_NAME, SESSION_OUTCOME } from '../../src/attributes.js';
import { PrometheusApi } from '../../src/deploy/prometheus/http.js';
import { matcher, range, series } from '../../src/deploy/prometheus/promql.js';
import { measureTable, type Played, scenarioTable } from '../support/scenario-table.js';
import { Collector, type CollectorConfig } from './support/collector.js';
import { assessedRow, firstRow } from './support/first-row.js';
import { Prometheus } from './support/prometheus.js';

const INTERVAL_SECONDS = 1;
const DELTA = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' };
vi.setConfig({ maxConcurrency: 2 });

type Scenario = (typeof SCENARIOS)[number];
const PROMETHEUS = prometheus('').name;

/** The moment that a verdict is of, which `watch --json` gives too. */
interface Moment {
  readonly now: number;
}
/** A time range as it is when the page is opened. */
const HOUR_MS = 3_600_000;

/** A Collector, the Prometheus that it sends to, and a gate that asks that. */
class Path implements AsyncDisposable {
  readonly name: string;
  readonly backend: Prometheus;
  readonly #collector: Collector;

  private constructor(name: string, backend: Prometheus, collector: Collector) {
    this.name = name;
    this.backend = backend;
    this.#collector = collector;
  }

  static async open(name: string, configs: readonly CollectorConfig[], backend: Prometheus): Promise<Path> {
    const env = { PROMETHEUS_URL: backend.url, METRICS_OTLP_URL: backend.otlpUrl };
    return new Path(name, backend, await Collector.start(configs, env));
  }

  get source() {
    return { ...prometheus(this.backend.url), name: this.name, otlp: this.#collector.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#collector[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
  }
}

let direct: Prometheus;
let remoteWrite: Path;
let withoutSuffixes: Path;
let delta: Path;
beforeAll(async () => {
  direct = await Prometheus.start();
  remoteWrite = await Path.open('remote write', ['prometheus'], await Prometheus.start());
  const likeMimir = await Prometheus.start('UnderscoreEscapingWithoutSuffixes');
  withoutSuffixes = await Path.open('OTLP, no suffixes', ['prometheus', 'otlp'], likeMimir);
  delta = await Path.open('delta, remote write', ['prometheus', 'delta'], await Prometheus.start());
});

const played: Played[] = [];
const playedWithDelta: Played[] = [];
afterAll(async () => {
  for (const part of [direct, remoteWrite, withoutSuffixes, delta]) await part?.[Symbol.asyncDispose]();
  for (const all of [played, playedWithDelta]) console.log(`${scenarioTable(all)}\n\n${measureTable(all)}\n`);
});

const rows: string[][] = [];
afterAll(() => console.log(rows.map((row) => row.join(' | ')).join('\n')));

/** The dashboard's first row, at the moment of each gate's last word, says what the verdict says then. */
async function agree(
  { name, target }: Scenario,
  { ends }: Result,
  backends: ReadonlyMap<string, Prometheus>,
): Promise<void> {
  for (const { source, verdict } of ends) {
    const backend = backends.get(source);
    if (!backend || !verdict) continue;
    const { now: to } = verdict as unknown as Moment;
    const sight = { pool: name, target, from: to - HOUR_MS, to };
    const row = await firstRow(backend.url, sight);
    rows.push([name, source, JSON.stringify(row)]);
    expect(row, `${name}, ${source}`).toEqual(await assessedRow(backend.url, sight, target));
  }
}

const scenarios = SCENARIOS.filter(({ name }) => ['clean', 'kill', 'forced'].includes(name));

describe.concurrent('the verdict through a Collector is the verdict without it:', () => {
  it.each(scenarios)('$name', async (scenario) => {
    const result = await play(scenario, {
      pool: scenario.name,
      sources: [RECEIVER, prometheus(direct.url), remoteWrite.source, withoutSuffixes.source],
      intervalSeconds: INTERVAL_SECONDS,
    });
    played.push({ name: scenario.name, result });
    expect(result.problems).toEqual([]);
    expect(result.ends.map(({ exitCode }) => exitCode)).toEqual(Array(4).fill(scenario.exitCode));
    expect(new Set(result.ends.map(({ verdict }) => verdict?.phase)).size).toBe(1);
    await agree(
      scenario,
      result,
      new Map([
        [PROMETHEUS, direct],
        [remoteWrite.name, remoteWrite.backend],
        [withoutSuffixes.name, withoutSuffixes.backend],
      ]),
    );
  });

  it.each(scenarios)('$name, with delta temporality', async (scenario) => {
    const result = await play(scenario, {
      pool: scenario.name,
      sources: [RECEIVER, delta.source],
      intervalSeconds: INTERVAL_SECONDS,
      env: DELTA,
    });
    playedWithDelta.push({ name: scenario.name, result });
    expect(result.problems).toEqual([]);
    await agree(scenario, result, new Map([[delta.name, delta.backend]]));
  });
});

it('counters that were sent as delta are whole sums behind the Collector', async () => {
  const { result } = playedWithDelta.find(({ name }) => name === 'clean') ?? {};
  const { calls, hungUp } = result?.telemetry ?? {};
  expect(calls).toBeGreaterThan(0);
  const api = new PrometheusApi({
    url: new URL(delta.backend.url),
    headers: new Headers(),
    timeoutMs: 10_000,
  });
  const total = async (metric: Metric, ...matchers: string[]) => {
    const sums = series(metric, [matcher(POOL_NAME, 'clean'), ...matchers]);
    const { samples } = await api.query(`sum(last_over_time(${range(sums, '10m')}))`);
    return samples[0]?.value;
  };
  expect(await total(METRICS.started)).toBe(calls);
  expect(await total(METRICS.ended, matcher(SESSION_OUTCOME, 'success'))).toBe(hungUp);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RECORDINGS } from '../../examples/grafana/source/recording.js';
import { RULES } from '../../examples/grafana/source/rules.js';
import * as names from '../../src/attributes.js';
import { labelName } from '../../src/deploy/prometheus/promql.js';
import { prometheusSource } from '../../src/deploy/prometheus/source.js';
import { panels, promqlTargets } from '../grafana/panels.js';
import { interpolate, PrometheusDatasource, selectionOf } from './support/grafana.js';
import { Prometheus } from './support/prometheus.js';
import { remoteWrite, type Series } from './support/remote-write.js';
import { unrecorded } from './support/unrecorded.js';

/** `LOAD_WORKERS=10000` measures a larger fleet. */
const USUAL_WORKERS = 2_000;
const WORKERS = Number(process.env.LOAD_WORKERS ?? USUAL_WORKERS);
/** What may take longer with more workers. */
const SCALE = Math.max(1, WORKERS / USUAL_WORKERS);
const TIMEOUT_MS = 1_200_000 * SCALE;
/** CPU seconds that are allowed with the usual number of workers. */
const READ_LIMIT = 3;
const QUERY_LIMIT = 2;
const WINDOW_MS = 4 * 3_600_000;
const INTERVAL_MS = 15_000;
/** Samples must not be older than an hour before the newest: time goes on for all workers together. */
const SLAB_MS = 1_800_000;
const WORKERS_A_REQUEST = 25;
const RUNS = 3;
/** Panels in the first row of the dashboard. */
const FIRST_ROW = 4;
/** How long ago the new version came up. */
const DEPLOY_MS = 3_600_000;
/** The longest offset of an alert. */
const LOOKS_BACK_MS = 1_800_000;
/** The longest step of a subquery. */
const LONGEST_STEP_MS = 300_000;

const isOfOldVersion = (worker: number) => worker % 2 === 0;

/** The series of a worker, and the value of each at a moment. */
function seriesOf(
  worker: number,
  begin: number,
  deployAt: number,
): { labels: Record<string, string>; valueAt: (at: number) => number }[] {
  const isOld = isOfOldVersion(worker);
  const identity = {
    [labelName(names.POOL_NAME)]: 'voice-prod',
    [labelName(names.WORKER_ID)]: `voice-prod-7d9c5b6f4-${worker}-1a2b3c4d`,
    [labelName(names.WORKER_VERSION)]: isOld ? '1.4.0' : '1.5.0',
    job: 'voice-prod',
    instance: `voice-prod-7d9c5b6f4-${worker}-1a2b3c4d`,
  };
  const series = ({ name, unit, kind }: names.Metric, valueAt: (at: number) => number, more = {}) => ({
    labels: {
      __name__: `${labelName(name)}${kind === 'counter' ? '_total' : unit === 's' ? '_seconds' : ''}`,
      ...identity,
      ...more,
    },
    valueAt,
  });
  const started = isOld ? begin - 86_400_000 : deployAt;
  return [
    series(names.METRICS.active, (at) => (Math.floor(at / INTERVAL_MS) + worker) % 9),
    series(names.METRICS.draining, () => Number(isOld)),
    series(names.METRICS.running, () => 1),
    series(names.METRICS.dropped, () => 0),
    series(names.METRICS.startTime, () => started / 1000),
    series(names.METRICS.interval, () => INTERVAL_MS / 1000),
    series(names.METRICS.drainElapsed, (at) => (isOld ? (at - begin) / 1000 : 0)),
    series(names.METRICS.drainTimeout, () => 14_400),
    series(names.METRICS.started, (at) => Math.floor((at - begin) / 60_000)),
    ...names.SESSION_OUTCOMES.map((outcome) =>
      series(names.METRICS.ended, (at) => (outcome === 'success' ? Math.floor((at - begin) / 60_000) : 0), {
        [labelName(names.SESSION_OUTCOME)]: outcome,
      }),
    ),
    ...names.REJECTION_REASONS.map((reason) =>
      series(names.METRICS.rejected, () => 0, { [labelName(names.REJECTION_REASON)]: reason }),
    ),
  ];
}

async function fill(url: string, begin: number, end: number): Promise<number> {
  let samples = 0;
  const deployAt = end - DEPLOY_MS;
  for (let slab = begin; slab < end; slab += SLAB_MS) {
    for (let first = 0; first < WORKERS; first += WORKERS_A_REQUEST) {
      const batch: Series[] = [];
      for (let worker = first; worker < first + WORKERS_A_REQUEST; worker++) {
        // Workers do not report at the same moments.
        const phase = (worker * 7) % INTERVAL_MS;
        const from = isOfOldVersion(worker) ? begin : deployAt;
        for (const { labels, valueAt } of seriesOf(worker, begin, deployAt)) {
          const points = [];
          for (let at = slab + phase; at < Math.min(slab + SLAB_MS, end); at += INTERVAL_MS) {
            if (at >= from) points.push({ timestamp: at, value: valueAt(at) });
          }
          samples += points.length;
          if (points.length > 0) batch.push({ labels, samples: points });
        }
      }
      await remoteWrite(url, batch);
    }
  }
  return samples;
}

let prometheus: Prometheus;
let end: number;
beforeAll(async () => {
  prometheus = await Prometheus.start();
  // Subqueries look at multiples of their step: what they find must not depend on the minute.
  end = Math.floor(Date.now() / LONGEST_STEP_MS) * LONGEST_STEP_MS;
  const filling = performance.now();
  const samples = await fill(prometheus.url, end - WINDOW_MS, end);
  console.log(`${samples} samples written in ${((performance.now() - filling) / 1000).toFixed(0)} s`);
}, TIMEOUT_MS);
afterAll(() => prometheus?.[Symbol.asyncDispose]());

/** What Prometheus has computed so far. */
async function prometheusSeconds(): Promise<number> {
  const metrics = await (await fetch(`${prometheus.url}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (.*)$/m.exec(metrics)?.[1]);
}

/** And this process. */
async function cpuSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (await prometheusSeconds()) + (user + system) / 1e6;
}

const shown = (seconds: readonly number[]) => seconds.map((one) => one.toFixed(2)).join(', ');

// Other processes may keep the machine busy: what something costs is what it takes on one idle core.
describe(`${WORKERS} workers that have reported for ${WINDOW_MS / 3_600_000} h`, {
  timeout: TIMEOUT_MS,
}, () => {
  it(`are read in less than ${READ_LIMIT * SCALE} s`, async () => {
    await using source = prometheusSource({ url: prometheus.url, timeoutMs: 60_000 * SCALE });
    const wall: number[] = [];
    const cpu: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const began = performance.now();
      const busy = await cpuSeconds();
      const facts = await source.read({ target: '1.5.0', at: end });
      cpu.push((await cpuSeconds()) - busy);
      wall.push((performance.now() - began) / 1000);
      expect(facts.workers).toHaveLength(WORKERS);
      expect(facts.since).toBe(end - DEPLOY_MS);
    }
    console.log(`a read took ${shown(wall)} s, ${shown(cpu)} s of them on a core`);
    expect(Math.min(...cpu)).toBeLessThan(READ_LIMIT * SCALE);
  });

  it(`each query of the first row is answered in less than ${QUERY_LIMIT * SCALE} s`, async () => {
    const datasource = new PrometheusDatasource(prometheus.url);
    const firstRow = promqlTargets.filter(({ panel }) => panels.indexOf(panel) < FIRST_ROW);
    const sight = { pool: 'voice-prod', target: '1.5.0', from: end - 3_600_000, to: end };
    const before = await cpuSeconds();
    const selection = await selectionOf(datasource, sight);
    console.log(`the variables: ${((await cpuSeconds()) - before).toFixed(2)} s on a core`);
    let row = 0;
    const answered = new Set<unknown>();
    for (const { name, panel, expr } of firstRow) {
      const costs: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        const busy = await cpuSeconds();
        const found = await datasource.instant(interpolate(expr, selection), end);
        if (found.length > 0) answered.add(panel);
        costs.push((await cpuSeconds()) - busy);
      }
      console.log(`${name}: ${shown(costs)} s on a core`);
      expect(Math.min(...costs), name).toBeLessThan(QUERY_LIMIT * SCALE);
      row += Math.min(...costs);
    }
    console.log(`the first row: ${row.toFixed(2)} s on a core`);
    expect(answered.size).toBe(FIRST_ROW);
  });

  it('the alerts cost less with the recording rules than without them', async () => {
    const datasource = new PrometheusDatasource(prometheus.url);
    /** What Prometheus computes for these, and how many series each gives. */
    async function costOf(expressions: readonly string[]) {
      const before = await prometheusSeconds();
      const found: number[] = [];
      for (const expression of expressions) found.push((await datasource.instant(expression, end)).length);
      return { seconds: (await prometheusSeconds()) - before, found };
    }
    // As the rules would have: each reads those before it, and one looks back.
    for (const at of [end - LOOKS_BACK_MS, end]) {
      for (const { record, expr } of RECORDINGS) {
        const series = (await datasource.instant(expr, at)).map(({ labels, value }) => ({
          labels: { ...labels, __name__: record },
          samples: [{ timestamp: at, value }],
        }));
        if (series.length > 0) await remoteWrite(prometheus.url, series);
      }
    }
    const alerts = RULES.map(({ expr }) => expr);
    const recording = await costOf(RECORDINGS.map(({ expr }) => expr));
    const reading = await costOf(alerts);
    const without = await costOf(alerts.map(unrecorded));
    const told = [recording, reading, without].map(({ seconds }) => seconds);
    console.log(
      `the rules, a cycle: ${shown(told.slice(0, 2))} s on a core (recording, alerts); without recording ${shown(told.slice(2))} s`,
    );
    expect(without.found).toEqual(reading.found);
    const nearDeadline = RULES.findIndex(({ alert }) => alert === 'OpenRTCDrainNearDeadline');
    expect(reading.found[nearDeadline]).toBeGreaterThan(WORKERS / 4);
    expect(recording.seconds + reading.seconds).toBeLessThan(without.seconds);
  });
});

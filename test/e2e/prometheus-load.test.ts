import { describe, expect, it } from 'vitest';
import * as names from '../../src/attributes.js';
import { prometheusSource } from '../../src/deploy/prometheus.js';
import { labelName } from '../../src/deploy/promql.js';
import { interpolate, SAMPLE } from '../grafana/interpolate.js';
import { panels, promqlTargets } from '../grafana/panels.js';
import { PrometheusDatasource } from './support/grafana.js';
import { Prometheus } from './support/prometheus.js';
import { remoteWrite, type Series } from './support/remote-write.js';

const WORKERS = 2_000;
const WINDOW_MS = 4 * 3_600_000;
const INTERVAL_MS = 15_000;
/** Samples must not be older than an hour before the newest: time goes on for all workers together. */
const SLAB_MS = 1_800_000;
const WORKERS_A_REQUEST = 25;
const RUNS = 5;
/** Panels in the first row of the dashboard. */
const FIRST_ROW = 4;
const DEFAULT_RANGE_HOURS = 1;

/** The series of a worker that has run all the time, and the value of each at a moment. */
function seriesOf(
  worker: number,
  begin: number,
): { labels: Record<string, string>; valueAt: (at: number) => number }[] {
  const isOld = worker % 2 === 0;
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
  const started = begin - (isOld ? 86_400_000 : 0);
  return [
    series(names.ACTIVE_SESSIONS, (at) => (at / INTERVAL_MS + worker) % 9),
    series(names.DRAINING, () => Number(isOld)),
    series(names.DEPLOYMENT_VERSION, () => 1),
    series(names.DROPPED_SESSIONS, () => 0),
    series(names.START_TIME, () => started / 1000),
    series(names.REPORT_INTERVAL, () => INTERVAL_MS / 1000),
    series(names.DRAIN_ELAPSED, (at) => (isOld ? (at - begin) / 1000 : 0)),
    series(names.DRAIN_TIMEOUT, () => 14_400),
    series(names.SESSIONS_STARTED, (at) => Math.floor((at - begin) / 60_000)),
    ...names.SESSION_OUTCOMES.map((outcome) =>
      series(names.SESSIONS_ENDED, (at) => (outcome === 'success' ? Math.floor((at - begin) / 60_000) : 0), {
        [labelName(names.SESSION_OUTCOME)]: outcome,
      }),
    ),
    ...names.REJECTION_REASONS.map((reason) =>
      series(names.JOBS_REJECTED, () => 0, { [labelName(names.REJECTION_REASON)]: reason }),
    ),
  ];
}

async function fill(url: string, begin: number, end: number): Promise<number> {
  let samples = 0;
  for (let slab = begin; slab < end; slab += SLAB_MS) {
    for (let first = 0; first < WORKERS; first += WORKERS_A_REQUEST) {
      const batch: Series[] = [];
      for (let worker = first; worker < first + WORKERS_A_REQUEST; worker++) {
        // Workers do not report at the same moments.
        const phase = (worker * 7) % INTERVAL_MS;
        for (const { labels, valueAt } of seriesOf(worker, begin)) {
          const points = [];
          for (let at = slab + phase; at < Math.min(slab + SLAB_MS, end); at += INTERVAL_MS) {
            points.push({ timestamp: at, value: valueAt(at) });
          }
          samples += points.length;
          batch.push({ labels, samples: points });
        }
      }
      await remoteWrite(url, batch);
    }
  }
  return samples;
}

/** What Prometheus and this process have computed so far. */
async function cpuSeconds(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const { user, system } = process.cpuUsage();
  return Number(/^process_cpu_seconds_total (.*)$/m.exec(metrics)?.[1]) + (user + system) / 1e6;
}

describe(`${WORKERS} workers that have reported for ${WINDOW_MS / 3_600_000} h`, () => {
  it('are read in less than 3 s, and each query of the first row is answered in less than 1 s', async () => {
    await using prometheus = await Prometheus.start();
    const end = Math.floor(Date.now() / INTERVAL_MS) * INTERVAL_MS;
    const begin = end - WINDOW_MS;
    const filling = performance.now();
    const samples = await fill(prometheus.url, begin, end);
    console.log(`${samples} samples written in ${((performance.now() - filling) / 1000).toFixed(0)} s`);

    await using source = prometheusSource({ url: prometheus.url, timeoutMs: 60_000 });
    const wall: number[] = [];
    const cpu: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const began = performance.now();
      const busy = await cpuSeconds(prometheus.url);
      const facts = await source.read({ target: '1.5.0', at: end });
      cpu.push((await cpuSeconds(prometheus.url)) - busy);
      wall.push((performance.now() - began) / 1000);
      expect(facts.workers).toHaveLength(WORKERS);
      expect(facts.since).toBe(begin);
    }
    const shown = (seconds: readonly number[]) => seconds.map((one) => one.toFixed(2)).join(', ');
    console.log(`a read took ${shown(wall)} s, ${shown(cpu)} s of them on a core`);
    // Other processes may keep the machine busy: what a read costs is what it takes on one idle core.
    expect(Math.min(...cpu)).toBeLessThan(3);

    const datasource = new PrometheusDatasource(prometheus.url);
    const firstRow = promqlTargets.filter(({ panel }) => panels.indexOf(panel) < FIRST_ROW);
    for (const hours of [DEFAULT_RANGE_HOURS, WINDOW_MS / 3_600_000]) {
      const variables = { ...SAMPLE.variables, target: '1.5.0' };
      const selection = { variables, from: end - hours * 3_600_000, to: end };
      for (const { name, expr } of firstRow) {
        const costs: number[] = [];
        for (let run = 0; run < RUNS; run++) {
          const busy = await cpuSeconds(prometheus.url);
          expect(await datasource.instant(interpolate(expr, selection), end)).toHaveLength(1);
          costs.push((await cpuSeconds(prometheus.url)) - busy);
        }
        console.log(`${name} over ${hours} h: ${shown(costs)} s on a core`);
        if (hours === DEFAULT_RANGE_HOURS) expect(Math.min(...costs), name).toBeLessThan(1);
      }
    }
  });
});

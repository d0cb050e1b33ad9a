import { describe, expect, it } from 'vitest';
import { prometheusBackend, receiverBackend } from '../chaos/backends.js';
import type { Backend } from '../chaos/play.js';
import { describeFailure, describeResult, playAll, type Result } from '../chaos/play-all.js';
import { Prometheus } from './support/prometheus.js';

/** Of the first fleet; `CHAOS_SEED` plays others. */
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const CONCURRENCY = 2;

/** Plays so many deploys; what went wrong fails the test, with the plan and the command that plays it again. */
async function played(source: string, backend: Backend, seed: number, deploys: number): Promise<void> {
  const onResult = (result: Result) => console.log(describeResult(result));
  const results = await playAll({ seed, deploys, concurrency: CONCURRENCY, backend, onResult });
  const failures = results.filter(({ problems }) => problems.length > 0);
  expect(failures.map((result) => describeFailure(result, source)).join('\n\n')).toBe('');
  expect(results.reduce((sum, result) => sum + result.deploys, 0)).toBe(deploys);
  // Else nothing was put to the test.
  expect(results.reduce((sum, { dropped }) => sum + dropped, 0)).toBeGreaterThan(deploys / 2);
  expect(results.reduce((sum, { counted }) => sum + counted, 0)).toBeGreaterThan(deploys);
}

describe('deploys at random: what the callers saw is what the telemetry says', { timeout: 1_200_000 }, () => {
  it('in 30 deploys on the embedded receiver', () => played('receiver', receiverBackend, SEED, 30));

  it('in 10 deploys on a real Prometheus', async () => {
    await using prometheus = await Prometheus.start();
    await played('prometheus', prometheusBackend(prometheus.url), SEED + 500_000, 10);
  });
});

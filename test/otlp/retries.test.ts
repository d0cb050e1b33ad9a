import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMetricsSender } from '../../src/otlp/sender.js';
import { readEnvironment } from '../../src/worker/environment.js';
import { usePipeline } from '../support/pipeline.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';

listenToWarnings();
const pipeline = usePipeline();

afterEach(() => {
  vi.restoreAllMocks();
});

const batch = { resource: { attributes: {} }, scopeMetrics: [] } as never;

/** The times of the attempts to send a report, in ms. */
async function attempts(headers: Record<string, string>, timeout: number): Promise<number[]> {
  const times: number[] = [];
  pipeline.collector.answer = () => {
    times.push(performance.now());
    return { status: 503, headers };
  };
  const sender = createMetricsSender(readEnvironment(), timeout);
  expect(await sender.send(batch)).toEqual({ reason: 'HTTP 503', canRetry: true });
  sender.close();
  return times;
}

describe('the pauses between the attempts to send a report', () => {
  it.each([['0'], ['00'], ['Wed, 21 Oct 2015 07:28:00 GMT'], ['-1'], ['']])(
    'are never shorter than ours, whatever a collector asks for: Retry-After: %s',
    async (after) => {
      const times = await attempts({ 'retry-after': after }, 3_000);
      expect(times.length).toBeGreaterThan(1);
      expect(times.length).toBeLessThan(5);
      const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(Math.min(...pauses)).toBeGreaterThan(490);
    },
  );

  it('are as long as a collector asks for', async () => {
    const [first = 0, second = 0] = await attempts({ 'retry-after': '1' }, 2_900);
    expect(second - first).toBeGreaterThan(990);
  });

  it('are not in step with those of others', async () => {
    const gap = async (random: number) => {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      const [first = 0, second = 0] = await attempts({}, 1_200);
      return second - first;
    };
    const [short, long] = [await gap(0), await gap(0.99)];
    expect(long - short).toBeGreaterThan(150);
  });
});

it('an idle worker of a collector that asks for no pause sends a few requests only', async () => {
  let requests = 0;
  pipeline.collector.answer = () => {
    requests++;
    return { status: 503, headers: { 'retry-after': '0' } };
  };
  const telemetry = pipeline.instrument(new TestPool(), { deploymentVersion: '1.2.3' });
  for (let n = 0; n < 20; n++) telemetry.startSession().end();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(requests).toBeGreaterThan(2);
  expect(requests).toBeLessThan(12);
});

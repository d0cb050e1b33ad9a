import { expect, it } from 'vitest';
import * as names from '../../../src/attributes.js';
import { type Receiver, SourceError, startReceiver } from '../../../src/deploy/index.js';

async function report({ url }: Receiver, pool: string, version: string): Promise<void> {
  const attributes = Object.entries({
    [names.POOL_NAME]: pool,
    [names.WORKER_ID]: 'w-1',
    [names.WORKER_VERSION]: version,
  }).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const metric = { name: names.METRICS.active.name, gauge: { dataPoints: [{ asInt: 4, attributes }] } };
  const { status } = await fetch(`${url}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }),
  });
  expect(status).toBe(200);
}

it('tells of a pool what it knows now', async () => {
  let clock = 1_000_000;
  await using receiver = await startReceiver({ now: () => clock });
  expect(await receiver.pools()).toEqual([]);
  clock = 1_005_000;
  await report(receiver, 'voice', 'v1');
  clock = 1_010_000;
  await report(receiver, 'voice', 'v2');
  clock = 1_015_000;
  expect(await receiver.pools()).toEqual(['voice']);
  const facts = await receiver.read({ target: 'v2' });
  expect(facts).toMatchObject({ now: 1_015_000, since: 1_010_000, coveredSince: 1_000_000 });
  expect(facts.workers).toEqual(receiver.workers());

  await report(receiver, 'chat', 'v1');
  expect(await receiver.pools()).toEqual(['chat', 'voice']);
  await expect(receiver.read({ target: 'v2' })).rejects.toThrow(SourceError);
  expect((await receiver.read({ pool: 'chat' })).workers).toMatchObject([{ pool: 'chat', version: 'v1' }]);
});

it('refuses to tell of a past moment', async () => {
  await using receiver = await startReceiver();
  const refusal = new SourceError('a receiver knows only the present: ask a Prometheus for a past moment');
  await expect(receiver.read({ at: 1 })).rejects.toThrow(refusal);
  await expect(receiver.pools({ at: 1 })).rejects.toThrow(refusal);
});

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Receiver, type SpanRecord, startReceiver, type WorkerFacts } from '../../src/deploy/index.js';
import { OpenRtcStage } from './support/openrtc-python.js';

let stage: OpenRtcStage;
let receiver: Receiver;
let spans: SpanRecord[] = [];

beforeAll(async () => {
  stage = await OpenRtcStage.create();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  spans = [];
  receiver = await startReceiver({ onSpans: (batch) => void spans.push(...batch) });
});
afterEach(() => receiver.close());

/** Waits for the one worker of a version to be as expected. */
const row = (version: string, expected: Partial<WorkerFacts> = {}) =>
  vi.waitFor(
    () => {
      const rows = receiver.workers().filter((worker) => worker.version === version);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject(expected);
      return rows[0];
    },
    { timeout: 60_000, interval: 50 },
  );
const outcomes = () =>
  spans
    .filter(({ name }) => name === 'openrtc.session')
    .map(({ attributes }) => `${attributes['openrtc.tenant.id']} ${attributes['openrtc.session.outcome']}`)
    .toSorted();

test('a blue-green deploy from v1 to v2 drops no call', async () => {
  const blue = stage.worker('blue', 'v1');
  const blueBridge = stage.bridge(blue, receiver.url, ['--pool', 'voice', '--tenant-limit', '5']);
  await row('v1', { pool: 'voice', active: 0 });
  const calls = [await stage.call('acme'), await stage.call('acme'), await stage.call('globex')];
  await row('v1', { active: 3, draining: false, tenants: { acme: 2, globex: 1 } });

  const green = stage.worker('green', 'v2');
  stage.bridge(green, receiver.url, ['--pool', 'voice']);
  await row('v2', { pool: 'voice', active: 0 });
  stage.terminate(blue);
  await row('v1', { active: 3, draining: true });
  const late = await stage.call('globex');
  await row('v2', { active: 1, draining: false });

  const exited = once(blue.process, 'exit');
  for (const [index, room] of calls.entries()) {
    await stage.hangUp(room);
    await row('v1', { active: 2 - index });
  }
  await exited;
  await row('v1', {
    exited: true,
    active: 0,
    dropped: 0,
    started: 3,
    ended: expect.objectContaining({ success: 3 }),
  });
  await row('v2', { exited: false, active: 1, dropped: 0 });
  expect(outcomes()).toEqual(['acme success', 'acme success', 'globex success']);

  blueBridge.kill('SIGTERM');
  expect(await once(blueBridge, 'exit'), 'there is nothing left to report').toEqual([0, null]);
  await stage.hangUp(late);
  stage.terminate(green);
  await row('v2', { exited: true, dropped: 0 });
});

test('a drain that is stuck behind a call that nobody ends is seen past its timeout, and its calls as dropped', async () => {
  const worker = stage.worker('stuck', 'v1', 4);
  stage.bridge(worker, receiver.url, ['--drain-timeout', '4']);
  await row('v1');
  const calls = [await stage.call('acme'), await stage.call('globex')];
  await row('v1', { active: 2 });
  stage.terminate(worker);
  await row('v1', { active: 2, draining: true, drainTimeoutSeconds: 4, dropped: 0 });
  // OpenRTC cuts off one of them at its timeout and waits for the other without end.
  const stuck = await row('v1', { exited: false, active: 1, draining: true, dropped: 2 });
  expect(Number(stuck?.lastReportAt) - Number(stuck?.drainingSince)).toBeGreaterThan(4_000);
  for (const room of calls) await stage.hangUp(room);
  await row('v1', {
    exited: true,
    active: 0,
    dropped: 2,
    ended: expect.objectContaining({ success: 0, dropped: 2 }),
  });
  expect(outcomes()).toEqual(['acme dropped', 'globex dropped']);
});

test('a call that is cut off by the drain timeout is dropped, though OpenRTC reports a success', async () => {
  const worker = stage.worker('timeout', 'v1', 4);
  stage.bridge(worker, receiver.url, ['--drain-timeout', '4']);
  await row('v1');
  const room = await stage.call('acme');
  await row('v1', { active: 1 });
  const exited = once(worker.process, 'exit');
  stage.terminate(worker);
  await exited;
  await row('v1', {
    exited: true,
    dropped: 1,
    started: 1,
    ended: expect.objectContaining({ success: 0, dropped: 1 }),
  });
  expect(outcomes()).toEqual(['acme dropped']);
  await stage.hangUp(room);
});

test('a worker that is killed has its goodbye within 5 s, and the one after it in its place is another worker', async () => {
  const worker = stage.worker('killed', 'v1');
  stage.bridge(worker, receiver.url);
  await row('v1');
  const rooms = [await stage.call('acme'), await stage.call('globex')];
  await row('v1', { active: 2 });
  const exited = once(worker.process, 'exit');
  worker.process.kill('SIGKILL');
  await exited;
  const killed = performance.now();
  await row('v1', { exited: true, active: 0, dropped: 2, ended: expect.objectContaining({ dropped: 2 }) });
  expect(performance.now() - killed).toBeLessThan(5_000);
  expect(outcomes()).toEqual(['acme dropped', 'globex dropped']);
  for (const room of rooms) await stage.hangUp(room);

  const next = stage.worker('killed', 'v2');
  await row('v2', { exited: false, active: 0, dropped: 0, started: 0 });
  stage.terminate(next);
  await row('v2', { exited: true, dropped: 0 });
});

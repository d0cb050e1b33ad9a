import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../wire/support/eventually.js';
import { Scene } from './support/scene.js';

const SOURCES = [
  ['its stream', (scene: Scene) => ['--jsonl', scene.jsonl]],
  ['its socket', (scene: Scene) => ['--socket', scene.socket]],
  ['its health endpoint', (scene: Scene) => ['--url', scene.url]],
  ['all of them', (scene: Scene) => scene.all],
] as const;

const ofSession = (scene: Scene, name: string) =>
  scene.backend.spans.filter((span) => span.name === name).map(({ attributes }) => attributes);

describe.concurrent('a worker that is read by', () => {
  it.each(SOURCES)(
    '%s and killed has a goodbye within 5 s, its sessions as dropped',
    async (_, sourcesOf) => {
      await using scene = await Scene.create();
      const worker = scene.worker();
      scene.bridge([...sourcesOf(scene), '--pool', 'voice', '--deployment-version', 'v1']);
      await eventually(() => expect(scene.backend.worker).toMatchObject({ pool: 'voice', version: 'v1' }));
      await worker.ask('start', 'acme', 'globex', 'acme');
      await eventually(() => expect(scene.backend.worker?.active).toBe(3));
      await worker.ask('finish', 'globex');
      await eventually(() =>
        expect(scene.backend.worker).toMatchObject({ active: 2, ended: { success: 1 } }),
      );

      worker.kill('SIGKILL');
      await worker.exit;
      const killed = performance.now();
      await eventually(() => expect(scene.backend.worker?.exited).toBe(true));
      expect(performance.now() - killed).toBeLessThan(5_000);
      expect(scene.backend.worker).toMatchObject({
        active: 0,
        draining: false,
        dropped: 2,
        started: 3,
        ended: { success: 1, failed: 0, dropped: 2, unknown: 0 },
      });
      expect(scene.backend.goodbyes).toHaveLength(1);
    },
  );

  it.each(SOURCES.slice(1))('%s and stopped is not declared dead, and goes on', async (_, sourcesOf) => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    scene.bridge([...sourcesOf(scene), '--deployment-version', 'v1']);
    await eventually(() => expect(scene.backend.worker).toBeDefined());
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(1));
    worker.kill('SIGSTOP');
    await sleep(7_000);
    expect(scene.backend.worker).toMatchObject({ exited: false, active: 1, dropped: 0 });
    worker.kill('SIGCONT');
    await worker.ask('finish', 'acme');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ exited: false, active: 0, dropped: 0 }),
    );
  });
});

describe.concurrent('a bridge', () => {
  it('reports a session with its id, tenant and agent, and how it ended', async () => {
    await using scene = await Scene.create();
    scene.bridge([...scene.all, '--tenant-limit', '5']);
    const worker = scene.worker();
    await worker.ask('start', 'acme', 'globex');
    await eventually(() => expect(scene.backend.worker?.tenants).toEqual({ acme: 1, globex: 1 }));
    await eventually(() => expect(ofSession(scene, 'openrtc.session.start')).toHaveLength(2));
    await worker.ask('finish', 'acme');
    await eventually(() => expect(ofSession(scene, 'openrtc.session')).toHaveLength(1));
    expect(ofSession(scene, 'openrtc.session')[0]).toMatchObject({
      'openrtc.session.id': expect.stringMatching(/^AJ_/),
      'openrtc.tenant.id': 'acme',
      'openrtc.agent.name': 'hold',
      'openrtc.session.outcome': 'success',
      'openrtc.worker.version': 'v1',
    });
    await eventually(() => expect(scene.backend.worker?.tenants).toEqual({ acme: 0, globex: 1 }));
  });

  it('that gets SIGTERM reports a drain, stays until the worker is gone, and exits with 0', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    const bridge = scene.bridge(['--jsonl', scene.jsonl, '--socket', scene.socket]);
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(1));
    bridge.kill('SIGTERM');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ draining: true, active: 1 }));
    await sleep(5_000);
    expect(scene.backend.worker).toMatchObject({ exited: false, active: 1 });
    await worker.ask('finish', 'acme');
    await worker.ask('close').catch(() => {});
    expect(await bridge.exit).toEqual({ code: 0, signal: null });
    expect(scene.backend.worker).toMatchObject({ exited: true, dropped: 0, ended: { success: 1 } });
    expect(bridge.stdout).toEqual([
      expect.stringMatching(/^worker \S+ \(v1\) is reported$/),
      expect.stringMatching(/^worker \S+ \(v1\) is gone: goodbye delivered, 0 dropped$/),
    ]);
  });

  it('that is told of the drain by a file drops what is live at the timeout, though the worker says success', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    const drainFile = join(scene.dir, 'drain');
    scene.bridge([...scene.all, '--drain-file', drainFile, '--drain-timeout', '4']);
    await worker.ask('start', 'acme', 'acme', 'globex');
    await eventually(() => expect(scene.backend.worker?.active).toBe(3));
    writeFileSync(drainFile, '');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ draining: true }));
    await worker.ask('finish', 'globex');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ ended: { success: 1 } }));
    await eventually(() => expect(scene.backend.worker).toMatchObject({ active: 2, dropped: 2 }));
    await worker.ask('finish', 'acme');
    await worker.ask('finish', 'acme');
    await worker.ask('close').catch(() => {});
    await eventually(() => expect(scene.backend.worker?.exited).toBe(true));
    expect(scene.backend.worker).toMatchObject({
      dropped: 2,
      drainTimeoutSeconds: 4,
      ended: { success: 1, dropped: 2, unknown: 0 },
    });
    const outcomes = ofSession(scene, 'openrtc.session').map((span) => span['openrtc.session.outcome']);
    expect(outcomes.toSorted()).toEqual(['dropped', 'dropped', 'success']);
  });

  it('that is killed and started again goes on as the same worker, and counts nothing twice', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    const first = scene.bridge(scene.all);
    await worker.ask('start', 'acme', 'acme', 'globex');
    await eventually(() => expect(ofSession(scene, 'openrtc.session.start')).toHaveLength(3));
    await worker.ask('finish', 'globex');
    await eventually(() => expect(ofSession(scene, 'openrtc.session')).toHaveLength(1));
    await eventually(() => expect(scene.backend.worker).toMatchObject({ active: 2, ended: { success: 1 } }));
    const { id, startedAt } = scene.backend.worker ?? {};
    first.kill('SIGKILL');
    await first.exit;
    await sleep(2_000);
    const before = scene.backend.reports.length;
    scene.bridge(scene.all);
    await eventually(() => expect(scene.backend.reports.length).toBeGreaterThan(before + 2));
    await worker.ask('start', 'globex');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({
        id,
        startedAt,
        active: 3,
        started: 4,
        ended: { success: 1 },
      }),
    );
    const sums = scene.backend.reports.map((points) =>
      points.find(({ name }) => name === 'openrtc.sessions.started'),
    );
    const values = sums.map((point) => point?.value ?? 0);
    expect(values, 'the sum never falls, so nothing is counted again').toEqual(
      values.toSorted((a, b) => a - b),
    );
    await eventually(() => expect(ofSession(scene, 'openrtc.session.start')).toHaveLength(4));
    worker.kill();
    await eventually(() => expect(scene.backend.worker).toMatchObject({ exited: true, dropped: 3 }));
    const idsOf = (name: string) => ofSession(scene, name).map((span) => String(span['openrtc.session.id']));
    await eventually(() => expect(idsOf('openrtc.session')).toHaveLength(4));
    expect(idsOf('openrtc.session').toSorted()).toEqual(idsOf('openrtc.session.start').toSorted());
  });

  it('that finds a worker dead says its goodbye, and again the same when it is started again', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    await worker.ask('start', 'acme', 'globex');
    await sleep(1_500);
    worker.kill();
    await worker.exit;
    await sleep(1_000);
    for (const goodbyes of [1, 2]) {
      const bridge = scene.bridge(scene.all);
      await eventually(() => expect(scene.backend.goodbyes).toHaveLength(goodbyes));
      expect(scene.backend.worker).toMatchObject({ exited: true, active: 0, dropped: 2, started: 2 });
      bridge.kill('SIGTERM');
      expect(await bridge.exit).toEqual({ code: 0, signal: null });
    }
  });

  it('takes a file that is truncated for another worker, and the sessions of the one before for dropped', async () => {
    await using scene = await Scene.create();
    // No gap between the two: the second one starts before the first could be missed.
    const first = scene.worker({ SOCKET: '', PORT: '0' });
    scene.bridge(['--jsonl', scene.jsonl]);
    await first.ask('start', 'acme', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(2));
    first.kill();
    await first.exit;
    const second = scene.worker({ SOCKET: '', PORT: '0', VERSION: 'v2' });
    await second.ask('start', 'globex');
    await eventually(() => expect(scene.backend.workers).toHaveLength(2));
    await eventually(() =>
      expect(scene.backend.workers).toMatchObject([
        { version: 'v1', exited: true, active: 0, dropped: 2 },
        { version: 'v2', exited: false, active: 1, dropped: 0, started: 1 },
      ]),
    );
  });

  it('reads every file of a pattern as a worker of its own', async () => {
    await using scene = await Scene.create();
    scene.bridge(['--jsonl', join(scene.dir, '*.jsonl')]);
    const [one, two] = ['one', 'two'].map((name) =>
      scene.worker({ JSONL: join(scene.dir, `${name}.jsonl`), SOCKET: '', PORT: '0', VERSION: name }),
    );
    await one?.ask('start', 'acme');
    await two?.ask('start', 'acme', 'acme');
    await eventually(() =>
      expect(scene.backend.workers.map(({ active }) => active).toSorted()).toEqual([1, 2]),
    );
    one?.kill();
    await eventually(() => {
      const [gone, alive] = scene.backend.workers.toSorted((a, b) => a.version.localeCompare(b.version));
      expect(gone).toMatchObject({ version: 'one', exited: true, dropped: 1 });
      expect(alive).toMatchObject({ version: 'two', exited: false, active: 2 });
    });
  });

  it('reports a worker by its socket where its stream does not come', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker({ JSONL: '' });
    scene.bridge(['--jsonl', scene.jsonl, '--socket', scene.socket, '--deployment-version', 'v3']);
    await worker.ask('start', 'acme');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ version: 'v3', active: 1, started: 1 }),
    );
  });

  it('goes on where a folder can not be read, and says so once', async () => {
    await using scene = await Scene.create();
    writeFileSync(join(scene.dir, 'file'), '');
    const worker = scene.worker();
    const bridge = scene.bridge(['--jsonl', join(scene.dir, 'file/worker.jsonl'), '--socket', scene.socket]);
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ active: 1 }));
    expect(bridge.said.filter((line) => line.includes('can not be read: ENOTDIR'))).toHaveLength(1);
  });

  it('does not report a worker that ended long ago, and reports the next one', async () => {
    await using scene = await Scene.create();
    const first = scene.worker();
    await first.ask('start', 'acme');
    await sleep(1_500);
    first.kill();
    await first.exit;
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(scene.jsonl, longAgo, longAgo);
    const bridge = scene.bridge(['--jsonl', scene.jsonl]);
    await eventually(() =>
      expect(bridge.said).toEqual([expect.stringContaining('its worker ended long ago')]),
    );
    scene.worker({ VERSION: 'v2' });
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ version: 'v2', exited: false, active: 0 }),
    );
  });

  it('that can not deliver a goodbye exits with 1', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker();
    const bridge = scene.bridge(scene.all, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${scene.port}/none`,
    });
    await eventually(() => expect(bridge.stdout).toHaveLength(1));
    bridge.kill('SIGTERM');
    worker.kill();
    expect(await bridge.exit).toEqual({ code: 1, signal: null });
    expect(bridge.stdout[1]).toMatch(/GOODBYE NOT DELIVERED/);
  });

  it('without a worker exits at once when it is told to', async () => {
    await using scene = await Scene.create();
    const bridge = scene.bridge(scene.all);
    await sleep(1_000);
    bridge.kill('SIGINT');
    expect(await bridge.exit).toEqual({ code: 0, signal: null });
    expect(bridge.stdout.concat(bridge.stderr)).toEqual([]);
    expect(scene.backend.workers).toEqual([]);
  });
});

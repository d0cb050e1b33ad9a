import { writeFileSync } from 'node:fs';
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
    // The start of a session that is old when it is first looked at is not told.
    await eventually(() => expect(scene.backend.worker).toBeDefined());
    await worker.ask('start', 'acme', 'acme', 'globex');
    await eventually(() => expect(scene.backend.worker?.active).toBe(3));
    await eventually(() => expect(ofSession(scene, 'openrtc.session.start')).toHaveLength(3));
    writeFileSync(drainFile, '');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ draining: true }));
    await worker.ask('finish', 'globex');
    await eventually(() => expect(scene.backend.worker).toMatchObject({ ended: { success: 1 } }));
    await eventually(() => expect(ofSession(scene, 'openrtc.session')).toHaveLength(1));
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
    await eventually(() => expect(scene.backend.worker).toBeDefined());
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
    // It says nothing from which one could tell that it has begun.
    await sleep(4_000);
    bridge.kill('SIGINT');
    expect(await bridge.exit).toEqual({ code: 0, signal: null });
    expect(bridge.stdout.concat(bridge.stderr)).toEqual([]);
    expect(scene.backend.workers).toEqual([]);
  });
});

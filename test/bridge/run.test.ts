import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';
import { Scene } from './support/scene.js';

const said = listenToWarnings();
afterEach(() => vi.unstubAllEnvs());

const ofSession = (scene: Scene, name: string) =>
  scene.backend.spans.filter((span) => span.name === name).map(({ attributes }) => attributes);
/** What only a stream tells of. */
const STREAM_ONLY = { SOCKET: '', PORT: '0' };

describe('a bridge', () => {
  it('reports a session with its id, tenant and agent, and how it ended', async () => {
    await using scene = await Scene.create();
    scene.run(scene.sources, { tenantLimit: 5, poolName: 'voice' });
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

  it('takes a file that is truncated for another worker, and the sessions of the one before for dropped', async () => {
    await using scene = await Scene.create();
    // No gap between the two: the second one starts before the first could be missed.
    const first = scene.worker(STREAM_ONLY);
    scene.run({ jsonl: scene.jsonl });
    await first.ask('start', 'acme', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(2));
    first.kill();
    await first.exit;
    const second = scene.worker({ ...STREAM_ONLY, VERSION: 'v2' });
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
    scene.run({ jsonl: join(scene.dir, '*.jsonl') });
    const [one, two] = ['one', 'two'].map((name) =>
      scene.worker({ JSONL: join(scene.dir, `${name}.jsonl`), ...STREAM_ONLY, VERSION: name }),
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

  it('reports a worker by its socket where its stream can not be read, and says so once', async () => {
    await using scene = await Scene.create();
    writeFileSync(join(scene.dir, 'file'), '');
    const worker = scene.worker({ JSONL: '' });
    const jsonl = join(scene.dir, 'file/worker.jsonl');
    scene.run({ jsonl, socket: scene.socket }, { deploymentVersion: 'v3' });
    await worker.ask('start', 'acme');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ version: 'v3', active: 1, started: 1 }),
    );
    expect(await said()).toEqual([`${jsonl} cannot be read: ENOTDIR`]);
  });

  it('that starts after the drain timeout has the session that was cut off before, and who hung up', async () => {
    await using scene = await Scene.create();
    const now = Date.now() / 1000;
    // The last pause is long, so that the stream is not taken for a dead one while the test looks at it.
    const ages = [...Array.from({ length: 25 }, (_, index) => 30 - index), 2];
    const lines = ages.map((age, index) => {
      // It drains since 25 s, one of three sessions ended 20 s ago and another one 10 s ago.
      const active_sessions = 3 - Number(age < 20) - Number(age < 10);
      const payload = {
        ...{ active_sessions, draining: age < 25, total_sessions_started: 3, total_session_failures: 0 },
        ...{ deployment_version: 'v1', timestamp: now - age, uptime_seconds: 100 - age },
      };
      const record = {
        kind: 'snapshot',
        schema_version: 2,
        seq: index + 1,
        wall_time_unix: now - age,
        payload,
      };
      return `${JSON.stringify(record)}\n`;
    });
    writeFileSync(scene.jsonl, lines.join(''));
    scene.run({ jsonl: scene.jsonl }, { drainTimeoutSeconds: 5 });
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({
        draining: true,
        active: 1,
        dropped: 1,
        ended: { success: 1 },
      }),
    );
  });

  it('does not report a worker that ended long ago, and reports the next one', async () => {
    await using scene = await Scene.create();
    const first = scene.worker();
    await first.ask('start', 'acme');
    await sleep(1_500);
    first.kill();
    await first.exit;
    const longAgo = new Date(Date.now() - 70_000);
    utimesSync(scene.jsonl, longAgo, longAgo);
    scene.run({ jsonl: scene.jsonl });
    await eventually(async () =>
      expect(await said()).toEqual([
        expect.stringMatching(/its worker ended \d+ s ago, before this bridge looked/),
      ]),
    );
    scene.worker({ VERSION: 'v2' });
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ version: 'v2', exited: false, active: 0 }),
    );
  });

  it.each(['socket', 'url'] as const)(
    'that reads a %s alone takes the next worker there for another one',
    async (source) => {
      await using scene = await Scene.create();
      const first = scene.worker();
      const { end } = scene.run({ [source]: scene.sources[source] }, { deploymentVersion: 'v1' });
      await first.ask('start', 'acme');
      await eventually(() => expect(scene.backend.worker?.active).toBe(1));
      first.kill();
      await first.exit;
      const second = scene.worker();
      await second.ask('start', 'acme', 'acme');
      await eventually(() =>
        expect(scene.backend.workers).toMatchObject([
          { exited: true, active: 0, dropped: 1 },
          { exited: false, active: 2, dropped: 0, started: 2 },
        ]),
      );
      second.kill();
      expect(await end()).toBe(true);
      expect(scene.backend.workers[1]).toMatchObject({ exited: true, dropped: 2 });
    },
  );

  it('follows a stream into the next file, and its pattern does not make the one before a worker', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker(STREAM_ONLY);
    const { printed } = scene.run({ jsonl: join(scene.dir, '*.jsonl') });
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(1));
    renameSync(scene.jsonl, join(scene.dir, 'old.jsonl'));
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(2));
    await worker.ask('reopen');
    await worker.ask('start', 'acme');
    await eventually(() => expect(scene.backend.worker?.active).toBe(3));
    await sleep(2_000);
    expect(scene.backend.worker).toMatchObject({ exited: false, active: 3, dropped: 0 });
    expect(printed).toHaveLength(1);
  });
});

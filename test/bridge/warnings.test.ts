import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';
import { Scene } from './support/scene.js';

const said = listenToWarnings();
afterEach(() => vi.unstubAllEnvs());

/** What only a stream tells of. */
const STREAM_ONLY = { SOCKET: '', PORT: '0' };

describe('a bridge', () => {
  it('believes the socket where the snapshots count no session, and says so once', async () => {
    await using scene = await Scene.create();
    const worker = scene.worker({ ISOLATION: 'process' });
    scene.run(scene.sources);
    await worker.ask('start', 'acme', 'acme', 'globex');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ version: 'v1', active: 3, started: 3 }),
    );
    await eventually(async () =>
      expect(await said()).toEqual([expect.stringContaining('isolation="process"; the socket is believed')]),
    );
    await worker.ask('finish', 'globex');
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ active: 2, ended: { success: 0, unknown: 1 } }),
    );
    worker.kill();
    await eventually(() =>
      expect(scene.backend.worker).toMatchObject({ exited: true, dropped: 2, ended: { dropped: 2 } }),
    );
    expect(await said()).toHaveLength(1);
  });

  it.each([
    ['says once that --drain-timeout is not given', undefined, 1],
    ['says nothing of --drain-timeout where it is given', 600, 0],
  ])('when its workers drain %s', async (_, drainTimeoutSeconds, warnings) => {
    await using scene = await Scene.create();
    scene.run({ jsonl: join(scene.dir, '*.jsonl') }, { drainTimeoutSeconds });
    const workers = ['one', 'two'].map((name) =>
      scene.worker({ JSONL: join(scene.dir, `${name}.jsonl`), ...STREAM_ONLY, VERSION: name }),
    );
    await eventually(() => expect(scene.backend.workers).toHaveLength(2));
    expect(await said()).toEqual([]);
    for (const worker of workers) await worker.ask('drain');
    await eventually(() =>
      expect(scene.backend.workers).toMatchObject([{ draining: true }, { draining: true }]),
    );
    expect(await said()).toEqual(
      Array(warnings).fill(expect.stringContaining('no --drain-timeout is given')),
    );
  });

  it.each([
    [false, 1],
    [true, 0],
  ])(
    'says once of a worker that closed whether a drain was missed: reported %s',
    async (isReported, warnings) => {
      await using scene = await Scene.create();
      scene.run(scene.sources, { drainTimeoutSeconds: 600 });
      for (const VERSION of ['v1', 'v2']) {
        const worker = scene.worker({ VERSION });
        await eventually(() =>
          expect(scene.backend.workers.map(({ version }) => version)).toContain(VERSION),
        );
        if (isReported) await worker.ask('drain');
        await eventually(() => expect(scene.backend.workers.at(-1)?.draining).toBe(isReported));
        await worker.ask('close').catch(() => {});
        await eventually(() => expect(scene.backend.workers.every(({ exited }) => exited)).toBe(true));
      }
      expect(await said()).toEqual(Array(warnings).fill(expect.stringContaining('reported no drain')));
    },
  );

  it.each(['socket', 'url'] as const)(
    'says that the stream has stopped where the %s of its worker answers, and goes on by that',
    async (source) => {
      await using scene = await Scene.create();
      const worker = scene.worker();
      scene.run({ jsonl: scene.jsonl, [source]: scene.sources[source] });
      await worker.ask('start', 'acme', 'acme');
      await eventually(() => expect(scene.backend.worker).toMatchObject({ active: 2 }));
      await worker.ask('mute');
      await eventually(async () =>
        expect(await said()).toEqual([
          `${scene.jsonl} is no longer written to, though its worker answers: is the disk full? ` +
            'Until the worker is started again, how its last sessions end can be unknown',
        ]),
      );
      await worker.ask('finish', 'acme');
      await eventually(() => expect(scene.backend.worker).toMatchObject({ active: 1, exited: false }));
      worker.kill();
      await eventually(() => expect(scene.backend.worker).toMatchObject({ exited: true, dropped: 1 }));
      expect(await said()).toHaveLength(1);
    },
  );
});

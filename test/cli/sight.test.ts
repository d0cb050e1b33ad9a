import { beforeEach, describe, expect, it } from 'vitest';
import { keepSight } from '../../src/cli/sight.js';
import {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  SourceError,
  type WorkerFacts,
} from '../../src/deploy/facts.js';
import { ago, exited, facts, fleet, green, NOW, worker } from '../deploy/support.js';

/** A source that shows what a test lets it see. */
class Store implements FactsSource {
  readonly pollMs = 7;
  workers: readonly WorkerFacts[] = [];
  more: Partial<DeployFacts> = { readSince: ago(1_000) };

  async pools(): Promise<string[]> {
    return [...new Set(this.workers.map(({ pool }) => pool))];
  }

  async read({ pool }: FactsQuery): Promise<DeployFacts> {
    return facts(
      this.workers.filter((worker) => pool === undefined || worker.pool === pool),
      this.more,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const old = fleet('v1', 5, { active: 2 });
let store: Store;
let sight: FactsSource;
beforeEach(async () => {
  store = new Store();
  store.workers = [...old, ...green()];
  sight = keepSight(store);
  await sight.read({});
});

describe('a worker that was seen', () => {
  it('and is missing without a goodbye makes the source unknown, until it is back', async () => {
    store.workers = green();
    const lost = new SourceError(
      'lost sight of v1-0 (v1), v1-1 (v1), v1-2 (v1) and 2 other workers: seen before, missing now, and no goodbye',
    );
    await expect(sight.read({})).rejects.toThrow(lost);
    await expect(sight.read({ pool: 'voice' })).rejects.toThrow(lost);
    store.workers = [...old, ...green()];
    expect((await sight.read({})).workers).toHaveLength(8);
  });

  it('and of which only older reports are left makes it unknown, until the newer ones are back', async () => {
    store.workers = [...fleet('v1', 5, { heard: 400 }), ...green()];
    await expect(sight.read({})).rejects.toThrow('lost sight of v1-0 (v1)');
    await expect(sight.read({})).rejects.toThrow('lost sight of v1-0 (v1)');
    // Of a moment that lies further back.
    store.more = { readSince: ago(1_000), now: ago(400) };
    expect((await sight.read({})).workers).toHaveLength(8);
    store.more = { readSince: ago(1_000) };
    store.workers = [...old, ...green()];
    expect((await sight.read({})).workers).toHaveLength(8);
  });

  it('and has said goodbye may go', async () => {
    store.workers = [...exited('v1', 5), ...green()];
    await sight.read({});
    store.workers = green();
    expect((await sight.read({})).workers).toHaveLength(3);
  });

  it('and of which one copy has said goodbye may go', async () => {
    store.workers = [...exited('v1', 5), ...old, ...green()];
    await sight.read({});
    store.workers = green();
    expect((await sight.read({})).workers).toHaveLength(3);
  });

  it('is not missed in what is not read: another pool, a past moment, before the longest window', async () => {
    store.workers = [worker({ id: 'c', pool: 'chat' })];
    expect((await sight.read({ pool: 'chat' })).workers).toHaveLength(1);
    store.workers = green();
    expect((await sight.read({ at: NOW })).workers).toHaveLength(3);
    store.more = { readSince: ago(5) };
    expect((await sight.read({})).workers).toHaveLength(3);
    store.more = { readSince: ago(6) };
    await expect(sight.read({})).rejects.toThrow('lost sight of');
  });

  it('is not missed where the source does not say how far back it reads', async () => {
    store.workers = green();
    store.more = {};
    expect((await sight.read({})).workers).toHaveLength(3);
  });

  it('is forgotten after a day', async () => {
    store.workers = green();
    store.more = { now: NOW + 86_400_000, readSince: 0 };
    expect((await sight.read({ pool: 'chat' })).workers).toHaveLength(0);
    expect((await sight.read({})).workers).toHaveLength(3);
  });
});

describe('a pool that was seen', () => {
  it('is still one when the source does not show it', async () => {
    store.workers = [...store.workers, worker({ id: 'c', pool: 'chat' })];
    await sight.read({});
    store.workers = store.workers.filter(({ pool }) => pool !== 'voice');
    expect(await sight.pools()).toEqual(['chat', 'voice']);
    await expect(sight.read({ pool: 'voice' })).rejects.toThrow('lost sight of');
  });

  it('is none when nobody reported in it for an hour, or all said goodbye', async () => {
    sight = keepSight(store);
    store.workers = [...fleet('v1', 5, { heard: 3_601 }), ...exited('v2', 3)];
    store.more = {};
    await sight.read({});
    store.workers = [];
    expect(await sight.pools()).toEqual([]);
  });
});

it('is asked as often as its source', () => expect(sight.pollMs).toBe(7));

import { describe, expect, it } from 'vitest';
import { FleetReader, isKnown } from '../../../src/cli/top/fleet.js';
import {
  type DeployFacts,
  type FactsQuery,
  type FactsSource,
  SourceError,
  type WorkerFacts,
} from '../../../src/deploy/facts.js';
import { exited, facts, fleet, green, worker } from '../../deploy/support.js';

/** A source whose facts a test sets, and that notes what it is asked. */
class Source implements FactsSource {
  readonly pollMs = 1;
  readonly asked: FactsQuery[] = [];
  workers: readonly WorkerFacts[] = [];
  error: Error | undefined;

  async pools(): Promise<string[]> {
    return [...new Set(this.workers.map(({ pool }) => pool))];
  }

  async read(query: FactsQuery): Promise<DeployFacts> {
    this.asked.push(query);
    if (this.error) throw this.error;
    return facts(this.workers.filter(({ pool }) => pool === query.pool));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const targets = (given: Awaited<ReturnType<FleetReader['read']>>) =>
  given.pools.map(({ pool, verdict, isGuess }) => [pool, verdict?.target, isGuess]);

describe('a fleet', () => {
  it('is every pool with its own guess, asked for once as long as the guess holds', async () => {
    const source = new Source();
    const chat = [worker({ pool: 'chat', version: 'v6' }), worker({ pool: 'chat', version: 'v7', up: 60 })];
    source.workers = [...fleet('v1', 2), ...green(), ...chat];
    const reader = new FleetReader(source, {});
    expect(targets(await reader.read())).toEqual([
      ['voice', 'v2', true],
      ['chat', 'v7', true],
    ]);
    source.asked.length = 0;
    await reader.read();
    expect(source.asked).toEqual([
      { pool: 'voice', target: 'v2' },
      { pool: 'chat', target: 'v7' },
    ]);
  });

  it('is asked again for the window of a new guess', async () => {
    const source = new Source();
    source.workers = fleet('v1', 2);
    const reader = new FleetReader(source, {});
    await reader.read();
    source.workers = [...fleet('v1', 2), ...green()];
    source.asked.length = 0;
    expect(targets(await reader.read())).toEqual([['voice', 'v2', true]]);
    expect(source.asked.map(({ target }) => target)).toEqual([undefined, 'v2']);
  });

  it('keeps the last guess when all have left', async () => {
    const source = new Source();
    source.workers = [...fleet('v1', 2), ...green()];
    const reader = new FleetReader(source, {});
    await reader.read();
    source.workers = exited('v2', 3);
    expect(targets(await reader.read())).toEqual([['voice', 'v2', true]]);
  });

  it('has no verdict where nobody has run since the first look', async () => {
    const source = new Source();
    source.workers = exited('v1', 2);
    const given = await new FleetReader(source, {}).read();
    expect(given.pools.map(({ verdict }) => verdict)).toEqual([undefined]);
    expect(isKnown(given)).toBe(true);
  });

  it('has no verdict where only one version has reported', async () => {
    const source = new Source();
    source.workers = green();
    const given = await new FleetReader(source, {}).read();
    expect(given.pools.map(({ verdict }) => verdict)).toEqual([undefined]);
  });

  it('is the pool and the target that are named, even when they have not reported', async () => {
    const given = await new FleetReader(new Source(), { pool: 'chat', target: 'v9' }).read();
    expect(targets(given)).toEqual([['chat', 'v9', false]]);
    expect(isKnown(given)).toBe(false);
  });

  it('has a row for a worker of which there are copies', async () => {
    const source = new Source();
    source.workers = [worker({ active: 1 }), worker({ active: 2 })];
    const { pools } = await new FleetReader(source, {}).read();
    expect(pools[0]?.workers.map(({ active }) => active)).toEqual([2]);
  });

  it('is the last that was known while the source can not tell, with a gap over time', async () => {
    const source = new Source();
    source.workers = fleet('v1', 1, { active: 3 });
    const reader = new FleetReader(source, {});
    const known = await reader.read();
    expect(known.trends.lines('voice', ['v1'], 60)).toEqual(['█']);
    source.error = new SourceError('timeout');
    const given = await reader.read();
    expect(given.trouble).toBe('timeout');
    expect(given.pools).toBe(known.pools);
    expect(given.trends.lines('voice', ['v1'], 60)).toEqual([' ']);
    source.error = undefined;
    expect((await reader.read()).trouble).toBeUndefined();
  });

  it('does not hide a mistake in a source', async () => {
    const source = new Source();
    source.workers = green();
    source.error = new TypeError('broken');
    await expect(new FleetReader(source, {}).read()).rejects.toThrow('broken');
  });
});

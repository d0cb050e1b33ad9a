import { describe, expect, it } from 'vitest';
import { groupBy } from './group.js';
import { playOnReceiver } from './play-receiver.js';
import { seedsFor } from './seeds.js';
import { Tally } from './tally.js';
import { worldOf } from './world/world.js';

const WORLDS = 2000;
/** So many on one receiver. */
const AT_ONCE = 400;

describe('deploys at random, on the embedded receiver', () => {
  const tally = new Tally();
  const seeds = seedsFor(WORLDS);

  it(`are judged as the design says: seeds ${seeds[0]} to ${seeds.at(-1)}`, {
    timeout: 7_200_000,
  }, async () => {
    for (let from = 0; from < seeds.length; from += AT_ONCE) {
      const worlds = seeds.slice(from, from + AT_ONCE).map((seed) => worldOf(seed));
      const byStart = groupBy(worlds, ({ sourceStartsAt }) => sourceStartsAt);
      for (const some of byStart.values()) tally.add(await playOnReceiver(some));
    }
    console.log(tally.summary);
    expect(tally.wrong.length, tally.faults).toBe(0);
  });

  it.runIf(seeds.length >= WORLDS)('are complete where nothing goes wrong', () => {
    const { clean } = tally;
    expect(clean.demanded).toBeGreaterThan(clean.judged / 10);
    expect(clean.complete).toBeGreaterThanOrEqual(clean.demanded);
  });
});

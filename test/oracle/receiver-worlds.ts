import { describe, expect, it } from 'vitest';
import { groupBy } from './group.js';
import { playOnReceiver } from './play-receiver.js';
import { Tally } from './tally.js';
import { worldOf } from './world/world.js';

/** So many on one receiver: each asks what the other pools do. */
const AT_ONCE = 100;
/** In fewer, too little of each kind happens to be counted. */
const MANY = 1000;

/** Tests that worlds of these seeds are judged as the design says. */
export function testOnReceiver(seeds: readonly number[]): void {
  describe('deploys at random, on the embedded receiver', () => {
    const tally = new Tally();

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

    it.runIf(seeds.length >= MANY)('are complete where nothing goes wrong', () => {
      const { clean } = tally;
      expect(clean.demanded).toBeGreaterThan(clean.judged / 10);
      expect(clean.complete).toBeGreaterThanOrEqual(clean.demanded);
    });
  });
}

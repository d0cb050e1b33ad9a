import { describe, expect, it } from 'vitest';
import { Growth } from '../../../src/deploy/receiver/growth.js';

const SECOND = 1_000;
const HOUR = 3_600_000;
const START = 1_000 * HOUR;

/** Loses one session at each moment; the first entry is of a worker that has lost none. */
function losing(...moments: readonly number[]): Growth {
  const growth = new Growth();
  growth.note(0, START);
  for (const [index, at] of moments.entries()) growth.note(index + 1, at);
  return growth;
}

const every = (ms: number, from: number, times: number) =>
  Array.from({ length: times }, (_, index) => from + ms * (index + 1));

describe('what was lost before a moment', () => {
  it.each([
    ['an hour apart', HOUR],
    ['a minute apart', 60 * SECOND],
    ['a second apart', SECOND],
  ])('is exact after 100 losses %s, for a deploy that follows', (_, ms) => {
    const before = every(ms, START, 100);
    const since = (before.at(-1) ?? 0) + ms / 2;
    expect(losing(...before).before(since)).toBe(100);
  });

  it.each([1, 31, 32, 33, 50, 200, 1_000])('is still exact after %d more losses in the deploy', (losses) => {
    const before = every(HOUR, START, 100);
    const since = (before.at(-1) ?? 0) + 300 * SECOND;
    expect(losing(...before, ...every(5 * SECOND, since + 300 * SECOND, losses)).before(since)).toBe(100);
  });

  it('is never more than there was', () => {
    const moments = every(7 * SECOND, START, 500);
    const growth = losing(...moments);
    for (let since = START; since < START + HOUR; since += SECOND) {
      const lost = moments.filter((at) => at < since).length;
      expect(growth.before(since) ?? 0).toBeLessThanOrEqual(lost);
    }
    expect(growth.first).toBe(0);
  });

  it('is known of losses at one moment', () => {
    const growth = losing(...every(0, START + SECOND, 100));
    expect(growth.before(START + SECOND)).toBe(0);
    expect(growth.before(START + 2 * SECOND)).toBe(100);
  });
});

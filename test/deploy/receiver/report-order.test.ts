import { expect, it } from 'vitest';
import { ReportOrder } from '../../../src/deploy/receiver/report-order.js';

/** What is known after reports of these times, that arrive at a pace. */
function isSetBackAfter(times: readonly number[], paceMs = 500): boolean {
  const order = new ReportOrder();
  for (const [index, madeAt] of times.entries()) order.add(madeAt, 1_000_000 + index * paceMs);
  return order.isSetBack;
}

it.each<[string, readonly number[], boolean]>([
  ['comes in order', [0, 500, 1_000, 1_500], false],
  ['is of a clock that was set back', [600_000, 600_500, 1_000, 1_500, 2_000], true],
  ['comes late, once', [0, 1_000, 500, 1_500], false],
  [
    'is sent again at the pace at which others are made',
    [58_039, 57_538, 58_540, 56_540, 57_038, 59_040],
    false,
  ],
  ['is of a clock that was set back, and right again', [5_000, 5_500, 1_000, 1_500, 6_000, 6_500], false],
])('what %s', (_, times, isSetBack) => {
  expect(isSetBackAfter(times)).toBe(isSetBack);
});

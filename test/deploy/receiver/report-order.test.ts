import { expect, it } from 'vitest';
import { ReportOrder } from '../../../src/deploy/receiver/report-order.js';

const INTERVAL_MS = 500;
type Arrivals = ReadonlyArray<readonly [madeAt: number, arrivedAt: number]>;
/** One after the other at the interval. */
const inTime = (...times: number[]): Arrivals => times.map((madeAt, index) => [madeAt, index * INTERVAL_MS]);

function isSetBackAfter(arrivals: Arrivals): boolean {
  const order = new ReportOrder();
  for (const [madeAt, arrivedAt] of arrivals) order.add(madeAt, arrivedAt, INTERVAL_MS);
  return order.isSetBack;
}

it.each<[string, Arrivals, boolean]>([
  ['comes in order', inTime(0, 500, 1_000, 1_500), false],
  ['is of a clock that was set back', inTime(600_000, 600_500, 1_000, 1_500, 2_000), true],
  ['comes late, once', inTime(0, 1_000, 500, 1_500), false],
  [
    'is sent again at the pace at which others are made',
    [
      [58_540, 0],
      [56_540, 100],
      [57_038, 450],
    ],
    false,
  ],
  [
    'comes late at such a pace, and not each report of that time',
    [
      [10_000, 0],
      [5_000, 1_000],
      [7_000, 2_800],
    ],
    false,
  ],
  [
    'is of a clock that was set back, and right again',
    inTime(5_000, 5_500, 1_000, 1_500, 6_000, 6_500),
    false,
  ],
])('what %s', (_, arrivals, isSetBack) => {
  expect(isSetBackAfter(arrivals)).toBe(isSetBack);
});

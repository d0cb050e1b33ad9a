// What a verdict costs, from thousands of workers to a hundred thousand.
import { assessDeploy } from '../dist/deploy/verdict/assess.js';
import { judged, median, milliseconds, times } from './support.js';

const NOW = 1_800_000_000_000;
const ROUNDS = 15;

/** A third on the old version and draining, the rest on the new one. @param {number} size */
function fleet(size) {
  const workers = Array.from({ length: size }, (_, index) => {
    const isOld = index % 3 === 0;
    const bornAt = NOW - (isOld ? 7_200_000 : 600_000) - index;
    return {
      pool: 'voice-prod',
      id: `voice-prod-7d9c5b6f4-${(index * 2_654_435_761) % 4_294_967_296}`,
      version: isOld ? '1.4.2' : '1.5.0',
      startedAt: bornAt,
      firstReportAt: bornAt,
      lastReportAt: NOW - (index % 15_000),
      reportsSince: bornAt,
      intervalSeconds: 15,
      active: index % 40,
      earlier: { at: NOW - 300_000, active: (index % 40) + 2 },
      draining: isOld,
      ...(isOld && { drainingSince: NOW - 400_000, drainTimeoutSeconds: 3600 }),
      dropped: 0,
      droppedBefore: 0,
      isContradictory: false,
      missing: [],
      exited: isOld && index % 2 === 0,
      tenants: { acme: index % 7, globex: index % 5 },
      started: index,
      ended: { success: index },
      rejected: {},
    };
  });
  return { now: NOW, since: NOW - 700_000, coveredSince: 0, workers };
}

/** The median of some verdicts, in ms. @param {number} size */
function verdictMs(size) {
  const facts = fleet(size);
  const runs = Array.from({ length: ROUNDS + 3 }, () => {
    const begun = performance.now();
    const { phase } = assessDeploy(facts, { target: '1.5.0' });
    if (phase !== 'draining') throw new Error(`the verdict is ${phase}`);
    return performance.now() - begun;
  });
  return median(runs.slice(3));
}

export const deployVerdict = {
  title: 'A verdict over a fleet',
  run: async () => {
    const [small, large] = [verdictMs(10_000), verdictMs(100_000)];
    return [
      judged('10,000 workers', small, 20, milliseconds),
      { label: '100,000 workers', value: milliseconds(large) },
      // Twice as much as linear is memory that no longer fits the caches.
      judged('100,000 workers to ten times 10,000', large / (10 * small), 2, times),
    ];
  },
};

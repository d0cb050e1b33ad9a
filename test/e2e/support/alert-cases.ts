import { RULES } from '../../../examples/grafana/source/rules.js';
import * as names from '../../../src/attributes.js';
import { labelName } from '../../../src/deploy/prometheus/promql.js';
import {
  type Case,
  copyOf,
  type Life,
  POOL,
  quiet,
  type Words,
  witness,
  workerLabels,
} from './rule-tests.js';

const ofPool = { [labelName(names.POOL_NAME)]: POOL };
const ofVersion = (version: string) => ({ ...ofPool, [labelName(names.WORKER_VERSION)]: version });

function words(
  alert: string,
  minute: number,
  labels: Words['labels'],
  summary: string,
  description: string,
): Words {
  const rule = RULES.find((one) => one.alert === alert);
  const { labels: { severity } = { severity: '' }, annotations } = rule ?? {};
  return { alert, minute, labels, summary, description, severity, runbook: annotations?.runbook_url ?? '' };
}

const step = (at: number, value: number) => (minute: number) => (minute >= at ? value : 0);

/** One or more for each alert: it fires, says what it is about, and resolves. */
export const ALERT_CASES: readonly Case[] = [
  {
    name: 'dropped sessions, in a goodbye and in a living worker; copies do not count twice',
    minutes: 50,
    lives: [
      copyOf({ id: 'a', to: 10, goodbye: true, dropped: step(10, 3) }, 'x'),
      copyOf({ id: 'a', to: 10, goodbye: true, dropped: step(10, 3) }, 'y'),
      { ...witness, dropped: step(10.5, 1) },
    ],
    firing: [
      ...quiet(5, 9),
      [11, { OpenRTCSessionsDropped: 1 }],
      [24, { OpenRTCSessionsDropped: 1 }],
      ...quiet(27, 50),
    ],
    words: words(
      'OpenRTCSessionsDropped',
      12,
      ofVersion('v1'),
      `Sessions dropped in pool ${POOL}`,
      'Workers of v1 reported 4 dropped sessions in the last 15 minutes.',
    ),
  },
  {
    name: 'a worker is killed with its sessions',
    minutes: 80,
    lives: [{ id: 'a', to: 10, active: () => 3 }, witness],
    firing: [
      ...quiet(5, 12),
      [14, { OpenRTCWorkerSilentWithSessions: 1 }],
      [60, { OpenRTCWorkerSilentWithSessions: 1 }],
      ...quiet(72, 80),
    ],
    words: words(
      'OpenRTCWorkerSilentWithSessions',
      14,
      workerLabels('a', 'v1'),
      `A worker with sessions went silent in pool ${POOL}`,
      `No report and no goodbye from worker a (v1) of pool ${POOL}: its 3 sessions are presumed dropped.`,
    ),
  },
  {
    name: 'a silent worker returns, and one is recovered: its goodbye comes late',
    minutes: 30,
    lives: [
      { id: 'a', gaps: [[10, 14]] },
      { id: 'c', to: 14, goodbye: true, gaps: [[10, 14]], dropped: step(14, 2) },
      witness,
    ],
    firing: [
      ...quiet(5, 10),
      [13.5, { OpenRTCWorkerSilentWithSessions: 2 }],
      [15, { OpenRTCSessionsDropped: 1 }],
      ...quiet(30, 30),
    ],
  },
  {
    name: 'the telemetry of a pool is absent: an outage of the backend',
    minutes: 125,
    lives: [
      { id: 'a', active: () => 3, gaps: [[20, 110]] },
      { ...witness, gaps: [[20, 110]] },
    ],
    firing: [
      ...quiet(5, 21),
      [23, { OpenRTCTelemetryAbsent: 1 }],
      [109, { OpenRTCTelemetryAbsent: 1 }],
      ...quiet(111, 125),
    ],
    words: words(
      'OpenRTCTelemetryAbsent',
      23,
      ofPool,
      `No telemetry from pool ${POOL}`,
      '2 workers ran in the last 6 hours and none of them reports: nothing is known of their sessions.',
    ),
  },
  {
    name: 'all workers drain and nobody accepts, until another one comes',
    minutes: 30,
    lives: [
      { id: 'a', drainsFrom: 5 },
      { id: 'b', drainsFrom: 5 },
      { id: 'c', version: 'v2', from: 20 },
    ],
    firing: [
      ...quiet(3, 14),
      [16, { OpenRTCNoAcceptingWorker: 1 }],
      [19, { OpenRTCNoAcceptingWorker: 1 }],
      ...quiet(21, 30),
    ],
    words: words(
      'OpenRTCNoAcceptingWorker',
      16,
      ofPool,
      `No worker of pool ${POOL} accepts sessions`,
      'All 2 running workers have drained for 10 minutes.',
    ),
  },
  {
    name: 'a drain nears its deadline and passes it',
    minutes: 40,
    lives: [
      { id: 'a', drainsFrom: 5, drainTimeoutSeconds: 600, to: 25, goodbye: true },
      { ...witness, version: 'v2' },
    ],
    firing: [
      ...quiet(3, 12),
      [14, { OpenRTCDrainNearDeadline: 1 }],
      [18, { OpenRTCDrainPastTimeout: 1 }],
      [24, { OpenRTCDrainPastTimeout: 1 }],
      ...quiet(26, 40),
    ],
    words: words(
      'OpenRTCDrainPastTimeout',
      18,
      workerLabels('a', 'v1'),
      `A drain is past its timeout in pool ${POOL}`,
      `The drain timeout of worker a (v1) of pool ${POOL} is over and it still has 2 sessions.`,
    ),
  },
  {
    name: 'a drain nears its deadline and ends in time',
    minutes: 30,
    lives: [
      {
        id: 'a',
        drainsFrom: 5,
        drainTimeoutSeconds: 600,
        active: (minute) => (minute < 14 ? 1 : 0),
        to: 16,
        goodbye: true,
      },
      { ...witness, version: 'v2' },
    ],
    firing: [...quiet(3, 12), [13.5, { OpenRTCDrainNearDeadline: 1 }], ...quiet(15, 30)],
    words: words(
      'OpenRTCDrainNearDeadline',
      13.5,
      workerLabels('a', 'v1'),
      `Sessions are about to be cut off in pool ${POOL}`,
      `More than 80 % of the drain timeout of worker a (v1) of pool ${POOL} is over and it still has 1 sessions.`,
    ),
  },
  {
    name: 'a drain makes no progress, then it does',
    minutes: 60,
    lives: [
      { id: 'a', drainsFrom: 5, drainTimeoutSeconds: 7200, active: (minute) => (minute < 45 ? 2 : 1) },
      { ...witness, version: 'v2' },
    ],
    firing: [
      ...quiet(5, 34),
      [36, { OpenRTCDrainNoProgress: 1 }],
      [44, { OpenRTCDrainNoProgress: 1 }],
      ...quiet(46, 60),
    ],
    words: words(
      'OpenRTCDrainNoProgress',
      36,
      workerLabels('a', 'v1'),
      `A drain makes no progress in pool ${POOL}`,
      `The 2 sessions on worker a (v1) of pool ${POOL} have not become fewer for 30 minutes.`,
    ),
  },
  {
    name: 'two versions accept for more than an hour',
    minutes: 90,
    lives: [
      { id: 'a', drainsFrom: 75, to: 80, goodbye: true, active: () => 0 },
      { id: 'b', version: 'v2', from: 5 },
    ],
    firing: [
      ...quiet(5, 64),
      [67, { OpenRTCMixedVersions: 1 }],
      [74, { OpenRTCMixedVersions: 1 }],
      ...quiet(76, 90),
    ],
    words: words(
      'OpenRTCMixedVersions',
      67,
      ofPool,
      `Several versions accept sessions in pool ${POOL}`,
      '2 versions have accepted sessions for more than an hour.',
    ),
  },
  {
    name: 'workers of v2 crash again and again, then no more',
    minutes: 60,
    lives: [
      witness,
      ...[10, 13, 16].map(
        (from): Life => ({ id: `c${from}`, version: 'v2', from, to: from + 0.75, active: () => 0 }),
      ),
    ],
    firing: [...quiet(5, 22), [24, { OpenRTCCrashLoop: 1 }], [29, { OpenRTCCrashLoop: 1 }], ...quiet(37, 60)],
    words: words(
      'OpenRTCCrashLoop',
      24,
      ofVersion('v2'),
      `Workers of v2 crash in pool ${POOL}`,
      '3 workers of v2 started in the last 20 minutes and ended without a goodbye.',
    ),
  },
  {
    name: 'workers of v2 crash again and again, with a back-off of 5 minutes',
    minutes: 40,
    lives: [
      witness,
      ...[10, 15.5, 21].map(
        (from): Life => ({ id: `c${from}`, version: 'v2', from, to: from + 0.25, active: () => 0 }),
      ),
    ],
    firing: [...quiet(5, 22), [28, { OpenRTCCrashLoop: 1 }]],
  },
  {
    name: 'many jobs are rejected, then no more',
    minutes: 60,
    lives: [
      {
        id: 'a',
        started: (minute) => Math.floor(minute * 10),
        rejected: {
          at_capacity: (minute) => Math.floor(Math.min(Math.max(0, minute - 20), 20) * 10),
          draining: (minute) => minute * 100,
        },
      },
    ],
    firing: [
      ...quiet(15, 22),
      [30, { OpenRTCJobsRejected: 1 }],
      [39, { OpenRTCJobsRejected: 1 }],
      ...quiet(51, 60),
    ],
    words: words(
      'OpenRTCJobsRejected',
      35,
      { ...ofPool, [labelName(names.REJECTION_REASON)]: 'at_capacity' },
      `Many jobs are rejected in pool ${POOL}`,
      'About 101 jobs were rejected in the last 10 minutes as at_capacity, more than 10 % of what was offered.',
    ),
  },
  {
    name: 'a leftover worker of v1 takes sessions',
    minutes: 60,
    lives: [
      { id: 'a', drainsFrom: 15, to: 17, goodbye: true, active: () => 0 },
      { id: 'b', version: 'v2', from: 10 },
      {
        id: 'c',
        from: 20,
        drainsFrom: 45,
        to: 46,
        goodbye: true,
        active: () => 0,
        started: (minute) => Math.floor(minute - 20),
      },
    ],
    firing: [
      ...quiet(5, 34),
      [38, { OpenRTCSessionsOnLeftover: 1 }],
      [44, { OpenRTCSessionsOnLeftover: 1 }],
      ...quiet(47, 60),
    ],
    words: words(
      'OpenRTCSessionsOnLeftover',
      38,
      workerLabels('c', 'v1'),
      `An old version takes new sessions in pool ${POOL}`,
      `About 10 sessions started in the last 10 minutes on worker c (v1) of pool ${POOL}, which came up after a newer version had.`,
    ),
  },
  {
    name: 'a leftover worker of v1 that comes up more than an hour after the cut-over takes sessions',
    minutes: 115,
    lives: [
      { id: 'a', drainsFrom: 15, to: 17, goodbye: true, active: () => 0 },
      { id: 'b', version: 'v2', from: 10 },
      { id: 'c', from: 85, active: () => 0, started: (minute) => Math.floor(minute - 85) },
    ],
    firing: [
      ...quiet(80, 99),
      [103, { OpenRTCSessionsOnLeftover: 1 }],
      [115, { OpenRTCSessionsOnLeftover: 1 }],
    ],
  },
  {
    name: 'a goodbye that comes 80 minutes after the kill',
    minutes: 100,
    lives: [{ id: 'a', to: 95, goodbye: true, gaps: [[15, 95]], dropped: step(95, 2) }, witness],
    firing: [
      [19, { OpenRTCWorkerSilentWithSessions: 1 }],
      [98, { OpenRTCSessionsDropped: 1 }],
    ],
  },
  {
    name: 'dropped sessions, in a goodbye that one of two replicas has',
    minutes: 40,
    lives: [
      copyOf({ id: 'a', to: 10 }, 'x'),
      copyOf({ id: 'a', to: 10, goodbye: true, dropped: step(10, 6) }, 'y'),
      copyOf(witness, 'x'),
      copyOf(witness, 'y'),
    ],
    firing: [
      ...quiet(5, 9),
      [11, { OpenRTCSessionsDropped: 1 }],
      [20, { OpenRTCSessionsDropped: 1 }],
      ...quiet(27, 40),
    ],
  },
  {
    name: 'a loss of a worker that was there long before it was first seen',
    minutes: 30,
    lives: [{ ...witness, start: -58, dropped: step(5, 1) }],
    firing: [...quiet(2, 4), [8, { OpenRTCSessionsDropped: 1 }], ...quiet(23, 30)],
  },
  {
    name: 'a worker that does not come back after an outage of all',
    minutes: 60,
    lives: [
      { id: 'a', active: () => 3, to: 20 },
      { ...witness, gaps: [[20, 36]] },
    ],
    firing: [
      ...quiet(5, 20),
      [30, { OpenRTCTelemetryAbsent: 1 }],
      [38.5, { OpenRTCWorkerSilentWithSessions: 1 }],
      [39, { OpenRTCWorkerSilentWithSessions: 1 }],
    ],
  },
  {
    name: 'the only worker is killed, and the first of the next version comes 100 s later',
    minutes: 20,
    lives: [
      { id: 'a', to: 10 },
      { id: 'b', version: 'v2', start: 11.5, from: 11.75 },
      { id: 'c', version: 'v2', start: 11.5, from: 11.75 },
    ],
    firing: [...quiet(5, 11), [15, { OpenRTCWorkerSilentWithSessions: 1 }]],
  },
  {
    name: 'the only worker is killed, and replaced after 20 minutes',
    minutes: 45,
    lives: [
      { id: 'a', active: () => 3, to: 10 },
      { id: 'c', from: 30 },
    ],
    firing: [
      [20, { OpenRTCTelemetryAbsent: 1 }],
      [33, { OpenRTCWorkerSilentWithSessions: 1 }],
    ],
  },
  {
    name: 'a worker that reports each minute is killed with its sessions',
    minutes: 30,
    lives: [
      { id: 'a', every: 60, to: 10 },
      { ...witness, every: 60 },
    ],
    firing: [...quiet(5, 14), [18, { OpenRTCWorkerSilentWithSessions: 1 }]],
  },
  {
    name: 'names with and without units: a leftover worker of v1 takes sessions',
    minutes: 40,
    lives: [
      { id: 'a', drainsFrom: 15, to: 17, goodbye: true, active: () => 0, hasBothNames: true },
      { id: 'b', version: 'v2', from: 10, hasBothNames: true },
      {
        id: 'c',
        from: 20,
        active: () => 0,
        started: (minute) => Math.floor(minute - 20),
        hasBothNames: true,
      },
    ],
    firing: [...quiet(5, 34), [38, { OpenRTCSessionsOnLeftover: 1 }]],
  },
];

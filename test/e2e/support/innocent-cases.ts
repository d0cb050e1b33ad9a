import { type Case, copyOf, type Life, quiet, witness } from './rule-tests.js';

const fleet = (version: string, life: Omit<Life, 'id'> = {}): Life[] =>
  ['1', '2', '3'].map((id) => ({ ...life, id: `${version}-${id}`, version }));
const falling = (from: number) => (minute: number) =>
  Math.max(0, 3 - Math.max(0, Math.floor((minute - from) / 2)));

/** What looks like trouble and is none: no alert fires at any minute. */
export const INNOCENT_CASES: readonly Case[] = [
  {
    name: 'innocent: three reports of a worker are missing',
    minutes: 30,
    lives: [{ id: 'a', gaps: [[10, 10.75]] }, witness],
    firing: quiet(3, 30),
  },
  {
    name: 'innocent: three reports of all workers are missing, a short outage',
    minutes: 30,
    lives: [
      { id: 'a', gaps: [[10, 10.75]], drainsFrom: 8 },
      { ...witness, gaps: [[10, 10.75]] },
    ],
    firing: quiet(3, 30),
  },
  {
    name: 'innocent: a pool of one worker restarts, with a pause of a minute',
    minutes: 30,
    lives: [
      { id: 'a', to: 10, goodbye: true },
      { id: 'b', from: 11 },
    ],
    firing: quiet(3, 30),
  },
  {
    name: 'innocent: a worker without sessions is killed',
    minutes: 30,
    lives: [{ id: 'a', to: 10, active: () => 0 }, witness],
    firing: quiet(3, 30),
  },
  {
    name: 'innocent: workers exit cleanly, the last one too',
    minutes: 40,
    lives: [
      { id: 'a', to: 10, goodbye: true, drainsFrom: 9, active: falling(3) },
      { ...witness, to: 20, goodbye: true },
    ],
    firing: quiet(3, 40),
  },
  {
    name: 'innocent: copies of the series, and one that ends without the goodbye',
    minutes: 40,
    lives: [
      copyOf({ id: 'a', to: 15, goodbye: true }, 'x'),
      copyOf({ id: 'a', to: 14.5 }, 'y'),
      copyOf(witness, 'x'),
      copyOf(witness, 'y'),
    ],
    firing: quiet(3, 40),
  },
  {
    name: 'innocent: a blue-green deploy with a long drain',
    minutes: 60,
    lives: [
      ...fleet('v1', {
        drainsFrom: 12,
        to: 35,
        goodbye: true,
        active: (minute) => Math.max(0, 8 - Math.floor(minute / 4)),
      }),
      ...fleet('v2', { from: 10 }),
    ],
    firing: quiet(3, 60),
  },
  {
    name: 'innocent: a rolling deploy of 40 minutes, and a rollback after it',
    minutes: 110,
    lives: [
      ...fleet('v1').map((life, index) => ({
        ...life,
        drainsFrom: 10 + index * 20,
        to: 18 + index * 20,
        goodbye: true,
        active: () => 0,
      })),
      ...fleet('v2').map((life, index) => ({
        ...life,
        from: 8 + index * 20,
        drainsFrom: 72,
        to: 80,
        goodbye: true,
        active: () => 0,
      })),
      ...fleet('v1').map((life) => ({ ...life, id: `${life.id}-again`, from: 70 })),
    ],
    firing: quiet(3, 110),
  },
  {
    name: 'innocent: workers come and go with the load',
    minutes: 40,
    lives: [
      witness,
      ...[6, 9, 12, 15].map(
        (from): Life => ({
          id: `s${from}`,
          from,
          to: from + 5,
          goodbye: true,
          drainsFrom: from + 4,
          active: () => 0,
        }),
      ),
    ],
    firing: quiet(3, 40),
  },
  {
    name: 'innocent: jobs are rejected because workers drain, and a few for another reason',
    minutes: 40,
    lives: [
      {
        id: 'a',
        started: (minute) => Math.floor(minute * 10),
        rejected: { draining: (minute) => minute * 50, invalid: (minute) => Math.floor(minute / 2) },
      },
    ],
    firing: quiet(3, 40),
  },
  {
    name: 'innocent, but for the outage itself: more than an hour of it, and a worker that had lost sessions before',
    minutes: 180,
    lives: [
      { id: 'a', dropped: () => 2, gaps: [[20, 120]] },
      { ...witness, gaps: [[20, 120]] },
    ],
    firing: [[40, { OpenRTCTelemetryAbsent: 1 }], ...quiet(122, 180)],
  },
  {
    name: 'innocent: a Collector with three young workers behind it is away for two minutes',
    minutes: 30,
    lives: [
      witness,
      ...['x', 'y', 'z'].map(
        (id): Life => ({ id, version: 'v2', from: 8, gaps: [[10, 12]], active: () => 0 }),
      ),
    ],
    firing: quiet(3, 30),
  },
  {
    name: 'innocent: old workers drain for five minutes before new ones are started',
    minutes: 30,
    lives: [
      ...fleet('v1', { drainsFrom: 10, to: 15, goodbye: true, active: falling(8) }),
      ...fleet('v2', { from: 15.5 }),
    ],
    firing: quiet(3, 30),
  },
];

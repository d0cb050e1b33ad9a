import { activeAt, endOf, isDrainingAt, type Life, lostAlone, lostAtEnd, offsetAt } from './life.js';

/** The gauges that a report of the oracle has, by their keys in the table of metrics. */
export type Gauge =
  | 'active'
  | 'draining'
  | 'running'
  | 'dropped'
  | 'startTime'
  | 'interval'
  | 'drainElapsed'
  | 'drainTimeout';

/** Those that alone decide. */
export const DECIDING = ['active', 'draining', 'running', 'dropped', 'startTime'] as const;

/** What a worker says at one moment. */
export interface Report {
  readonly life: Life;
  /** When it really leaves, in ms of the world. */
  readonly sentAt: number;
  /** The same by the worker's clock. */
  readonly stamp: number;
  readonly isGoodbye: boolean;
  readonly values: Partial<Readonly<Record<Gauge, number>>>;
}

const START_MS = 20;
const LEAST_APART_MS = 1000;

/** All that a worker says until a moment: at its start, at each interval, and when something happens. */
export function reportsOf(life: Life, until: number): Report[] {
  const last = Math.min(until, endOf(life));
  const times = new Set<number>();
  for (let at = life.bornAt + START_MS; at < last; at += life.intervalMs) times.add(at);
  const happened = [
    ...(life.drainAt === undefined ? [] : [life.drainAt]),
    ...life.sessions.filter((one) => one.lost || isDrainingAt(life, one.to)).map(({ to }) => to),
  ];
  let flushedAt = Number.NEGATIVE_INFINITY;
  for (const at of happened.toSorted((a, b) => a - b)) {
    flushedAt = Math.max(at, flushedAt + LEAST_APART_MS);
    if (flushedAt > life.bornAt && flushedAt < last) times.add(flushedAt);
  }
  const reports = [...times].sort((a, b) => a - b).map((at) => reportAt(life, at));
  const goodbyeAt = life.end?.how === 'kill' ? life.end.recoveredAt : life.end?.at;
  if (goodbyeAt !== undefined && goodbyeAt <= until) reports.push(goodbyeOf(life, goodbyeAt));
  return reports;
}

function reportAt(life: Life, at: number): Report {
  return {
    life,
    ...datedBy(life, at),
    isGoodbye: false,
    values: {
      active: activeAt(life, at),
      dropped: lostAlone(life, at),
      running: 1,
      ...identity(life, at),
    },
  };
}

/** When it is sent, and what the clock of its worker says then. */
const datedBy = (life: Life, at: number) => ({ sentAt: at, stamp: at + offsetAt(life, at) });

function goodbyeOf(life: Life, at: number): Report {
  return {
    life,
    ...datedBy(life, at),
    isGoodbye: true,
    values: {
      active: 0,
      dropped: lostAlone(life, endOf(life)) + lostAtEnd(life),
      running: 0,
      ...identity(life, endOf(life)),
    },
  };
}

function identity(life: Life, at: number): Report['values'] {
  const isDraining = isDrainingAt(life, at);
  return {
    draining: Number(isDraining),
    startTime: startOf(life),
    interval: life.intervalMs / 1000,
    drainElapsed: isDraining ? (at - (life.drainAt ?? at)) / 1000 : 0,
    ...(life.drainTimeoutMs !== undefined && { drainTimeout: life.drainTimeoutMs / 1000 }),
  };
}

/** The start that a worker tells, by its clock, in ms of the world: the wire has it in s, of Unix. */
export function startOf(life: Life): number {
  return life.toldStart ?? life.bornAt + offsetAt(life, life.bornAt);
}

import type { Life, Session } from './life.js';
import type { Random } from './random.js';

/** How a deploy is meant to go, before anything goes wrong. */
export interface Plan {
  readonly kind: PlanKind;
  readonly target: string;
  /** When the deploy begins, in ms of the world. */
  readonly deployAt: number;
  /** The target ran before: its workers of before are old ones. */
  readonly restart: boolean;
  readonly lives: Life[];
  /** Until when the world is played. */
  readonly endsAt: number;
}

const PLAN_KINDS = [
  ...['blue-green', 'blue-green', 'blue-green', 'rolling', 'recreate', 'restart', 'rollback'],
  'one version',
] as const;
type PlanKind = (typeof PLAN_KINDS)[number];

const NAMES = [
  ['v1', 'v2', 'v3'],
  ['1.4.2', '1.5.0+b7', '1.6.0-rc.1'],
] as const;
const INTERVALS = [
  5,
  10,
  15,
  15,
  15,
  20,
  20,
  ...[30, 30, 30, 30, 30],
  45,
  45,
  ...[60, 60, 60, 60, 60, 60, 60, 60],
];
const SECOND = 1000;

/** What all workers of a world have in common. */
export interface Setting {
  readonly pool: string;
  readonly versions: readonly [string, string, string];
  readonly intervalMs: number;
}

export function settingOf(random: Random, pool: string): Setting {
  return {
    pool,
    versions: random.pick(NAMES),
    // Short ones are rare: each of them costs as much as many long ones.
    intervalMs: random.pick(INTERVALS) * SECOND,
  };
}

export function planOf(random: Random, setting: Setting): Plan {
  const kind = random.pick(PLAN_KINDS);
  const [before, after] = setting.versions;
  const deployAt = random.int(160, 380) * SECOND + 500;
  const lives: Life[] = [];
  const olds = random.int(1, 3);
  const news = kind === 'rolling' ? olds : random.int(1, 3);
  for (let index = 0; index < olds; index++) {
    lives.push(workerOf(random, setting, `a${index}`, before, random.int(0, 90 * SECOND)));
  }
  const old = [...lives];
  const version = kind === 'restart' || kind === 'one version' ? before : after;
  if (kind !== 'one version') replace(random, setting, { kind, old, news, version, deployAt, lives });
  if (kind === 'rollback') {
    const back = deployAt + random.int(200, 400) * SECOND;
    const left = lives.filter((life) => life.version === after);
    const over = { kind, old: left, news: olds, version: before, deployAt: back, lives, letter: 'c' };
    replace(random, setting, over);
    return {
      kind,
      target: before,
      deployAt: back,
      restart: false,
      lives,
      endsAt: endsAt(random, setting, lives),
    };
  }
  const ends = endsAt(random, setting, lives);
  return { kind, target: version, deployAt, restart: kind === 'restart', lives, endsAt: ends };
}

interface Replacement {
  readonly kind: PlanKind;
  readonly old: readonly Life[];
  readonly news: number;
  readonly version: string;
  readonly deployAt: number;
  readonly lives: Life[];
  readonly letter?: string;
}

/** The old ones drain and leave, the new ones come. */
function replace(random: Random, setting: Setting, replacement: Replacement): void {
  const { kind, old, news, version, deployAt, lives, letter = 'b' } = replacement;
  let drainAt = deployAt + random.int(30, 120) * SECOND;
  for (const life of old) {
    if (life.drainAt !== undefined) continue;
    if (kind === 'recreate') drainAt = deployAt + random.int(1, 20) * SECOND;
    drain(random, life, drainAt + random.int(0, 5000));
    if (kind === 'rolling') drainAt += random.int(20, 90) * SECOND;
  }
  const lastEnd = Math.max(...old.map(({ end, bornAt }) => end?.at ?? bornAt));
  for (let index = 0; index < news; index++) {
    const bornAt =
      kind === 'recreate'
        ? lastEnd + random.int(5, 90) * SECOND
        : kind === 'rolling'
          ? (old[index]?.drainAt ?? deployAt) - random.int(1, 15) * SECOND
          : deployAt + random.int(1, 30 * SECOND);
    lives.push(workerOf(random, setting, `${letter}${index}`, version, Math.round(bornAt)));
  }
}

/** A worker that accepts for ever. */
export function workerOf(
  random: Random,
  setting: Setting,
  id: string,
  version: string,
  bornAt: number,
): Life {
  const intervalMs = random.chance(0.1) ? random.pick([10, 15, 30, 60]) * SECOND : setting.intervalMs;
  const hasTimeout = random.chance(0.5);
  return {
    pool: setting.pool,
    id,
    version,
    bornAt,
    intervalMs,
    sessions: random.chance(0.2) ? [] : sessionsOf(random, bornAt, bornAt + 3600 * SECOND),
    ...(hasTimeout && { drainTimeoutMs: random.int(120, 900) * SECOND }),
    clock: [],
  };
}

function sessionsOf(random: Random, from: number, until: number): Session[] {
  const sessions: Session[] = [];
  const gap = random.int(40, 250) * SECOND;
  for (let at = from + random.exponential(gap / 2); at < until; at += random.exponential(gap)) {
    const lasts = Math.min(500, 20 + random.exponential(130)) * SECOND;
    sessions.push({ from: Math.round(at), to: Math.round(at + lasts) });
  }
  return sessions;
}

/** It takes no more, and says goodbye when its last session has left. */
export function drain(random: Random, life: Life, drainAt: number): void {
  life.drainAt = drainAt;
  const kept = life.sessions.filter(({ from }) => from < drainAt);
  life.sessions.splice(0, life.sessions.length, ...kept);
  const lastAt = Math.max(drainAt, ...kept.map(({ to }) => to));
  life.end = { how: 'goodbye', at: lastAt + random.int(200, 1500) };
  if (life.drainTimeoutMs !== undefined && life.drainTimeoutMs < lastAt - drainAt) {
    life.drainTimeoutMs = Math.ceil((lastAt - drainAt) / SECOND + 30) * SECOND;
  }
}

/** Long enough for a clean deploy to be settled, most of the time. */
function endsAt(random: Random, { intervalMs }: Setting, lives: readonly Life[]): number {
  const lastBorn = Math.max(...lives.map(({ bornAt }) => bornAt));
  const lastEnd = Math.max(lastBorn, ...lives.map(({ end }) => end?.at ?? 0));
  const quiet = 2 * 4 * Math.max(intervalMs, 15 * SECOND) + random.int(20, 350) * SECOND;
  return Math.min(3000 * SECOND, Math.max(lastBorn, lastEnd) + quiet);
}

import { activeAt, endOf, type Life } from './life.js';
import { drain, type Plan, type Setting, workerOf } from './plan.js';
import type { Random } from './random.js';

const SECOND = 1000;

/** What can befall the workers of a deploy. Each changes the lives of a plan. */
export const TROUBLES = {
  /** A drain is cut short: the goodbye tells what it lost. */
  forced: (random, { lives }) => {
    const life = pick(random, lives, ({ end, drainAt }) => end?.how === 'goodbye' && drainAt !== undefined);
    if (!life?.drainAt) return;
    const [from, to] = [life.drainAt + SECOND, endOf(life)];
    life.end = { how: 'goodbye', at: random.int(from, Math.max(from, to - SECOND)) };
  },
  killed: (random, plan) => kill(random, plan),
  recovered: (random, plan) => kill(random, plan, random.int(1, 900) * SECOND),
  /** Killed when it has no session, as far as that happens. */
  'killed idle': (random, plan) => {
    const life = kill(random, plan);
    const end = life?.end;
    if (!life || !end) return;
    const idleFrom = end.at - 2 * life.intervalMs;
    const kept = life.sessions.filter(({ to }) => to < idleFrom);
    life.sessions.splice(0, life.sessions.length, ...kept);
  },
  /** Sessions that are processes of their own die, and their worker lives on. */
  'lost alone': (random, { lives, endsAt }) => {
    const life = random.pick(lives);
    for (const session of life.sessions) {
      if (session.from < endsAt && random.chance(0.3)) session.lost = true;
    }
  },
  /** It lives on, with cut telemetry. */
  cut: (random, { lives, deployAt, endsAt }) => {
    const life = random.pick(lives);
    life.cutAt = random.int(Math.max(life.bornAt, deployAt - 200 * SECOND), endsAt);
  },
  'never drains': (random, { lives }) => {
    const life = pick(random, lives, ({ end }) => end?.how === 'goodbye');
    if (!life) return;
    delete life.drainAt;
    delete life.end;
  },
  /** A call that does not end, past the drain timeout if there is one. */
  stuck: (random, { lives }) => {
    const life = pick(random, lives, ({ end, drainAt }) => end?.how === 'goodbye' && drainAt !== undefined);
    if (!life?.drainAt) return;
    life.sessions.push({ from: life.drainAt - 1, to: Number.POSITIVE_INFINITY });
    delete life.end;
    if (random.chance(0.7)) life.drainTimeoutMs = random.int(30, 300) * SECOND;
  },
  /** A worker of the target dies young, again and again. */
  'crash loop': (random, plan, setting) => {
    const backOff = random.int(30, 340) * SECOND;
    let at = plan.deployAt + random.int(0, 300) * SECOND;
    for (let index = 0; at < plan.endsAt && index < 12; index++) {
      const life = workerOf(random, setting, `loop${index}`, plan.target, at);
      life.sessions.length = 0;
      life.end = { how: 'kill', at: at + random.int(2, 40) * SECOND };
      plan.lives.push(life);
      at = life.end.at + backOff;
    }
  },
  /** A worker of an old version comes up again. */
  leftover: (random, plan, setting) => {
    const [old] = setting.versions;
    const version = plan.target === old && plan.kind !== 'restart' ? setting.versions[1] : old;
    const from = Math.min(plan.endsAt - 60 * SECOND, plan.deployAt + random.int(60, 900) * SECOND);
    const life = workerOf(random, setting, 'left', version, from);
    if (random.chance(0.7)) drain(random, life, from + random.int(10, 200) * SECOND);
    plan.lives.push(life);
  },
  newer: (random, plan, setting) => {
    const at = plan.deployAt + random.int(60, 900) * SECOND;
    const life = workerOf(random, setting, 'newer', setting.versions[2], at);
    if (random.chance(0.3)) drain(random, life, at + random.int(60, 300) * SECOND);
    plan.lives.push(life);
  },
  /** A goodbye, and the id runs again, with a later start. */
  'id used twice': (random, plan, setting) => again(random, plan, setting),
  /** The same, with the start of the first life. */
  'start used twice': (random, plan, setting) => {
    const life = again(random, plan, setting);
    const first = plan.lives.find(({ id }) => id === life?.id);
    if (life && first) life.toldStart = first.bornAt;
  },
  'clock back': (random, { lives, endsAt }) => {
    const life = random.pick(lives);
    const from = random.int(life.bornAt + 30 * SECOND, Math.max(life.bornAt + 31 * SECOND, endsAt));
    life.clock.push({ from, offset: -random.int(60_007, 610_007) });
  },
  'clock ahead': (random, { lives }) => {
    const life = random.pick(lives);
    const offset = random.pick([30_003, 90_007, 400_009, 3_600_013]);
    const from = random.chance(0.7) ? 0 : life.bornAt + random.int(30, 900) * SECOND;
    life.clock.push({ from, offset });
  },
} as const satisfies Record<string, (random: Random, plan: Plan, setting: Setting) => unknown>;

export type Trouble = keyof typeof TROUBLES;

function pick(random: Random, lives: readonly Life[], where: (life: Life) => boolean): Life | undefined {
  const found = lives.filter(where);
  return found.length === 0 ? undefined : random.pick(found);
}

/** One is killed, most often an old one with sessions, some time around the deploy. */
function kill(random: Random, plan: Plan, recoveredAfterMs?: number): Life | undefined {
  const from = plan.deployAt - 300 * SECOND;
  const lives = plan.lives.filter((life) => endOf(life) > from + 60 * SECOND && life.end?.how !== 'kill');
  if (lives.length === 0) return;
  const old = lives.filter(({ bornAt }) => bornAt < plan.deployAt);
  const life = random.pick(old.length > 0 && random.chance(0.7) ? old : lives);
  const least = Math.max(life.bornAt + 5 * SECOND, from);
  const most = Math.max(least, Math.min(endOf(life), plan.endsAt - 10 * SECOND));
  let at = random.int(least, most);
  for (let tries = 0; tries < 5 && activeAt(life, at) === 0; tries++) at = random.int(least, most);
  life.end = { how: 'kill', at, ...(recoveredAfterMs && { recoveredAt: at + recoveredAfterMs }) };
  return life;
}

function again(random: Random, plan: Plan, setting: Setting): Life | undefined {
  const first = pick(random, plan.lives, ({ end }) => end?.how === 'goodbye');
  if (!first) return;
  const bornAt = endOf(first) + random.int(5, 120) * SECOND;
  const life = workerOf(random, setting, first.id, first.version, bornAt);
  life.isSecond = true;
  if (random.chance(0.4)) drain(random, life, bornAt + random.int(20, 200) * SECOND);
  plan.lives.push(life);
  return life;
}

import type { Life } from './life.js';
import { type Delivery, delivered, LOSSES, type Loss } from './network.js';
import { type Plan, planOf, settingOf, workerOf } from './plan.js';
import { Random } from './random.js';
import { reportsOf } from './report.js';
import { TROUBLES, type Trouble } from './troubles.js';

/** What befalls a world: its workers, the way of their reports, the source. */
export type Ill = Trouble | Loss | 'neighbours' | 'source is late';

/** What a gate asks. */
export interface Question {
  readonly target: string;
  /** In ms of the world. */
  readonly since?: number;
  readonly expected?: number;
  readonly restart?: boolean;
}

/** A deploy, all that happens to it, and when it is judged. Times in ms of the world. */
export interface World {
  readonly seed: number;
  readonly pool: string;
  readonly plan: Plan;
  readonly ills: readonly Ill[];
  readonly lives: readonly Life[];
  /** What arrives, in the order of arrival. */
  readonly deliveries: readonly Delivery[];
  /** From when on an embedded receiver listens. */
  readonly sourceStartsAt: number;
  readonly questions: readonly Question[];
  readonly moments: readonly number[];
}

const SECOND = 1000;
const ILLS = [...(Object.keys(TROUBLES) as Trouble[]), ...(Object.keys(LOSSES) as Loss[])];
/** They change nothing that a verdict may depend on. */
export const HARMLESS: readonly Ill[] = ['copies', 'relabelled', 'twice', 'neighbours'];
const CLEAN_SHARE = 0.35;
const LATE_SOURCE_AT = 500 * SECOND;

/** The world of a seed, perhaps with less of what befalls it. */
export function worldOf(seed: number, without: readonly Ill[] = []): World {
  const random = (stream: string) => new Random(seed, stream);
  const pool = `pool-${seed}`;
  const setting = settingOf(random('setting'), pool);
  const plan = planOf(random('plan'), setting);
  const ills = illsOf(random('ills')).filter((ill) => !without.includes(ill));
  for (const ill of ills) {
    if (ill in TROUBLES) TROUBLES[ill as Trouble](random(ill), plan, setting);
  }
  let deliveries = plan.lives.flatMap((life) => {
    const arrival = random(`arrival ${life.id} ${life.bornAt}`);
    return reportsOf(life, plan.endsAt)
      .filter(({ sentAt }) => sentAt < (life.cutAt ?? Number.POSITIVE_INFINITY))
      .map((report) => delivered(arrival, report));
  });
  for (const ill of ills) {
    if (ill in LOSSES && deliveries.length > 0)
      deliveries = LOSSES[ill as Loss](random(ill), deliveries, plan.deployAt);
  }
  if (ills.includes('neighbours')) deliveries.push(...neighbours(random('neighbours'), pool, plan));
  return {
    seed,
    pool,
    plan,
    ills,
    lives: plan.lives,
    deliveries: deliveries
      .filter(({ gauges }) => gauges.length > 0)
      .sort((a, b) => a.arrivesAt - b.arrivesAt || a.report.sentAt - b.report.sentAt),
    sourceStartsAt: ills.includes('source is late') ? LATE_SOURCE_AT : 0,
    questions: questionsOf(random('questions'), plan),
    moments: momentsOf(random('moments'), plan),
  };
}

function illsOf(random: Random): Ill[] {
  const ills = HARMLESS.filter(() => random.chance(0.15));
  if (random.chance(CLEAN_SHARE)) return ills;
  for (let left = random.pick([1, 1, 2, 3]); left > 0; left--) {
    const ill = random.chance(0.04) ? 'source is late' : random.pick(ILLS);
    if (!ills.includes(ill)) ills.push(ill);
  }
  return ills;
}

/** Another pool, with the same ids, where much goes wrong. */
function neighbours(random: Random, pool: string, plan: Plan): Delivery[] {
  return plan.lives.slice(0, 2).flatMap(({ id, version, intervalMs, bornAt }) => {
    const setting = { pool: `${pool}-beside`, intervalMs, versions: ['', '', ''] as const };
    const life = workerOf(random, setting, id, version, bornAt);
    for (const session of life.sessions) session.lost = random.chance(0.3);
    life.end = { how: 'kill', at: bornAt + random.int(100, 1200) * SECOND };
    return reportsOf(life, plan.endsAt).map((report) => delivered(random, report));
  });
}

/** How a gate may ask of this deploy: with its start, or by the first sighting of the target. */
function questionsOf(random: Random, plan: Plan): Question[] {
  const { target, restart, deployAt, lives } = plan;
  const since = deployAt + random.pick([-60, -20, 0, 0, 0, 0, 40]) * SECOND;
  const accepting = lives.filter(
    ({ version, end, bornAt }) => version === target && !end && (!restart || bornAt > since),
  );
  const expected = Math.max(1, accepting.length);
  if (restart) return [{ target, since, restart, expected }];
  const given = { target, since, ...(random.chance(0.8) && { expected }) };
  return random.chance(0.5) ? [given] : [given, { target, expected }];
}

/** Some at random, some soon after a death, and the end; none at a whole second. */
function momentsOf(random: Random, { lives, deployAt, endsAt }: Plan): number[] {
  const moments = [endsAt - random.int(1, 30) * SECOND, endsAt - random.int(30, 250) * SECOND];
  for (let index = 0; index < 2; index++) moments.push(random.int(deployAt - 60 * SECOND, endsAt));
  const deaths = lives.map((life) => life.end?.at ?? life.cutAt ?? Number.POSITIVE_INFINITY);
  for (const death of deaths.filter((at) => at < endsAt).slice(0, 3)) {
    moments.push(death + random.int(2, 700) * SECOND);
  }
  return moments
    .filter((at) => at > 60 * SECOND && at < endsAt)
    .map((at) => Math.floor(at / SECOND) * SECOND + 500)
    .sort((a, b) => a - b);
}

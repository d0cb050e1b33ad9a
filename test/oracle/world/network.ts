import type { Random } from './random.js';
import { DECIDING, type Gauge, type Report } from './report.js';

/** A report, or a part of it, that reaches the source. */
export interface Delivery {
  readonly report: Report;
  readonly gauges: readonly Gauge[];
  /** In ms of the world, whole seconds. */
  readonly arrivesAt: number;
  /** Of a relabelled copy. */
  readonly copy?: string;
}

const SECOND = 1000;
const wholeSecond = (at: number) => Math.ceil(at / SECOND) * SECOND;

/** What can befall reports on their way: each takes some deliveries and gives others. */
export const LOSSES = {
  lost: (random, deliveries) => {
    const share = random.pick([0.05, 0.2, 0.4]);
    return deliveries.filter(() => !random.chance(share));
  },
  late: (random, deliveries) => {
    const share = random.pick([0.03, 0.15]);
    return deliveries.map((delivery) =>
      random.chance(share) ? delayed(delivery, random.int(2, 1000) * SECOND) : delivery,
    );
  },
  split: (random, deliveries) =>
    deliveries.flatMap((delivery) => (random.chance(0.25) ? halves(random, delivery, 0.3) : delivery)),
  'goodbye lost': (random, deliveries) => {
    const victim = random.pick([...new Set(deliveries.map(({ report }) => report.life))]);
    return deliveries.filter(({ report }) => !(report.isGoodbye && report.life === victim));
  },
  'goodbye split': (random, deliveries) =>
    deliveries.flatMap((delivery) => (delivery.report.isGoodbye ? halves(random, delivery, 0.8) : delivery)),
  'goodbye late': (random, deliveries) =>
    deliveries.map((delivery) =>
      delivery.report.isGoodbye ? delayed(delivery, random.int(20, 700) * SECOND) : delivery,
    ),
  /** All are silent for a while, and what they said is lost. */
  outage: (random, deliveries, around) => {
    const [from, to] = darkness(random, around);
    return deliveries.filter(({ report }) => report.sentAt < from || report.sentAt >= to);
  },
  /** The same, but a Collector keeps it and sends it at the end. */
  backlog: (random, deliveries, around) => {
    const [from, to] = darkness(random, around);
    return deliveries.map((delivery) => {
      const { sentAt } = delivery.report;
      return sentAt < from || sentAt >= to ? delivery : { ...delivery, arrivesAt: wholeSecond(to) };
    });
  },
  /** A gauge of all workers never arrives. */
  'gauge filtered': (random, deliveries) => {
    const gauge = random.pick(DECIDING);
    return without(gauge, deliveries, () => true);
  },
  /** A gauge of one worker never arrives. */
  'gauge missing': (random, deliveries) => {
    const gauge = random.pick(DECIDING);
    const victim = random.pick(deliveries).report.life.id;
    return without(gauge, deliveries, ({ report }) => report.life.id === victim);
  },
  /** A report comes twice, the second time perhaps much later. */
  twice: (random, deliveries) =>
    deliveries.flatMap((delivery) =>
      random.chance(0.1) ? [delivery, delayed(delivery, random.pick([0, 1, 5, 60]) * SECOND)] : delivery,
    ),
  /** All reports of a worker come once more, by a slower way. */
  'second path': (random, deliveries) => {
    const victim = random.pick(deliveries).report.life;
    const lag = random.pick([40, 100, 400, 900]) * SECOND;
    const slow = deliveries.filter(({ report }) => report.life === victim && !report.isGoodbye);
    return [...deliveries, ...slow.map((delivery) => delayed(delivery, lag))];
  },
  /** Another attribute set of each series, which may lag or lack the goodbye. */
  copies: (random, deliveries) => {
    const lag = random.pick([0, 0, 1, 20]) * SECOND;
    const lacksGoodbye = random.chance(0.5);
    const share = random.pick([1, 0.7]);
    const copied = deliveries.filter(
      ({ report }) => !(lacksGoodbye && report.isGoodbye) && random.chance(report.isGoodbye ? 1 : share),
    );
    return [...deliveries, ...copied.map((delivery) => ({ ...delayed(delivery, lag), copy: 'replica-b' }))];
  },
  /** From some moment on every series has another attribute set. */
  relabelled: (random, deliveries, around) => {
    const from = around + random.int(-100, 300) * SECOND;
    return deliveries.map((delivery) =>
      delivery.report.sentAt < from ? delivery : { ...delivery, copy: 'relabelled' },
    );
  },
} as const satisfies Record<
  string,
  (random: Random, deliveries: readonly Delivery[], around: number) => Delivery[]
>;

export type Loss = keyof typeof LOSSES;

/** A report as it arrives when nothing goes wrong. */
export function delivered(random: Random, report: Report): Delivery {
  const gauges = Object.keys(report.values) as Gauge[];
  return { report, gauges, arrivesAt: wholeSecond(report.sentAt + random.int(1, 300)) };
}

const delayed = (delivery: Delivery, ms: number): Delivery => ({
  ...delivery,
  arrivesAt: wholeSecond(delivery.arrivesAt + ms),
});

/** Two requests; the one or the other may be lost. */
function halves(random: Random, delivery: Delivery, lossShare: number): Delivery[] {
  const cut = random.int(1, DECIDING.length - 1);
  const order = random.chance(0.5) ? DECIDING : [...DECIDING].reverse();
  const first = new Set<Gauge>(order.slice(0, cut));
  const [one, other] = [true, false].map((isFirst) => ({
    ...delivery,
    gauges: delivery.gauges.filter((gauge) => first.has(gauge) === isFirst),
  }));
  if (!one || !other) return [];
  if (!random.chance(lossShare)) return [one, random.chance(0.5) ? other : delayed(other, 2 * SECOND)];
  return [random.chance(0.5) ? one : other];
}

function darkness(random: Random, around: number): [number, number] {
  const from = around + random.int(-400, 500) * SECOND;
  return [from, from + random.pick([20, 45, 100, 300, 600, 900]) * SECOND];
}

const without = (gauge: Gauge, deliveries: readonly Delivery[], where: (delivery: Delivery) => boolean) =>
  deliveries.map((delivery) =>
    where(delivery) ? { ...delivery, gauges: delivery.gauges.filter((other) => other !== gauge) } : delivery,
  );

import type { Life } from '../world/life.js';
import { offsetAt } from '../world/life.js';
import type { Delivery } from '../world/network.js';
import type { World } from '../world/world.js';

/** A receiver dates by arrival, a Prometheus by the clocks of the workers. */
export type SourceKind = 'receiver' | 'prometheus';

/** What a source gets of a worker, and when by its clock, in ms of the world. */
export interface Sighting {
  readonly at: number;
  readonly delivery: Delivery;
}

/** All that a source ever gets of a worker, in the order in which the worker said it. */
export interface Track {
  readonly id: string;
  readonly version: string;
  readonly lives: readonly Life[];
  readonly sightings: readonly Sighting[];
  readonly hasCopies: boolean;
  readonly hasSteps: boolean;
  /** How far its clock is ahead, at most. */
  readonly aheadMs: number;
}

export function tracksOf(world: World, source: SourceKind): Track[] {
  const byWorker = new Map<string, Delivery[]>();
  for (const delivery of world.deliveries) {
    const { life } = delivery.report;
    if (life.pool !== world.pool || delivery.arrivesAt < world.sourceStartsAt) continue;
    const key = `${life.version} ${life.id}`;
    const known = byWorker.get(key);
    if (known) known.push(delivery);
    else byWorker.set(key, [delivery]);
  }
  return Array.from(byWorker.values(), (deliveries) => trackOf(deliveries, source));
}

function trackOf(deliveries: readonly Delivery[], source: SourceKind): Track {
  const lives = [...new Set(deliveries.map(({ report }) => report.life))].sort((a, b) => a.bornAt - b.bornAt);
  const sightings = deliveries
    .map((delivery) => ({
      at: source === 'receiver' ? delivery.arrivesAt : delivery.report.stamp,
      delivery,
    }))
    .sort((a, b) => a.delivery.report.sentAt - b.delivery.report.sentAt || a.at - b.at);
  const [first] = lives;
  return {
    id: first?.id ?? '',
    version: first?.version ?? '',
    lives,
    sightings,
    hasCopies: new Set(deliveries.map(({ copy }) => copy)).size > 1,
    hasSteps: lives.some(({ clock }) => clock.length > 0),
    aheadMs: Math.max(0, ...lives.flatMap((life) => life.clock.map(({ from }) => offsetAt(life, from)))),
  };
}

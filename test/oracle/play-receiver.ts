import { Agent, request } from 'node:http';
import { startReceiver } from '../../src/deploy/index.js';
import { otlpBody } from './otlp.js';
import { judgeMoment, type Moment } from './play.js';
import type { Delivery } from './world/network.js';
import type { World } from './world/world.js';

/** When worlds begin for a receiver, in Unix ms. */
const EPOCH = 1_800_000_000_000;

/** Plays worlds of one start on one receiver, all at once: each has a pool of its own. */
export async function playOnReceiver(worlds: readonly World[]): Promise<Moment[]> {
  const [first] = worlds;
  if (!first) return [];
  let now = EPOCH + first.sourceStartsAt;
  await using receiver = await startReceiver({ now: () => now });
  const port = Number(new URL(receiver.url).port);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const moments: Moment[] = [];
  try {
    for (const { at, deliveries, judged } of stepsOf(worlds)) {
      now = EPOCH + at;
      if (deliveries.length > 0) await post(port, agent, otlpBody(deliveries, EPOCH));
      for (const world of judged) {
        moments.push(...(await judgeMoment(world, 'receiver', at, EPOCH, (asked) => receiver.read(asked))));
      }
    }
  } finally {
    agent.destroy();
  }
  return moments;
}

interface Step {
  readonly at: number;
  readonly deliveries: Delivery[];
  readonly judged: World[];
}

/** What arrives and what is judged, by moment. */
function stepsOf(worlds: readonly World[]): Step[] {
  const steps = new Map<number, Step>();
  const stepAt = (at: number): Step => {
    const known = steps.get(at) ?? { at, deliveries: [], judged: [] };
    steps.set(at, known);
    return known;
  };
  for (const world of worlds) {
    for (const delivery of world.deliveries) {
      const { arrivesAt } = delivery;
      if (arrivesAt >= world.sourceStartsAt && arrivesAt <= world.plan.endsAt) {
        stepAt(arrivesAt).deliveries.push(delivery);
      }
    }
    for (const at of world.moments) {
      if (at > world.sourceStartsAt) stepAt(at).judged.push(world);
    }
  }
  return [...steps.values()].sort((a, b) => a.at - b.at);
}

function post(port: number, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const to = { host: '127.0.0.1', port, path: '/v1/metrics', method: 'POST', agent, headers };
    const outgoing = request(to, (answer) => {
      answer.resume();
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`the receiver answers ${answer.statusCode}`));
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

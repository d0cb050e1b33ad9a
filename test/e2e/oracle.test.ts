import { expect, it } from 'vitest';
import { prometheusSource } from '../../src/deploy/prometheus/source.js';
import { type Asked, judgeMoment } from '../oracle/play.js';
import { samplesOf } from '../oracle/samples.js';
import { seedsFor } from '../oracle/seeds.js';
import { Tally } from '../oracle/tally.js';
import { objections } from '../oracle/truth/may.js';
import { viewsOf } from '../oracle/truth/view.js';
import { windowOf } from '../oracle/truth/window.js';
import { type World, worldOf } from '../oracle/world/world.js';
import { firstRow } from './support/first-row.js';
import { Prometheus } from './support/prometheus.js';
import { writeInOrder } from './support/remote-write.js';

const WORLDS = 200;
const AT_ONCE = 4;
/** In ms, as subqueries look: a world must not depend on the minute it is played. */
const LONGEST_STEP = 240_000;
/** A clock can be ahead by an hour: no sample may be of a time that is yet to come. */
const AHEAD_MS = 4_000_000;

const seeds = seedsFor(1, WORLDS);

it(`deploys at random, on a real Prometheus, are judged as the design says by gate and dashboard: seeds ${seeds[0]} to ${seeds.at(-1)}`, async () => {
  await using prometheus = await Prometheus.start();
  await using source = prometheusSource({ url: prometheus.url });
  const worlds = seeds.map((seed) => worldOf(seed));
  const end = Math.max(...worlds.map(({ plan }) => plan.endsAt));
  const epoch = Math.floor((Date.now() - AHEAD_MS - end) / LONGEST_STEP) * LONGEST_STEP;
  await writeInOrder(
    prometheus.url,
    worlds.flatMap((world) => samplesOf(world, epoch)),
  );

  const tally = new Tally();
  const greens: string[] = [];
  let done = 0;
  const lane = async (own: readonly World[]) => {
    for (const world of own) {
      for (const at of world.moments) {
        const read = (asked: Asked) => source.read({ ...asked, at: epoch + at });
        tally.add(await judgeMoment(world, 'prometheus', at, epoch, read));
        const [question = { target: '' }] = world.questions;
        // What the dashboard cannot be told: a restart, and a start.
        if (question.restart) continue;
        const { target, expected } = question;
        const to = epoch + at;
        const { phase } = await firstRow(prometheus.url, {
          pool: world.pool,
          target,
          ...(expected && { expected: String(expected) }),
          from: to - 3_600_000,
          to,
        });
        if (phase !== 'done') continue;
        done++;
        const view = viewsOf(world, 'prometheus')(at);
        const asked = { target, ...(expected && { expected }) };
        for (const objection of objections(view, asked, windowOf(view, asked)))
          greens.push(`seed ${world.seed} at ${at / 1000} s: done, but ${objection}`);
      }
    }
  };
  const lanes = Array.from({ length: AT_ONCE }, (_, index) =>
    worlds.filter((__, n) => n % AT_ONCE === index),
  );
  await Promise.all(lanes.map(lane));

  console.log(`${tally.summary}; the dashboard: done ${done} times`);
  expect(greens).toEqual([]);
  expect(tally.wrong.length, tally.faults).toBe(0);
  if (seeds.length < WORLDS) return;
  // Else nothing is green by never saying so.
  expect(tally.clean.complete).toBeGreaterThanOrEqual(tally.clean.demanded);
  expect(done).toBeGreaterThan(tally.judged / 10);
});

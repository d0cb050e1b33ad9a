import { inTime } from '../../examples/scenarios/child.js';
import { Gate } from '../../examples/scenarios/gate.js';
import { until } from '../support/until.js';
import { strike } from './blows.js';
import { gateProblems } from './compare.js';
import { blowOver } from './weather.js';

/** How long a gate waits for a silent worker, in report intervals: longer than a silence window. */
const PRESUME_AFTER = 12;
/** Of a gate, in report intervals: longer than any deploy. */
const TIMEOUT = 600;
const SILENCE = 4;
/** So long, at most, are the pauses between the ends of the old workers, in report intervals. */
const MOST_APART = 3;

/** @typedef {import('./worker.js').Worker} Worker */
/** @typedef {import('./plan.js').Step} Step */
/** @typedef {import('./play.js').Play} Play */
/** @typedef {import('./compare.js').Truth} Truth */

/** One deploy of a play. */
export class Deploy {
  #play;
  #step;
  #generation;
  /** Workers that have to leave. @type {Worker[]} */
  #old;
  /** The generation that comes up, by slot. @type {Worker[]} */
  #fresh = [];
  /** Of that generation, those that died. @type {Worker[]} */
  #fallen = [];
  /** @type {Gate | undefined} */
  #gate;

  /**
   * @param {Play} play @param {Step} step
   * @param {number} generation That comes up.
   * @param {readonly Worker[]} old The first one stays to the last.
   */
  constructor(play, step, generation, old) {
    this.#play = play;
    this.#step = step;
    this.#generation = generation;
    this.#old = [...old];
  }

  /** Those that take calls, by slot. */
  get fresh() {
    return this.#fresh;
  }

  /** The old ones that still run. */
  get left() {
    return this.#old.filter(({ isAlive }) => isAlive);
  }

  /**
   * Plays it until all its events are over and the gate has said what was lost.
   * @param {Deploy | undefined} abandoned The deploy that this one rolls back.
   */
  async begin(abandoned) {
    await this.#openGate();
    await this.#placeLongCalls();
    /** @type {Promise<unknown> | undefined} */
    let disturbed;
    await this.#cutOver(() => {
      // Of what happens now, the deploy that is rolled back must not say anything.
      if (abandoned) return;
      disturbed = this.#disturb();
      // It is waited for below.
      disturbed.catch(() => {});
    });
    await abandoned?.judge();
    await (disturbed ?? this.#disturb());
    await this.#haveLeft();
    await this.#isKnown();
  }

  /** The old workers are let go, one after the other; the first one last. */
  async finish() {
    const { calls, fleet, random, pass } = this.#play;
    const [keeper, ...others] = this.left;
    await Promise.all(
      others.map(async (worker) => {
        await pass(random.next() * MOST_APART);
        await this.#play.release(worker);
      }),
    );
    if (!keeper) throw new Error('no old worker is left');
    if (!this.#step.isLastKilled) return this.#play.release(keeper);
    await fleet.hold(keeper);
    keeper.isKilled = true;
    keeper.signal('SIGKILL');
    await fleet.exited(keeper);
    await until(`the callers to notice the end of ${keeper.id}`, () => calls.talking(keeper).length === 0);
    await fleet.accountFor(keeper);
  }

  /** Waits for the gate to end, and holds what it said against what the callers saw. */
  async judge() {
    const gate = this.#gate;
    if (!gate) throw new Error('there is no gate yet');
    const exitCode = await inTime(
      gate.ended,
      () => `the gate to end; it said ${JSON.stringify(gate.verdict)}`,
    );
    this.#play.tell(gateProblems(gate, exitCode, this.#truth, SILENCE * this.#play.intervalMs));
    const running = new Set(this.#play.fleet.workers.filter(({ isAlive }) => isAlive).map(({ id }) => id));
    // The weather is good by now, and none is stopped.
    const isStarved = gate.verdict?.waitingFor?.some(
      ({ id, state }) => state === 'silent' && running.has(id),
    );
    if (isStarved) this.#play.isStarved = true;
  }

  /** @returns {Truth} */
  get #truth() {
    const { calls } = this.#play;
    const own = [...this.#old, ...this.#fresh, ...this.#fallen];
    const isOwn = new Set(own);
    const lost = { confirmed: 0, presumed: 0 };
    for (const worker of own) lost[worker.isLost ? 'presumed' : 'confirmed'] += calls.dropped(worker).length;
    const isAny = lost.confirmed + lost.presumed > 0;
    return {
      dropped: lost,
      exitCode: isAny ? 10 : this.#step.isAbandoned ? 13 : 0,
      calls: calls.all.filter(({ worker }) => isOwn.has(worker)),
      isOld: (worker) => this.#old.includes(worker),
    };
  }

  async #openGate() {
    const play = this.#play;
    const step = this.#step;
    const args = ['--pool', play.pool, '--target', step.target, '--expect', String(play.plan.size)];
    args.push(
      '--presume-after',
      `${PRESUME_AFTER * play.intervalMs}ms`,
      '--timeout',
      `${TIMEOUT * play.intervalMs}ms`,
    );
    // Its version ran before.
    if (step.kind !== 'new') args.push('--since', 'now');
    if (step.kind === 'restart') args.push('--restart');
    const gate = new Gate(play.source, args, () => {});
    this.#gate = gate;
    await play.connect(gate);
    // A loss by a worker that the gate has not heard yet can be an old one: the verdict would be unknown.
    await until('the gate to hear the workers that run', () => {
      const running = play.fleet.workers.filter(({ isAlive }) => isAlive).length;
      return (gate.verdict?.workers?.running ?? 0) >= running;
    });
  }

  async #placeLongCalls() {
    const { calls } = this.#play;
    await Promise.all(
      this.#old.flatMap((worker) =>
        worker.isTerminated ? [] : Array.from({ length: worker.plan.longCalls }, () => calls.place(worker)),
      ),
    );
  }

  /** New workers come up and old ones are terminated, batch by batch. @param {() => void} begun Called when the first have come up. */
  async #cutOver(begun) {
    const play = this.#play;
    const { batch } = this.#step;
    const toBeCutOff = new Set(this.#eventsOf('cut off'));
    const leaving = this.#old.filter((worker) => !worker.isTerminated);
    for (let slot = 0; slot < play.plan.size; slot += batch) {
      const slots = Array.from(
        { length: Math.min(batch, play.plan.size - slot) },
        (_, index) => slot + index,
      );
      await Promise.all(slots.map((one) => this.#startFresh(one)));
      play.traffic.workers = this.#fresh.filter(Boolean);
      if (slot === 0) begun();
      for (const worker of leaving) {
        if (slots.includes(worker.slot) && !toBeCutOff.has(worker.slot)) worker.terminate();
      }
    }
  }

  /** @param {import('./plan.js').Blow} blow Slots of old workers. */
  #eventsOf(blow) {
    return this.#step.events
      .filter((event) => event.side === 'old' && event.blow === blow)
      .map(({ slot }) => slot);
  }

  /** @param {number} slot */
  async #startFresh(slot) {
    this.#fresh[slot] = await this.#play.start(this.#generation, slot, this.#step.target);
  }

  /** All that happens to workers, network and disk. */
  #disturb() {
    const play = this.#play;
    return Promise.all([
      ...this.#step.spells.map((spell) => blowOver(spell, play)),
      ...this.#step.events.map(async (event) => {
        await play.pass(event.at);
        await strike(
          { ...play.scene, replace: (worker) => this.#replace(worker, event.side) },
          await this.#workerOf(event),
          event,
        );
      }),
    ]);
  }

  /** @param {import('./plan.js').Event} event */
  #workerOf({ side, slot }) {
    const workers = side === 'new' ? this.#fresh : this.#old;
    const generation = side === 'new' ? this.#generation : this.#generation - 1;
    const find = () => workers.find((worker) => worker?.slot === slot && worker.generation === generation);
    return until(`a worker in place ${slot}`, find);
  }

  /** @param {Worker} worker @param {'old' | 'new'} side */
  async #replace(worker, side) {
    const another = await this.#play.start(worker.generation, worker.slot, worker.version);
    if (side === 'old') {
      this.#old.push(another);
    } else {
      this.#fallen.push(worker);
      this.#fresh[worker.slot] = another;
      this.#play.traffic.workers = this.#fresh.filter(Boolean);
    }
    return another;
  }

  /** Old workers without calls have left and said so: for who could not, in bad weather, others must. */
  async #haveLeft() {
    const { calls } = this.#play;
    const isLeaving = (/** @type {Worker} */ worker) =>
      !worker.isAlive || (worker.isTerminated && calls.talking(worker).length === 0);
    await Promise.all(this.#old.filter(isLeaving).map((worker) => this.#play.release(worker)));
  }

  /** The gate has said what was lost so far, and waits for none of them any more. */
  async #isKnown() {
    const { dropped } = this.#truth;
    const isAny = dropped.confirmed + dropped.presumed > 0;
    await this.#gate?.see({ dropped, ...(isAny && { checks: { dropped: { state: 'failed' } } }) });
  }
}

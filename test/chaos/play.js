import { setTimeout as sleep } from 'node:timers/promises';
import { prometheusSource } from 'openrtc-otel/deploy';
import { Ledger } from '../../examples/scenarios/ledger.js';
import { SpanSink } from '../support/span-sink.js';
import { Calls } from './calls.js';
import { exitProblems, rowProblems, spanProblems, sumProblems } from './compare.js';
import { Deploy } from './deploy.js';
import { Disk } from './disk.js';
import { FaultyTee } from './faulty-tee.js';
import { Fleet } from './fleet.js';
import { planOf } from './plan.js';
import { Random } from './random.js';
import { Traffic } from './traffic.js';

/** What was sent is there by then, also by a recoverer that pauses between its attempts. */
const ARRIVED_MS = 40_000;
const LOOK_EVERY_MS = 200;

/** @typedef {import('../../examples/scenarios/gate.js').Source} Source */
/** @typedef {import('../../examples/scenarios/gate.js').Gate} Gate */
/** @typedef {import('./worker.js').Worker} Worker */

/**
 * @typedef {object} Backend
 * @property {Source} source Of the gates.
 * @property {string} [url] Of a Prometheus that is asked what it holds.
 * @property {number} intervalMs How often workers report.
 */

/**
 * @typedef {object} Result
 * @property {number} seed
 * @property {number} deploys
 * @property {number} calls
 * @property {number} dropped
 * @property {number} workers
 * @property {number} counted Workers whose counters were held against the calls, exactly.
 * @property {string[]} skipped What could not be played.
 * @property {boolean} isStarved The machine was so slow that a goodbye was lost that nobody else could say, or that a
 *   worker that runs did not report for a silence window.
 * @property {string[]} problems
 */

/** One seed, played: a fleet, its callers, and one deploy after the other. */
export class Play {
  /** @type {string[]} */
  problems = [];
  /** @type {string[]} */
  skipped = [];
  isStarved = false;
  calls = new Calls();
  disk = new Disk();
  tee = new FaultyTee();
  plan;
  source;
  intervalMs;
  pool;
  random;
  /** @type {Fleet} */
  fleet;
  /** @type {Traffic} */
  traffic;
  #backend;
  #ledger;
  #sink;
  #begunAt = Date.now();
  /** @type {Gate[]} */
  #gates = [];
  #kill = () => {
    this.calls.kill();
    this.fleet.kill();
    for (const gate of this.#gates) gate.kill();
  };
  #cleanUp = () => {
    this.#kill();
    this.disk.remove();
  };

  /** @param {number} seed @param {number} mostDeploys @param {Backend} backend @returns {Promise<Result>} */
  static async run(seed, mostDeploys, backend) {
    const ledger = await Ledger.open();
    const play = new Play(planOf(seed, mostDeploys), backend, ledger, await SpanSink.open());
    try {
      await play.#open();
      await play.#go();
    } catch (error) {
      play.tell([error instanceof Error ? error.message : String(error)]);
    } finally {
      await play.#close();
    }
    return play.#result;
  }

  /**
   * @param {import('./plan.js').Plan} plan @param {Backend} backend
   * @param {Ledger} ledger @param {SpanSink} sink
   */
  constructor(plan, backend, ledger, sink) {
    this.plan = plan;
    this.source = backend.source;
    this.intervalMs = backend.intervalMs;
    this.pool = `chaos-${plan.seed}`;
    this.random = new Random(plan.seed);
    this.#backend = backend;
    this.#ledger = ledger;
    this.#sink = sink;
    if (plan.climate === 'disk' && !this.disk.mount()) {
      this.skipped.push('no disk is filled: this user cannot mount a file system');
    }
    const { calls, disk, pool, intervalMs } = this;
    this.fleet = new Fleet({ pool, tee: this.tee, path: disk.path, intervalMs, calls, ledger });
    this.traffic = new Traffic(calls, this.random.fork(), plan.callers, intervalMs);
    process.on('exit', this.#cleanUp);
  }

  /** What blows need. */
  get scene() {
    const { fleet, calls, disk, pass } = this;
    return { fleet, calls, pass, isDiskFilled: disk.isMounted };
  }

  /** Lets so many report intervals go by. @param {number} intervals */
  pass = async (intervals) => {
    await sleep(intervals * this.intervalMs);
  };

  /** @param {readonly string[]} problems */
  tell(problems) {
    this.problems.push(...problems);
  }

  /** @param {number} generation @param {number} slot @param {string} version */
  start(generation, slot, version) {
    const plan = this.plan.generations[generation]?.[slot];
    if (!plan) throw new Error(`no worker is planned in place ${slot} of generation ${generation}`);
    return this.fleet.start({ generation, slot, version, plan });
  }

  /** Its calls are hung up; resolves when it has left and said so. @param {Worker} worker */
  async release(worker) {
    worker.terminate();
    worker.isHeld = false;
    await Promise.all(this.calls.talking(worker).map((call) => this.calls.hangUp(call)));
    await this.fleet.exited(worker);
    await this.fleet.accountFor(worker);
  }

  /** Workers report to a gate that is a receiver, until it ends. @param {Gate} gate */
  async connect(gate) {
    this.#gates.push(gate);
    await gate.begun();
    const { listensAt } = gate;
    if (listensAt === undefined) return;
    this.tee.add(listensAt);
    void gate.ended.then(() => this.tee.remove(listensAt));
  }

  async #open() {
    await this.tee.open();
    this.tee.add(this.#ledger.url);
    this.tee.add(this.#sink.url, (path) => path.endsWith('/traces'));
    const { otlp } = this.source;
    // It takes metrics alone.
    if (otlp) this.tee.add(otlp, (path) => path.endsWith('/metrics'));
  }

  async #go() {
    const { plan } = this;
    const first = Array.from({ length: plan.size }, (_, slot) => this.start(0, slot, 'v1'));
    let now = await Promise.all(first);
    this.traffic.workers = now;
    /** @type {Deploy | undefined} */
    let abandoned;
    for (const [index, step] of plan.steps.entries()) {
      const deploy = new Deploy(this, step, index + 1, [...(abandoned?.left ?? []), ...now]);
      await deploy.begin(abandoned);
      now = deploy.fresh;
      abandoned = step.isAbandoned ? deploy : undefined;
      if (abandoned) continue;
      await deploy.finish();
      await deploy.judge();
      await this.#compare();
      if (this.problems.length > 0) return;
    }
    await this.traffic.stop();
    await Promise.all(now.map((worker) => this.release(worker)));
    this.tell(await this.fleet.end());
    await this.#compare();
  }

  /** Holds what the backend has got against what the callers saw, as soon as all has arrived. */
  async #compare() {
    // Those that left by themselves, too.
    await Promise.all(this.fleet.workers.map((worker) => worker.isAlive || this.fleet.accountFor(worker)));
    const until = performance.now() + ARRIVED_MS;
    for (;;) {
      const problems = await this.#differences();
      if (problems.length === 0) return;
      if (performance.now() > until) return this.tell(problems);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #differences() {
    const held = await this.#held();
    return this.fleet.workers.flatMap((worker) => {
      const calls = this.calls.of(worker);
      const row = this.fleet.row(worker);
      const isAllDelivered = !worker.isAlive && !worker.isKilled && this.plan.climate !== 'network';
      return [
        ...exitProblems(worker),
        ...rowProblems('ledger', row, worker, calls),
        ...sumProblems(row, worker, calls, this.#hasCounters(worker)),
        ...(held ? rowProblems('Prometheus', held.get(worker.id), worker, calls) : []),
        ...spanProblems(this.#sink.spans, worker, calls, isAllDelivered),
      ];
    });
  }

  /**
   * Whether all that a worker counted must have arrived. A goodbye that others say for it is of its last report that
   * they know of.
   * @param {Worker} worker
   */
  #hasCounters({ id, isKilled, isUnheard }) {
    return !isKilled && !isUnheard && this.#ledger.hasCounters(id);
  }

  /** What a Prometheus holds of each worker. */
  async #held() {
    const { url } = this.#backend;
    if (url === undefined) return undefined;
    const { workers } = await prometheusSource({ url }).read({ pool: this.pool, since: this.#begunAt });
    return new Map(workers.map((row) => [row.id, row]));
  }

  async #close() {
    this.#kill();
    await this.traffic.stop().catch(() => {});
    await this.tee.shut();
    await this.#ledger.close();
    await this.#sink[Symbol.asyncDispose]();
    process.off('exit', this.#cleanUp);
    this.disk.remove();
  }

  /** @returns {Result} */
  get #result() {
    const { plan, problems, skipped, calls, fleet } = this;
    const dropped = calls.all.filter(({ is }) => is === 'dropped').length;
    const words = problems.length === 0 ? [] : fleet.complaints;
    return {
      seed: plan.seed,
      deploys: plan.steps.length,
      calls: calls.all.filter(({ answeredAt }) => answeredAt !== undefined).length,
      dropped,
      workers: fleet.workers.length,
      counted: fleet.workers.filter((worker) => this.#hasCounters(worker)).length,
      skipped,
      isStarved:
        this.isStarved || fleet.workers.some(({ folder, isUnheard }) => folder === undefined && isUnheard),
      problems: [...problems, ...words],
    };
  }
}

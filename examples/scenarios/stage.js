import { setTimeout as sleep } from 'node:timers/promises';
import { Callers } from './callers.js';
import { inTime } from './child.js';
import { Deploy } from './deploy.js';
import { Gate } from './gate.js';
import { Ledger } from './ledger.js';
import { Servers } from './servers.js';
import { Tee } from './tee.js';

const CALLERS = 6;
/** Of a call server, in report intervals: longer than any scenario. */
const DRAIN_TIMEOUT = 600;
/** Of a gate that is not meant to run out of time, in report intervals. */
const GATE_TIMEOUT = 600;

/** @typedef {import('./servers.js').Server} Server */
/** @typedef {import('./gate.js').Source} Source */
/** @typedef {import('./gate.js').Verdict} Verdict */

/**
 * @typedef {object} StageOptions
 * @property {string} pool The name of the pool; no other stage on the same sources has it.
 * @property {readonly Source[]} sources Each deploy is judged by a gate on each of them.
 * @property {number} intervalSeconds How often workers report: the unit of time of a scenario.
 * @property {readonly string[]} [alsoTo] OTLP endpoints that workers report to as well.
 * @property {Readonly<Record<string, string>>} [env] More environment of the call servers.
 * @property {(gapSeconds: number) => void} [onReport] Is told for how long a worker that reports was not heard of.
 * @property {(text: string) => void} [onStep] Is told what is done.
 * @property {(verdict: Verdict, source: Source) => void} [onVerdict] Is told what a gate says.
 */

/**
 * Where a scenario is played: real call servers, callers and gates, on this machine. Times are in report intervals, so
 * that it can be played at any pace; a silence window is 4 of them.
 */
export class Stage {
  /** @type {Deploy[]} */
  deploys = [];
  /** Knows what the workers counted, whatever the sources of the gates are. */
  ledger;
  callers;
  #options;
  #tee;
  #servers = new Servers();
  #begunAt = Date.now();
  #kill = () => {
    this.callers.kill();
    this.#servers.kill();
    for (const { gates } of this.deploys) for (const gate of gates) gate.kill();
  };

  /** @param {StageOptions} options */
  static async open(options) {
    const tee = new Tee();
    await tee.open();
    const ledger = await Ledger.open(options.onReport);
    tee.add(ledger.url);
    for (const { otlp } of options.sources) if (otlp) tee.add(otlp);
    for (const otlp of options.alsoTo ?? []) tee.add(otlp);
    return new Stage(options, tee, ledger);
  }

  /** @param {StageOptions} options @param {Tee} tee @param {Ledger} ledger */
  constructor(options, tee, ledger) {
    this.#options = options;
    this.#tee = tee;
    this.ledger = ledger;
    this.callers = new Callers({
      CALLERS: String(CALLERS),
      SHORTEST_CALL_MS: String(this.#ms(2)),
      LONGEST_CALL_MS: String(this.#ms(6)),
    });
    process.on('exit', this.#kill);
  }

  /** Tells what is done now. @param {string} text */
  say(text) {
    this.#options.onStep?.(text);
  }

  /** Lets so many report intervals go by. @param {number} intervals */
  pass(intervals) {
    return sleep(this.#ms(intervals));
  }

  /** Lets more than a silence window go by: from then on new workers count. */
  settle() {
    return this.pass(5);
  }

  /**
   * Starts call servers; resolves when all listen.
   * @param {string} version @param {number} count
   * @param {object} [options]
   * @param {number} [options.drainTimeout] In report intervals.
   * @param {readonly string[]} [options.nodeArgs]
   * @param {Readonly<Record<string, string>>} [options.env]
   */
  start(version, count, { drainTimeout = DRAIN_TIMEOUT, nodeArgs = [], env = {} } = {}) {
    this.say(`start ${count} call server${count === 1 ? '' : 's'} of ${version}`);
    const whole = {
      POOL_NAME: this.#options.pool,
      DRAIN_TIMEOUT_SECONDS: String(this.#ms(drainTimeout) / 1000),
      OTEL_EXPORTER_OTLP_ENDPOINT: this.#tee.url,
      OTEL_METRIC_EXPORT_INTERVAL: String(this.#ms(1)),
      OTEL_TRACES_EXPORTER: 'none',
      ...this.#options.env,
      ...env,
    };
    return Promise.all(Array.from({ length: count }, () => this.#servers.start(version, nodeArgs, whole)));
  }

  /** Whom the callers call from now on. @param {readonly Server[]} servers */
  phone(servers) {
    this.say(`callers call ${nameOf(servers)}`);
    this.callers.phone(servers.map(({ port }) => port));
  }

  /**
   * Places calls that last until they are hung up, all with the first of the servers.
   * @param {readonly Server[]} servers @param {number} count
   */
  async call(servers, count) {
    const [first] = servers;
    if (!first) throw new Error('there is no server to call');
    this.say(`${count} long calls to ${nameOf([first])}`);
    return Promise.all(Array.from({ length: count }, () => this.callers.call(first.port)));
  }

  /** @param {readonly string[]} calls */
  async hangUp(calls) {
    this.say(`the ${calls.length} long calls are hung up`);
    await Promise.all(calls.map((call) => this.callers.hangUp(call)));
  }

  /** @param {NodeJS.Signals} name @param {readonly Server[]} servers */
  signal(name, servers) {
    this.say(`${name} to ${nameOf(servers)}`);
    for (const { process } of servers) process.kill(name);
  }

  /** Waits until they have exited; gives when the last one did, in Unix ms. @param {readonly Server[]} servers */
  async gone(servers) {
    const exited = Promise.all(servers.map(({ process }) => process.exited));
    await inTime(exited, () => `${nameOf(servers)} to exit`);
    this.say(`${nameOf(servers)} exited`);
    return Math.max(...servers.map(({ process }) => process.exitedAt ?? Number.NaN));
  }

  /** Nothing reaches a backend for so many report intervals. @param {number} intervals */
  async outage(intervals) {
    this.say(`no report arrives for ${intervals} intervals`);
    await this.#tee.shut();
    await this.pass(intervals);
    await this.#tee.open();
    this.say('reports arrive again');
  }

  /**
   * Starts the gates of a deploy; resolves when they have said where things stand.
   * @param {object} options
   * @param {string} options.target
   * @param {number} options.expect
   * @param {number} [options.timeout] In report intervals.
   * @param {number} [options.presumeAfter] In report intervals.
   * @param {readonly string[]} [options.more] More options of `openrtc-otel watch`.
   */
  async watch({ target, expect, timeout = GATE_TIMEOUT, presumeAfter, more = [] }) {
    const args = ['--target', target, '--expect', String(expect), ...more];
    this.say(`openrtc-otel watch ${args.join(' ')}`);
    args.push('--pool', this.#options.pool, '--timeout', `${this.#ms(timeout)}ms`);
    if (presumeAfter !== undefined) args.push('--presume-after', `${this.#ms(presumeAfter)}ms`);
    const { sources, onVerdict } = this.#options;
    const gates = sources.map((source) => new Gate(source, args, (verdict) => onVerdict?.(verdict, source)));
    const deploy = new Deploy(gates, this.#begunAt);
    this.deploys.push(deploy);
    await Promise.all(gates.map((gate) => this.#connect(gate)));
    return deploy;
  }

  /** What call servers said on stderr of late. */
  get complaints() {
    return this.#servers.complaints;
  }

  /** All hang up; the servers that are left drain and exit. */
  async clear() {
    this.say('callers hang up, SIGTERM to what is left');
    await this.callers.stop();
    await this.#servers.terminate();
  }

  /** Ends all that is left at once. */
  async close() {
    this.#kill();
    process.off('exit', this.#kill);
    await this.#tee.shut();
    await this.ledger.close();
  }

  /** Workers report to a gate that is a receiver, until it ends. @param {Gate} gate */
  async #connect(gate) {
    await gate.begun();
    const { listensAt } = gate;
    if (listensAt === undefined) return;
    this.#tee.add(listensAt);
    void gate.ended.then(() => this.#tee.remove(listensAt));
  }

  /** @param {number} intervals */
  #ms(intervals) {
    return intervals * this.#options.intervalSeconds * 1000;
  }
}

/** @param {readonly Server[]} servers */
function nameOf(servers) {
  const versions = [...new Set(servers.map(({ version }) => version))].join(' and ');
  return `${servers.length} call server${servers.length === 1 ? '' : 's'} of ${versions}`;
}

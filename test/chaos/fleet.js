import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, inTime } from '../../examples/scenarios/child.js';
import { Servers } from '../../examples/scenarios/servers.js';
import { until } from '../support/until.js';
import { Worker } from './worker.js';

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url);
const FAULTS = new URL('../../examples/scenarios/faults/', import.meta.url);
/** Of a worker whose calls are not to be cut off, in report intervals. */
const DRAIN_TIMEOUT = 1000;

/** @typedef {import('./plan.js').WorkerPlan} WorkerPlan */

/**
 * @typedef {object} FleetOptions
 * @property {string} pool
 * @property {import('./faulty-tee.js').FaultyTee} tee Where workers and recoverers report to.
 * @property {string} path The folder of the journals' folders.
 * @property {number} intervalMs
 * @property {import('./calls.js').Calls} calls
 * @property {import('../../examples/scenarios/ledger.js').Ledger} ledger
 */

/** The worker processes of a play, and the recoverers of their journals. */
export class Fleet {
  /** All there ever were. @type {Worker[]} */
  workers = [];
  #options;
  #servers = new Servers();
  /** By folder. @type {Map<string, Child>} */
  #sidecars = new Map();
  /** @type {Child[]} */
  #recoverers = [];
  #names = new Map();

  /** @param {FleetOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Starts a worker; resolves when it listens.
   * @param {Pick<import('./worker.js').WorkerParts, 'generation' | 'slot' | 'version' | 'plan'>} parts
   */
  async start(parts) {
    const { generation, slot, version, plan } = parts;
    const name = `g${generation}w${slot}`;
    const { pool, intervalMs } = this.#options;
    const lives = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, lives);
    const id = `${name}-${lives}`;
    const folder = this.#folder(name, plan);
    if (folder && plan.hasSidecar && !this.#sidecars.has(folder)) {
      this.#sidecars.set(folder, this.#recover(folder, '--follow'));
    }
    const env = {
      ...this.#environment,
      POOL_NAME: pool,
      WORKER_ID: id,
      DRAIN_TIMEOUT_SECONDS: String(((plan.drainTimeout ?? DRAIN_TIMEOUT) * intervalMs) / 1000),
      ...(folder && { JOURNAL: folder }),
    };
    const server = await this.#servers.start(version, faultArgs(plan), env);
    const worker = new Worker({ ...parts, id, folder, server });
    this.workers.push(worker);
    return worker;
  }

  /** From here on no call of a worker begins or ends; resolves when worker and callers count the same. @param {Worker} worker */
  async hold(worker) {
    const { calls } = this.#options;
    worker.isHeld = true;
    // What a worker does before its journal is open, in the first moments of its life, dies with it.
    await until(
      `the journal of ${worker.id}`,
      () => !worker.folder || worker.hasJournal || worker.couldNotWrite,
    );
    await until(
      `${worker.id} to count the calls that its callers hold`,
      async () => calls.isQuiet(worker) && (await worker.active()) === calls.talking(worker).length,
    );
  }

  /** Resolves when a report has told of the calls of a worker that is held. @param {Worker} worker */
  async isReported(worker) {
    const since = Date.now();
    await until(`a report of ${worker.id}`, () => {
      const row = this.row(worker);
      return row && row.lastReportAt > since && row.active === this.#options.calls.talking(worker).length;
    });
  }

  /** What the ledger knows of a worker. @param {Worker} worker */
  row(worker) {
    return this.#options.ledger.workers().find(({ id }) => id === worker.id);
  }

  /** Its goodbye has arrived. @param {Worker} worker */
  async isTold(worker) {
    await until(`the goodbye of ${worker.id}`, () => this.row(worker)?.exited);
  }

  /** Its process has ended. @param {Worker} worker */
  exited(worker) {
    return inTime(worker.exited, () => `${worker.id} to exit`);
  }

  /** Waits until the goodbye of a dead worker is said, and sees to it where nobody else does. @param {Worker} worker */
  async accountFor(worker) {
    const { folder, plan } = worker;
    if (worker.isLost) return;
    const isDone = () => this.row(worker)?.exited === true && !worker.hasJournal;
    while (folder && plan.journal === 'own' && !plan.hasSidecar && !isDone()) {
      await this.recoverOnce(folder);
      await sleep(this.#options.intervalMs / 2);
    }
    await until(`the goodbye of ${worker.id}`, isDone);
  }

  /** @param {string} folder */
  async recoverOnce(folder) {
    const recoverer = this.#recover(folder);
    const { code } = await inTime(recoverer.exited, () => 'a recoverer to exit');
    if (code !== 0 && code !== 1)
      throw new Error(`a recoverer exited with ${code}: ${recoverer.stderr.join('\n')}`);
    return { code, words: recoverer.stderr };
  }

  /** A recoverer that is killed, in the middle or not. @param {string} folder @param {number} afterMs */
  async recoverAndKill(folder, afterMs) {
    const recoverer = this.#recover(folder);
    await Promise.race([sleep(afterMs), recoverer.exited]);
    recoverer.kill('SIGKILL');
    await recoverer.exited;
  }

  /** Sidecars end as they should; then nothing is left in any folder. @returns {Promise<string[]>} problems */
  async end() {
    /** @type {string[]} */
    const problems = [];
    for (const sidecar of this.#sidecars.values()) {
      sidecar.kill('SIGTERM');
      const { code } = await inTime(sidecar.exited, () => 'a sidecar to exit');
      if (code !== 0) problems.push(`a sidecar exited with ${code}: ${sidecar.stderr.join('; ')}`);
    }
    for (const folder of new Set(this.workers.map((worker) => worker.folder))) {
      if (folder === undefined) continue;
      const { code, words } = await this.recoverOnce(folder);
      if (code !== 0) problems.push(`something is left in a folder of journals: ${words.join('; ')}`);
    }
    return problems;
  }

  /** What workers and sidecars said on stderr of late. */
  get complaints() {
    const workers = this.workers.map(({ id, complaints }) => ({ id, said: complaints }));
    const sidecars = [...this.#sidecars].map(([folder, { stderr }]) => ({ id: folder, said: stderr }));
    return [...workers, ...sidecars].flatMap(({ id, said }) => said.map((line) => `  ${id}: ${line}`));
  }

  kill() {
    this.#servers.kill();
    for (const child of [...this.#sidecars.values(), ...this.#recoverers]) child.kill('SIGKILL');
  }

  get #environment() {
    const { tee, intervalMs } = this.#options;
    return { OTEL_EXPORTER_OTLP_ENDPOINT: tee.url, OTEL_METRIC_EXPORT_INTERVAL: String(intervalMs) };
  }

  /** @param {string} name @param {WorkerPlan} plan */
  #folder(name, { journal }) {
    if (journal === 'none') return undefined;
    const folder = join(this.#options.path, journal === 'shared' ? journal : name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** @param {string} folder @param {readonly string[]} options */
  #recover(folder, ...options) {
    const recoverer = new Child(COMMAND, { args: ['recover', ...options, folder], env: this.#environment });
    this.#recoverers.push(recoverer);
    return recoverer;
  }
}

/** @param {WorkerPlan} plan */
function faultArgs({ fault }) {
  if (fault === undefined) return [];
  const args = ['--import', new URL(`${fault}.js`, FAULTS).href];
  return fault === 'leak' ? ['--max-old-space-size=48', ...args] : args;
}

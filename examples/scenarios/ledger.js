import { startReceiver } from 'openrtc-otel/deploy';

/** @typedef {import('openrtc-otel/deploy').MetricPoint} MetricPoint */

const NEVER = { report: 0, goodbye: 0 };

/** Takes in all that workers report, whatever the sources of the gates are. */
export class Ledger {
  /** By worker, how long it had drained by its last report and by its goodbye, in s. @type {Map<string, { report: number, goodbye: number }>} */
  #drains = new Map();
  /** By worker, when it was last heard of, in ms. @type {Map<string, number>} */
  #heardAt = new Map();
  #onReport;
  #receiver;

  /** @param {(gapSeconds: number) => void} [onReport] Is told for how long a worker that reports was not heard of. */
  static async open(onReport = () => {}) {
    /** @type {(points: readonly MetricPoint[]) => void} */
    let note = () => {};
    const receiver = await startReceiver({ onMetrics: (points) => note(points) });
    const ledger = new Ledger(receiver, onReport);
    note = (points) => ledger.#note(points);
    return ledger;
  }

  /** @param {import('openrtc-otel/deploy').Receiver} receiver @param {(gapSeconds: number) => void} onReport */
  constructor(receiver, onReport) {
    this.#receiver = receiver;
    this.#onReport = onReport;
  }

  get url() {
    return this.#receiver.url;
  }

  workers() {
    return this.#receiver.workers();
  }

  /**
   * Whether the last ordinary report of a worker that drained has arrived, and so all that it counted: the goodbye has
   * gauges only and waits for that report only briefly. Both tell of the same moment.
   * @param {string} id
   */
  hasCounters(id) {
    const { report, goodbye } = this.#drains.get(id) ?? NEVER;
    return goodbye > 0 && report === goodbye;
  }

  async close() {
    await this.#receiver.close();
  }

  /** @param {readonly MetricPoint[]} points Of one request, and so of one report of each worker. */
  #note(points) {
    /** @param {MetricPoint} point */
    const workerOf = ({ attributes }) => String(attributes['openrtc.worker.id']);
    const isGone = new Set(
      points.filter(({ name, value }) => name === 'openrtc.deployment_version' && value === 0).map(workerOf),
    );
    for (const point of points) {
      if (point.name !== 'openrtc.drain.elapsed') continue;
      const id = workerOf(point);
      this.#hear(id);
      const drain = this.#drains.get(id) ?? NEVER;
      const kind = isGone.has(id) ? 'goodbye' : 'report';
      this.#drains.set(id, { ...drain, [kind]: Math.max(drain[kind], point.value) });
    }
  }

  /** @param {string} id */
  #hear(id) {
    const now = performance.now();
    this.#onReport((now - (this.#heardAt.get(id) ?? now)) / 1000);
    this.#heardAt.set(id, now);
  }
}

import { expect, it, vi } from 'vitest';
import { Stage } from '../../examples/scenarios/stage.js';
import { METRICS, WORKER_ID } from '../../src/attributes.js';
import { prometheusSource } from '../../src/deploy/prometheus/source.js';
import type { MetricPoint } from '../../src/deploy/receiver/decode.js';
import { Collector, type CollectorConfig } from './support/collector.js';
import { Door } from './support/door.js';
import { Prometheus } from './support/prometheus.js';

interface Parts {
  readonly backend: Prometheus;
  readonly door: Door;
  readonly collector: Collector;
  readonly stage: Stage;
  /** The worker that leaves: its process, and its id. */
  readonly leaving: Awaited<ReturnType<Stage['start']>>;
  readonly id: string;
  /** Unix ms. */
  readonly since: number;
}

const OTLP = ['prometheus', 'otlp'] as const;
const REMOTE_WRITE = ['prometheus'] as const;
const POOL = 'retries';
/** So short that each batch of the Collector holds reports of all workers. */
const INTERVAL_SECONDS = 0.1;
/** The Collector tries again after 5 s, give or take a half. */
const patiently = <T>(assertion: () => T | Promise<T>) =>
  vi.waitFor(assertion, { timeout: 60_000, interval: 100 });

/** Two workers that report through a Collector; by OTLP with a door between it and a Prometheus that knows both. */
class Setting implements AsyncDisposable {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async open(configs: readonly CollectorConfig[], outOfOrderWindow: string): Promise<Setting> {
    const backend = await Prometheus.start('UnderscoreEscapingWithSuffixes', outOfOrderWindow);
    const door = await Door.open(backend.otlpUrl);
    const collector = await Collector.start(configs, {
      PROMETHEUS_URL: backend.url,
      METRICS_OTLP_URL: door.url,
    });
    const since = Date.now();
    const alsoTo = [collector.url];
    const stage = await Stage.open({ pool: POOL, sources: [], alsoTo, intervalSeconds: INTERVAL_SECONDS });
    await stage.start('v1', 1);
    await patiently(() => expect(stage.ledger.workers()).toHaveLength(1));
    const leaving = await stage.start('v1', 1);
    await patiently(() => expect(stage.ledger.workers()).toHaveLength(2));
    const id = stage.ledger.workers()[1]?.id ?? '';
    const setting = new Setting({ backend, door, collector, stage, leaving, id, since });
    await patiently(async () => expect(await setting.hasExited()).toBe(false));
    return setting;
  }

  get door(): Door {
    return this.#parts.door;
  }

  get backend(): Prometheus {
    return this.#parts.backend;
  }

  /** A datapoint of the worker that leaves: of its goodbye, or of a report before that. */
  readonly isGoodbye = (point: MetricPoint) => this.#isOf(point, 0);
  readonly isReport = (point: MetricPoint) => this.#isOf(point, 1);

  /** The next request with such a datapoint is refused, once. */
  refuseOnce(holds: (point: MetricPoint) => boolean): void {
    this.door.refuses = (points) => {
      const isIt = points.some(holds);
      if (isIt) this.door.refuses = () => false;
      return isIt;
    };
  }

  async leave(): Promise<void> {
    const { stage, leaving } = this.#parts;
    stage.signal('SIGTERM', leaving);
    await stage.gone(leaving);
  }

  /** Whether the worker that has left is known to have exited. */
  async hasExited(): Promise<boolean | undefined> {
    const { id, since } = this.#parts;
    await using source = prometheusSource({ url: this.backend.url });
    const { workers } = await source.read({ pool: POOL, since });
    return workers.find((worker) => worker.id === id)?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stage, collector, door, backend } = this.#parts;
    await stage.close();
    for (const part of [collector, door, backend]) await part[Symbol.asyncDispose]();
  }

  #isOf({ name, value, attributes }: MetricPoint, version: 0 | 1): boolean {
    return name === METRICS.running.name && attributes[WORKER_ID] === this.#parts.id && value === version;
  }
}

it('a goodbye that is tried again, after later reports of its batch, is not lost', async () => {
  await using setting = await Setting.open(OTLP, '30m');
  const { door, isGoodbye } = setting;
  setting.refuseOnce(isGoodbye);
  await setting.leave();
  await patiently(() => expect(door.answersTo(isGoodbye)).toEqual([503, 200]));
  expect(await setting.hasExited()).toBe(true);
});

it('without the out-of-order window it is lost, with all of its batch', async () => {
  await using setting = await Setting.open(OTLP, '0s');
  const { door, isGoodbye } = setting;
  setting.refuseOnce(isGoodbye);
  await setting.leave();
  await patiently(() => expect(door.answersTo(isGoodbye)).toEqual([503, 400]));
  expect(await setting.hasExited()).toBe(false);
});

it('an old report that is tried again after the goodbye does not undo it', async () => {
  await using setting = await Setting.open(OTLP, '30m');
  const { door, isGoodbye, isReport } = setting;
  setting.refuseOnce(isReport);
  await patiently(() => expect(door.answersTo(isReport)).toContain(503));
  await setting.leave();
  await patiently(() => expect(door.answersTo(isGoodbye)).toEqual([200]));
  const told = door.passages.findIndex(({ points }) => points.some(isGoodbye));
  await patiently(() => {
    const later = door.passages.slice(told + 1).filter(({ points }) => points.some(isReport));
    expect(later.map(({ status }) => status)).toEqual([200]);
  });
  expect(await setting.hasExited()).toBe(true);
});

it.each([
  ['OTLP', OTLP],
  ['remote write', REMOTE_WRITE],
] as const)('a goodbye that is said while Prometheus is down arrives later, by %s', async (_, configs) => {
  await using setting = await Setting.open(configs, '30m');
  await setting.backend.stop();
  await setting.leave();
  await setting.backend.start();
  await patiently(async () => expect(await setting.hasExited()).toBe(true));
});

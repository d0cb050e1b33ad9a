import { afterEach, beforeEach, vi } from 'vitest';
import type { Telemetry } from '../../src/instrument/handle.js';
import type { InstrumentOptions } from '../../src/instrument/options.js';
import { instrument } from '../../src/instrument.js';
import type { PoolLike } from '../../src/worker/pool.js';
import { Collector } from './collector.js';
import { setEnvironment } from './environment.js';

/** Gives each test a collector that the environment points at, and shuts down what the test instrumented. */
export function usePipeline() {
  let telemetries: Telemetry[] = [];
  let collector: Collector | undefined;
  const pipeline = {
    get collector(): Collector {
      if (!collector) throw new Error('there is a collector only inside a test');
      return collector;
    },
    /** Sets more variables than the endpoint. */
    environment(variables: Readonly<Record<string, string>> = {}): void {
      setEnvironment({
        OTEL_EXPORTER_OTLP_ENDPOINT: pipeline.collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        ...variables,
      });
    },
    /** Remembers what has to be shut down after the test. */
    keep<T extends Telemetry>(telemetry: T): T {
      telemetries.push(telemetry);
      return telemetry;
    },
    instrument(pool: PoolLike, options?: InstrumentOptions): Telemetry {
      return pipeline.keep(instrument(pool, options));
    },
  };
  beforeEach(async () => {
    telemetries = [];
    collector = await Collector.start();
    pipeline.environment();
  });
  afterEach(async () => {
    await Promise.allSettled(telemetries.map((telemetry) => telemetry.shutdown({ now: true })));
    await collector?.stop();
    vi.unstubAllEnvs();
  });
  return pipeline;
}

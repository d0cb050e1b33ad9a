import type { Telemetry } from './instrument/handle.js';
import { INERT } from './instrument/inert.js';
import { areSameOptions, checkArguments, type InstrumentOptions } from './instrument/options.js';
import { PoolTelemetry } from './instrument/telemetry.js';
import { internalsOf, type PoolLike } from './worker/pool.js';

interface Instrumented {
  readonly telemetry: Telemetry;
  readonly options: InstrumentOptions;
}

/** On the global object, so that two copies of this package in a process make one worker of a pool. */
const REGISTRY = Symbol.for('openrtc-otel.instrumented-pools');
const globals = globalThis as Record<symbol, WeakMap<PoolLike, Instrumented> | undefined>;

/**
 * Reports a pool: its version, whether it drains, its active and its dropped sessions as metrics, and its
 * sessions as spans, over OTLP to where the `OTEL_*` environment says.
 *
 * The OpenTelemetry SDK is loaded behind this call. What happens before it is there is counted and gets its
 * spans all the same. A second call for a pool gives the same telemetry; after `shutdown()` a new one. In a job
 * process of LiveKit Agents, which loads the worker's file again, nothing is reported.
 *
 * @throws TypeError when the pool or an option is wrong: it names the option, what was expected and what was given
 * @throws Error when the pool is instrumented already, with other options
 *
 * @example
 * const telemetry = instrument(pool);
 * const stop = async () => {
 *   await pool.drain();
 *   const { delivered, droppedSessions } = await telemetry.shutdown();
 *   process.exit();
 * };
 * for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop); // a second signal joins the first
 */
export function instrument(pool: PoolLike, options: InstrumentOptions = {}): Telemetry {
  checkArguments(pool, options);
  if (internalsOf(pool)?.isInert) return INERT;
  globals[REGISTRY] ??= new WeakMap();
  const registry = globals[REGISTRY];
  const known = registry.get(pool);
  if (known) {
    if (areSameOptions(known.options, options)) return known.telemetry;
    throw new Error('instrument(pool, options): this pool is instrumented already, with other options');
  }
  const telemetry = new PoolTelemetry(pool, options, () => registry.delete(pool));
  registry.set(pool, { telemetry, options });
  return telemetry;
}

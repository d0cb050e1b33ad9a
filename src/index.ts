/// <reference lib="esnext.disposable" />

export type { RejectionReason, SessionOutcome } from './attributes.js';
export type { Goodbye, Telemetry, TelemetrySession } from './instrument/handle.js';
export type { InstrumentOptions } from './instrument/options.js';
export { instrument } from './instrument.js';
export type {
  PoolLike,
  PoolWorker,
  RuntimeSnapshot,
  SessionInfo,
  SessionObserver,
  SessionStart,
} from './worker/pool.js';
export { SessionSpanProcessor } from './worker/span-processor.js';

/// <reference lib="esnext.disposable" />

export type { RejectionReason, SessionOutcome } from './attributes.js';
export { instrument } from './instrument.js';
export type { InstrumentOptions } from './options.js';
export type {
  PoolLike,
  PoolWorker,
  RuntimeSnapshot,
  SessionInfo,
  SessionObserver,
  SessionStart,
} from './pool.js';
export { SessionSpanProcessor } from './span-processor.js';
export type { Goodbye, Telemetry, TelemetrySession } from './telemetry.js';

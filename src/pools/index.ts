export type { RejectionReason, SessionOutcome } from '../attributes.js';
export type {
  PoolLike,
  PoolWorker,
  RuntimeSnapshot,
  SessionInfo,
  SessionObserver,
  SessionStart,
} from '../worker/pool.js';
export type { AuditEvent, AuditSink } from './audit.js';
export { type HealthOptions, healthHandler } from './health.js';
export {
  type DrainOptions,
  type DrainResult,
  JobRejectedError,
  type PoolSession,
  SessionPool,
  type SessionPoolOptions,
} from './session-pool.js';

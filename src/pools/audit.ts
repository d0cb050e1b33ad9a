import type { RejectionReason } from '../attributes.js';
import { isolate } from '../worker/observers.js';

interface AuditRecord {
  /** Counts from 1 without gaps, so that a lost or reordered event shows. */
  readonly seq: number;
  /** Unix seconds, with a fraction. */
  readonly timestamp: number;
  readonly actor: 'system';
  readonly target: 'worker';
  /** The pool's deployment version; `null` when it has none. */
  readonly version: string | null;
}

type AuditFacts =
  | {
      readonly event: 'worker.rejected';
      readonly result: 'rejected';
      readonly reason: RejectionReason;
    }
  | {
      readonly event: 'deployment.drain_started';
      readonly result: 'ok';
      readonly active_sessions: number;
    };

/** One audit event, in OpenRTC's schema. */
export type AuditEvent = AuditRecord & AuditFacts;

/** Takes audit events as they happen. What it throws or rejects with is ignored. */
export type AuditSink = (event: AuditEvent) => unknown;

/** Numbers a pool's audit events and hands them to its sink. */
export class AuditLog {
  #seq = 0;

  constructor(
    readonly sink: AuditSink | undefined,
    readonly version: string | null,
  ) {}

  emit({ event, result, ...extra }: AuditFacts): void {
    this.#seq += 1;
    const record = {
      seq: this.#seq,
      timestamp: Date.now() / 1000,
      event,
      actor: 'system',
      target: 'worker',
      result,
      version: this.version,
      ...extra,
    } as AuditEvent;
    isolate(() => this.sink?.(record));
  }
}

import { DEFAULT_TENANT } from '../attributes.js';
import { isCount, isRecord, isSeconds } from '../rules.js';

/** What a worker says of itself at one moment. What its OpenRTC does not tell is undefined. */
export interface PoolFacts {
  readonly active: number;
  readonly draining: boolean | undefined;
  readonly version: string | undefined;
  /** Unix seconds. */
  readonly startedAt: number | undefined;
  readonly uptimeSeconds: number | undefined;
  /** Sessions started and failed in the worker's life. */
  readonly started: number | undefined;
  readonly failed: number | undefined;
  readonly tenants: Readonly<Record<string, number>> | undefined;
}

/** A session as the introspection socket lists it. */
export interface ListedSession {
  readonly id: string;
  readonly tenant: string;
  readonly agentName: string;
  readonly seconds: number;
}

/** Of which session an event tells: events carry no session id. */
export interface SessionEvent {
  readonly event: 'session_started' | 'session_finished' | 'session_failed';
  readonly tenant: string;
  readonly agentName: string;
  /** The class of the error and never its message, which can hold personal data. */
  readonly errorName: string | undefined;
}

/** One line of the metrics stream. */
export type StreamLine = { readonly seq: number; readonly schema: number } & (
  | { readonly kind: 'snapshot'; readonly facts: PoolFacts; readonly wallTime: number | undefined }
  | { readonly kind: 'event'; readonly event: SessionEvent }
  | { readonly kind: 'overflow'; readonly lost: number }
  | { readonly kind: 'unknown'; readonly name: string }
);

const count = (value: unknown) => (isCount(value) ? value : undefined);
const seconds = (value: unknown) => (isSeconds(value) ? value : undefined);
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** `runtime_snapshot()` as JSON: of the stream, or of a health endpoint. Undefined when it is none. */
export function parseSnapshot(payload: unknown): PoolFacts | undefined {
  if (!isRecord(payload) || !isCount(payload.active_sessions)) return undefined;
  const timestamp = seconds(payload.timestamp);
  const uptimeSeconds = seconds(payload.uptime_seconds);
  const tenants = payload.sessions_by_tenant;
  return {
    active: payload.active_sessions,
    draining: typeof payload.draining === 'boolean' ? payload.draining : undefined,
    version: text(payload.deployment_version),
    startedAt: timestamp === undefined || uptimeSeconds === undefined ? undefined : timestamp - uptimeSeconds,
    uptimeSeconds,
    started: count(payload.total_sessions_started),
    failed: count(payload.total_session_failures),
    tenants: isRecord(tenants) ? (tenants as Record<string, number>) : undefined,
  };
}

/** One line of the metrics stream, schema 1 or 2. Undefined when it can not be read. */
export function parseLine(line: string): StreamLine | undefined {
  const record = parseJson(line);
  if (!isRecord(record) || !isCount(record.seq)) return undefined;
  const { seq, kind, payload } = record;
  const base = { seq, schema: Number(record.schema_version) };
  if (kind === 'snapshot') {
    const facts = parseSnapshot(payload);
    return facts && { ...base, kind, facts, wallTime: seconds(record.wall_time_unix) };
  }
  if (kind !== 'event') return { ...base, kind: 'unknown', name: `kind ${kind}` };
  if (!isRecord(payload)) return undefined;
  const { event } = payload;
  switch (event) {
    case 'session_started':
    case 'session_finished':
    case 'session_failed':
      return {
        ...base,
        kind,
        event: {
          event,
          tenant: text(payload.tenant) ?? DEFAULT_TENANT,
          agentName: text(payload.agent) ?? '',
          errorName: text(payload.error)?.match(/^[A-Za-z_][\w.]*(?=:)/)?.[0],
        },
      };
    case 'metrics_stream_overflow':
      return { ...base, kind: 'overflow', lost: count(payload.overflow_dropped) ?? 1 };
    default:
      return { ...base, kind: 'unknown', name: `event ${event}` };
  }
}

/** What the introspection socket says: `{ worker, sessions }`, or in 0.19 the bare list of sessions. */
export function parseSocketAnswer(
  line: string,
): { readonly facts: PoolFacts; readonly sessions: readonly ListedSession[] } | undefined {
  const answer = parseJson(line);
  const worker = isRecord(answer) && isRecord(answer.worker) ? answer.worker : {};
  const rows = isRecord(answer) ? answer.sessions : answer;
  if (!Array.isArray(rows)) return undefined;
  const sessions = rows.filter(isRecord).flatMap((row) => {
    const id = text(row.session_id);
    const tenant = text(row.tenant) ?? DEFAULT_TENANT;
    return id === undefined
      ? []
      : [{ id, tenant, agentName: text(row.agent_name) ?? '', seconds: seconds(row.duration_s) ?? 0 }];
  });
  const facts = {
    active: count(worker.active_sessions) ?? sessions.length,
    draining: typeof worker.draining === 'boolean' ? worker.draining : undefined,
    version: undefined,
    startedAt: undefined,
    uptimeSeconds: seconds(worker.uptime_s),
    started: count(worker.started),
    failed: count(worker.failed),
    tenants: countByTenant(sessions),
  };
  return { facts, sessions };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function countByTenant(sessions: readonly ListedSession[]): Record<string, number> {
  const counts: Record<string, number> = Object.create(null);
  for (const { tenant } of sessions) counts[tenant] = (counts[tenant] ?? 0) + 1;
  return counts;
}

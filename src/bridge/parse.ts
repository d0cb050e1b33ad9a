import { DEFAULT_TENANT } from '../attributes.js';
import { isCount, isRecord, isSeconds } from '../lib/validate.js';

/** What a worker says of itself at one moment. What its OpenRTC does not report is undefined. */
export interface PoolFacts {
  readonly active: number;
  readonly draining?: boolean | undefined;
  readonly version?: string | undefined;
  /** Unix seconds. */
  readonly startedAt?: number | undefined;
  readonly uptimeSeconds?: number | undefined;
  /** Sessions started and failed in the worker's life. */
  readonly started?: number | undefined;
  readonly failed?: number | undefined;
  readonly tenants?: Readonly<Record<string, number>> | undefined;
  /** Whether sessions run in processes of their own, where that is known. */
  readonly hasJobProcesses?: boolean | undefined;
}

/** A session as the introspection socket lists it. */
export interface ListedSession {
  readonly id: string;
  readonly tenant: string;
  readonly agentName: string;
  readonly seconds: number;
}

/** A session started or ended. Events carry no session id. */
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
  | { readonly kind: 'unknown' }
);

const countOf = (value: unknown) => (isCount(value) ? value : undefined);
const secondsOf = (value: unknown) => (isSeconds(value) ? value : undefined);
const flagOf = (value: unknown) => (typeof value === 'boolean' ? value : undefined);
const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** `runtime_snapshot()` as JSON: of the stream, or of a health endpoint. Undefined when it is none. */
export function parseSnapshot(payload: unknown): PoolFacts | undefined {
  if (!isRecord(payload) || !isCount(payload.active_sessions)) return undefined;
  const timestamp = secondsOf(payload.timestamp);
  const uptimeSeconds = secondsOf(payload.uptime_seconds);
  const tenants = payload.sessions_by_tenant;
  return {
    active: payload.active_sessions,
    draining: flagOf(payload.draining),
    version: textOf(payload.deployment_version),
    startedAt: timestamp === undefined || uptimeSeconds === undefined ? undefined : timestamp - uptimeSeconds,
    uptimeSeconds,
    started: countOf(payload.total_sessions_started),
    failed: countOf(payload.total_session_failures),
    tenants: isRecord(tenants) ? (tenants as Record<string, number>) : undefined,
  };
}

/** One line of the metrics stream, schema 1 or 2. Undefined when it cannot be read. */
export function parseLine(line: string): StreamLine | undefined {
  const record = parseJson(line);
  if (!isRecord(record) || !isCount(record.seq)) return undefined;
  const { seq, kind, payload } = record;
  const base = { seq, schema: Number(record.schema_version) };
  if (kind === 'snapshot') {
    const facts = parseSnapshot(payload);
    return facts && { ...base, kind, facts, wallTime: secondsOf(record.wall_time_unix) };
  }
  if (kind !== 'event') return { ...base, kind: 'unknown' };
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
          tenant: textOf(payload.tenant) ?? DEFAULT_TENANT,
          agentName: textOf(payload.agent) ?? '',
          errorName: textOf(payload.error)?.match(/^[A-Za-z_][\w.]*(?=:)/)?.[0],
        },
      };
    case 'metrics_stream_overflow':
      return { ...base, kind: 'overflow', lost: countOf(payload.overflow_dropped) ?? 1 };
    default:
      return { ...base, kind: 'unknown' };
  }
}

/** What the introspection socket says of its worker. */
export interface SocketFacts {
  readonly facts: PoolFacts;
  readonly sessions: readonly ListedSession[];
  /** What is not as in the versions that were seen. */
  readonly oddities: readonly string[];
}

/** Reads an answer of the introspection socket: `{ worker, sessions }`, or in 0.19 the bare list of sessions. */
export function parseSocketAnswer(line: string): SocketFacts | undefined {
  const answer = parseJson(line);
  const worker = isRecord(answer) && isRecord(answer.worker) ? answer.worker : undefined;
  const rows = isRecord(answer) ? answer.sessions : answer;
  if (!Array.isArray(rows)) return undefined;
  const sessions = rows.filter(isRecord).flatMap((row) => {
    const id = textOf(row.session_id);
    const tenant = textOf(row.tenant) ?? DEFAULT_TENANT;
    return id === undefined
      ? []
      : [{ id, tenant, agentName: textOf(row.agent_name) ?? '', seconds: secondsOf(row.duration_s) ?? 0 }];
  });
  const active = countOf(worker?.active_sessions);
  const facts = {
    // A row that cannot be read is a session all the same.
    active: Math.max(active ?? 0, rows.length),
    draining: flagOf(worker?.draining),
    uptimeSeconds: secondsOf(worker?.uptime_s),
    started: countOf(worker?.started),
    failed: countOf(worker?.failed),
    tenants: countByTenant(sessions),
  };
  const facets = [facts.draining, facts.uptimeSeconds, facts.started, facts.failed, active];
  const oddities = [
    sessions.length < rows.length && 'sessions without an id: they are counted, and have no spans',
    active !== undefined &&
      active !== rows.length &&
      'it counts other sessions than it lists: the higher number is taken',
    // Of 0.19 it is the bare list.
    isRecord(answer) && facets.includes(undefined) && 'facts of its worker are missing: the others are read',
  ];
  return { facts, sessions, oddities: oddities.filter((oddity) => oddity !== false) };
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

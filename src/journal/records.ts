import { crc32 } from 'node:zlib';
import {
  type Attributes,
  type HrTime,
  INVALID_SPAN_CONTEXT,
  type SpanKind,
  TraceFlags,
} from '@opentelemetry/api';
import {
  label,
  REJECTION_REASONS,
  type RejectionReason,
  SESSION_OUTCOMES,
  type SessionOutcome,
} from '../attributes.js';
import type { Environment } from '../environment.js';
import type { Told } from '../outputs.js';
import { isRecord, isSeconds } from '../rules.js';
import type { LiveSession } from '../sessions.js';
import type { Totals, WorkerIdentity } from '../worker.js';

/** A journal of another format is left to the version of this package that knows it. */
export const FORMAT = 1;

/** Who speaks, and what was so when the journal was last rewritten. */
export interface WorkerRecord {
  readonly format: typeof FORMAT;
  /** Of the journal, so that a copy of it speaks for nobody. */
  readonly name: string;
  readonly boot: string;
  readonly identity: WorkerIdentity;
  /** What the worker's environment gives the resource. */
  readonly resource: Attributes;
  readonly temporality: Environment['temporality'];
  readonly spanKind: SpanKind;
  readonly totals: Totals;
  /** What the pool had counted before it was instrumented. */
  readonly countedBefore: Totals;
}

/** A session, without anything that is not exported anyway. */
export interface JournaledSession {
  readonly id: string;
  readonly tenant: string;
  readonly agentName?: string | undefined;
  /** Unix ms. */
  readonly startedAt: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** What the pool last said of itself. */
export interface Facts {
  readonly draining?: boolean | undefined;
  /** Unix ms. */
  readonly drainingSince?: number | undefined;
  readonly drainTimeoutSeconds?: number | undefined;
  readonly intervalSeconds: number;
  readonly tenants: readonly string[];
}

/** What every record of the worker tells, so that the last one is enough to know how many sessions were active. */
interface Sign {
  /** When it was written, in Unix ms. */
  readonly at: number;
  /** Sessions it was told of that are live after it. */
  readonly live: number;
  /** Active sessions that nobody told of, if any; negative where told ones ended without a word. */
  readonly untold?: number | undefined;
}

export type WorkersRecord = Sign &
  (
    | { readonly kind: 'worker'; readonly worker: WorkerRecord }
    | { readonly kind: 'start'; readonly session: JournaledSession }
    | { readonly kind: 'end'; readonly id: string; readonly outcome: SessionOutcome }
    | { readonly kind: 'reject'; readonly reason: RejectionReason }
    | { readonly kind: 'facts'; readonly facts: Facts }
    | { readonly kind: 'report'; readonly told: Told }
    | { readonly kind: 'alive' }
    | { readonly kind: 'goodbye'; readonly drainElapsedSeconds: number }
  );

/** What is written by whoever says the goodbye. */
export type RecoverersRecord =
  /** From now on the goodbye may have been said, with this time. */
  | { readonly kind: 'saying'; readonly at: number }
  /** The goodbye has arrived; what may be left are spans. */
  | { readonly kind: 'said' };

export type JournalRecord = WorkersRecord | RecoverersRecord;

export function startRecord(session: LiveSession, sign: Sign): WorkersRecord {
  const { id, tenant, agentName, startedAt, span } = session;
  const { traceId, spanId, traceFlags } = span.spanContext?.() ?? INVALID_SPAN_CONTEXT;
  const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  const ids = { traceId, spanId, isSampled };
  const journaled = { id: label(id), tenant, agentName, startedAt: startedAt.getTime(), ...ids };
  return { kind: 'start', ...sign, session: journaled };
}

/** A record as a line: the checksum of what follows it, and JSON. */
export function toLine(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

/** What a line says; undefined where it is damaged. */
export function fromLine(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) return undefined;
  try {
    const record: unknown = JSON.parse(json);
    return isJournalRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

type Is = (value: unknown) => boolean;

const isText: Is = (value) => typeof value === 'string' && value !== '';
const isBoolean: Is = (value) => typeof value === 'boolean';
const isWhole: Is = (value) => Number.isSafeInteger(value);
const isCount: Is = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const LATEST_TIME = 8.64e15;
const isTime: Is = (value) => Number.isFinite(value) && Number(value) >= 0 && Number(value) <= LATEST_TIME;
const isHrTime: Is = (value) =>
  Array.isArray(value) && value.length === 2 && (value as HrTime).every(isCount);
const isAttributes: Is = (value) =>
  isRecord(value) && Object.values(value).every((item) => /string|number|boolean/.test(typeof item));
const oneOf =
  (values: readonly unknown[]): Is =>
  (value) =>
    values.includes(value);
const optional =
  (is: Is): Is =>
  (value) =>
    value === undefined || is(value);
const shape =
  (members: Readonly<Record<string, Is>>): Is =>
  (value) =>
    isRecord(value) && Object.entries(members).every(([name, is]) => is(value[name]));
const countsOf = (names: readonly string[]) =>
  shape(Object.fromEntries(names.map((name) => [name, isCount])));

const isTotals = shape({
  started: isCount,
  ended: countsOf(SESSION_OUTCOMES),
  rejected: countsOf(REJECTION_REASONS),
});

const isWorker = shape({
  // Of another format nothing else can be expected.
  format: isCount,
  name: isText,
  boot: isText,
  identity: shape({
    poolName: isText,
    workerId: isText,
    version: isText,
    startedAt: isTime,
    attributes: isAttributes,
  }),
  resource: isAttributes,
  temporality: oneOf(['cumulative', 'delta', 'lowmemory']),
  spanKind: oneOf([0, 1, 2, 3, 4]),
  totals: isTotals,
  countedBefore: isTotals,
});

const isSession = shape({
  id: (value) => typeof value === 'string',
  tenant: (value) => typeof value === 'string',
  agentName: optional((value) => typeof value === 'string'),
  startedAt: isTime,
  traceId: isText,
  spanId: isText,
  isSampled: isBoolean,
});

const isFacts = shape({
  draining: optional(isBoolean),
  drainingSince: optional(isTime),
  drainTimeoutSeconds: optional(isSeconds),
  intervalSeconds: isSeconds,
  tenants: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
});

const SIGN = { at: isTime, live: isCount, untold: optional(isWhole) };
const KINDS: Readonly<Record<JournalRecord['kind'], Is>> = {
  worker: shape({ ...SIGN, worker: isWorker }),
  start: shape({ ...SIGN, session: isSession }),
  end: shape({ ...SIGN, id: (value) => typeof value === 'string', outcome: oneOf(SESSION_OUTCOMES) }),
  reject: shape({ ...SIGN, reason: oneOf(REJECTION_REASONS) }),
  facts: shape({ ...SIGN, facts: isFacts }),
  report: shape({
    ...SIGN,
    told: shape({ sumsStart: isHrTime, time: isHrTime, totals: isTotals }),
  }),
  alive: shape(SIGN),
  goodbye: shape({ ...SIGN, drainElapsedSeconds: isSeconds }),
  saying: shape({ at: isTime }),
  said: isRecord,
};

function isJournalRecord(value: unknown): value is JournalRecord {
  if (!isRecord(value) || typeof value.kind !== 'string' || !Object.hasOwn(KINDS, value.kind)) return false;
  return KINDS[value.kind as JournalRecord['kind']](value);
}

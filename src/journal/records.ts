import { crc32 } from 'node:zlib';
import { type Attributes, INVALID_SPAN_CONTEXT, type SpanKind, TraceFlags } from '@opentelemetry/api';
import {
  attributeValue,
  METRIC_KEYS,
  METRICS,
  type Metric,
  type MetricKey,
  type Report,
} from '../attributes.js';
import { isCount, isRecord } from '../lib/validate.js';
import type { LiveSession } from '../worker/sessions.js';
import type { WorkerIdentity } from '../worker/worker.js';

/**
 * A journal is text, a record a line: the CRC-32 of what follows as eight hexadecimal digits, a space, and JSON with
 * `kind` and
 *
 *     worker    worker    whose journal it is and where, with what the goodbye and the spans need; the first line
 *     report    values    the gauges by their keys in the table; when one changes, else each second
 *     start     session   a session started
 *     end       id        and ended
 *     goodbye   at        from now on the goodbye may have been sent, with this time; written by whoever sends it
 *     arrived             the goodbye has arrived; what may be left are spans
 *
 * The first four also have `at` (Unix ms) and the numbers of sessions that are `active` (where that is known) and that
 * were `dropped` after them: the last line that can be read is enough to count what a killed worker lost, whatever is damaged before it.
 * A file is rewritten before it grows too long: its first line then has `live`, how many `start` lines belong to it.
 */
export type JournalRecord =
  | (Sign &
      (
        | { readonly kind: 'worker'; readonly worker: JournaledWorker; readonly live: number }
        | { readonly kind: 'report'; readonly values: Values }
        | { readonly kind: 'start'; readonly session: JournaledSession }
        | { readonly kind: 'end'; readonly id: string }
      ))
  | { readonly kind: 'goodbye'; readonly at: number }
  | { readonly kind: 'arrived' };

/** A journal of another format is left to the version of this package that knows it. */
export const FORMAT = 2;

/** When the worker wrote a record, and what it lost if it was killed right after. */
export interface Sign {
  /** Unix ms. */
  readonly at: number;
  /** Undefined where the pool never told. */
  readonly active?: number | undefined;
  readonly dropped: number;
}

export interface JournaledWorker {
  readonly format: typeof FORMAT;
  /** Of the journal, so that a copy of it speaks for nobody. */
  readonly name: string;
  readonly boot: string;
  readonly place: Place;
  readonly identity: WorkerIdentity;
  /** What the worker's environment gives the resource. */
  readonly resource: Attributes;
  readonly spanKind: SpanKind;
}

/**
 * Where a worker writes: the device, and there the inodes of its folder, its socket and the journal itself. A copy has
 * others. The folder, when it is moved, keeps them.
 */
interface Place {
  readonly device: string;
  readonly folder: string;
  readonly socket: string;
  readonly file: string;
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

/** The gauges of a report, but for those of its sign. */
export type Values = Partial<Report>;

const OF_SIGN: readonly MetricKey[] = ['active', 'dropped', 'running'];
const GAUGES = METRIC_KEYS.filter((key) => METRICS[key].kind === 'gauge' && !OF_SIGN.includes(key));

export const gaugesOf = (report: Report): Values =>
  Object.fromEntries(GAUGES.map((key) => [key, report[key]]));

export function toSession({ id, tenant, agentName, startedAt, span }: LiveSession): JournaledSession {
  const { traceId, spanId, traceFlags } = span.spanContext?.() ?? INVALID_SPAN_CONTEXT;
  const ids = { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
  return { id: attributeValue(id), tenant, agentName, startedAt: startedAt.getTime(), ...ids };
}

const checksum = (json: string) => crc32(json).toString(16).padStart(8, '0');

export function toLine(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** What a line holds; undefined where it is damaged. */
export function fromLine(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || checksum(json) !== line.slice(0, 8)) return undefined;
  try {
    const record: unknown = JSON.parse(json);
    return isJournalRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

type Is = (value: unknown) => boolean;

const isString: Is = (value) => typeof value === 'string';
const isName: Is = (value) => isString(value) && value !== '';
const LATEST_TIME = 8.64e15;
const isTime: Is = (value) => Number.isFinite(value) && Number(value) >= 0 && Number(value) <= LATEST_TIME;
const isAttributes: Is = (value) =>
  isRecord(value) && Object.values(value).every((item) => /string|number|boolean/.test(typeof item));
const shape =
  (members: Readonly<Record<string, Is>>): Is =>
  (value) =>
    isRecord(value) && Object.entries(members).every(([name, is]) => is(value[name]));

const isValue = (metric: Metric, value: unknown): boolean => {
  if (!metric.by) return Number.isFinite(value) && metric.isPlausible(Number(value));
  return (
    Array.isArray(value) && value.every(([label, count]) => isString(label) && metric.isPlausible(count))
  );
};
const isValues: Is = (value) =>
  isRecord(value) &&
  GAUGES.every((key) => value[key] === undefined || isValue(METRICS[key], value[key])) &&
  Object.keys(value).every((key) => GAUGES.includes(key as MetricKey));

const isWorker = shape({
  // Of another format nothing else can be expected.
  format: isCount,
  name: isName,
  boot: isName,
  place: shape({ device: isName, folder: isName, socket: isName, file: isName }),
  identity: shape({
    poolName: isName,
    workerId: isName,
    version: isName,
    startedAt: isTime,
    attributes: isAttributes,
  }),
  resource: isAttributes,
  spanKind: (value) => [0, 1, 2, 3, 4].includes(Number(value)),
});

const isSession = shape({
  id: isString,
  tenant: isString,
  agentName: (value) => value === undefined || isString(value),
  startedAt: isTime,
  traceId: isName,
  spanId: isName,
  isSampled: (value) => typeof value === 'boolean',
});

const SIGN = {
  at: isTime,
  active: (value: unknown) => value === undefined || isCount(value),
  dropped: isCount,
};
const KINDS: Readonly<Record<JournalRecord['kind'], Is>> = {
  worker: shape({ ...SIGN, worker: isWorker, live: isCount }),
  report: shape({ ...SIGN, values: isValues }),
  start: shape({ ...SIGN, session: isSession }),
  end: shape({ ...SIGN, id: isString }),
  goodbye: shape({ at: isTime }),
  arrived: isRecord,
};

function isJournalRecord(value: unknown): value is JournalRecord {
  if (!isRecord(value) || typeof value.kind !== 'string' || !Object.hasOwn(KINDS, value.kind)) return false;
  return KINDS[value.kind as JournalRecord['kind']](value);
}

import { inspect } from 'node:util';
import type { Type } from 'protobufjs/light.js';
import { MetricsRequest, TraceRequest } from './otlp-schema.js';

/** The two encodings of OTLP/HTTP. */
export type OtlpContentType = 'application/x-protobuf' | 'application/json';

/** The value of an attribute. `null` where the sender gave none, or a number that is not finite. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** The instrumentation scope; empty strings where the sender gave none. */
export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** One datapoint of a gauge or a sum. Other kinds of metrics are not decoded. */
export interface MetricPoint {
  /** Attributes of the resource. */
  readonly resource: Attributes;
  readonly scope: Scope;
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: 'gauge' | 'sum';
  /** Only of a sum. */
  readonly monotonic?: boolean;
  /** Only of a sum, and only where the sender gave it. */
  readonly temporality?: 'delta' | 'cumulative';
  readonly attributes: Attributes;
  /** Always finite: a point without such a value is left out. */
  readonly value: number;
  /** Unix ms, 0 where unknown. */
  readonly startTimeUnixMs: number;
  /** Unix ms, 0 where unknown. */
  readonly timeUnixMs: number;
}

const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUS_CODES = ['unset', 'ok', 'error'] as const;
const TEMPORALITIES = [undefined, 'delta', 'cumulative'] as const;

/** One ended span. Ids are lower-case hex. */
export interface SpanRecord {
  /** Attributes of the resource. */
  readonly resource: Attributes;
  readonly scope: Scope;
  readonly traceId: string;
  readonly spanId: string;
  /** Absent in a root span. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: (typeof SPAN_KINDS)[number];
  /** Unix ms. */
  readonly startTimeUnixMs: number;
  /** Unix ms. */
  readonly endTimeUnixMs: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly statusCode: (typeof STATUS_CODES)[number];
  /** Only where the sender gave one. */
  readonly statusMessage?: string;
}

/** A body that is not OTLP. The message names the field. */
export class OtlpDecodeError extends Error {
  override readonly name = 'OtlpDecodeError';
}

/**
 * The datapoints of an `ExportMetricsServiceRequest`.
 *
 * @throws {OtlpDecodeError} when the body is not one.
 */
export function decodeMetrics(body: Uint8Array, contentType: OtlpContentType): MetricPoint[] {
  const points: MetricPoint[] = [];
  for (const resourceMetrics of children(parse(body, contentType, MetricsRequest), 'resourceMetrics')) {
    const resource = attributes(child(resourceMetrics, 'resource'));
    for (const scopeMetrics of children(resourceMetrics, 'scopeMetrics')) {
      const scope = scopeOf(scopeMetrics);
      for (const metric of children(scopeMetrics, 'metrics')) {
        const kind = (['gauge', 'sum'] as const).find((name) => has(metric, name));
        if (!kind) continue;
        const data = child(metric, kind);
        const temporality = TEMPORALITIES[number(data, 'aggregationTemporality') ?? 0];
        const common = {
          resource,
          scope,
          name: text(metric, 'name'),
          unit: text(metric, 'unit'),
          description: text(metric, 'description'),
          kind,
          ...(kind === 'sum' && {
            monotonic: flag(data, 'isMonotonic'),
            ...(temporality && { temporality }),
          }),
        };
        for (const point of children(data, 'dataPoints')) {
          const value = number(point, 'asInt') ?? number(point, 'asDouble');
          if (value === undefined) continue;
          points.push({
            ...common,
            attributes: attributes(point),
            value,
            startTimeUnixMs: unixMs(point, 'startTimeUnixNano'),
            timeUnixMs: unixMs(point, 'timeUnixNano'),
          });
        }
      }
    }
  }
  return points;
}

/**
 * The spans of an `ExportTraceServiceRequest`.
 *
 * @throws {OtlpDecodeError} when the body is not one.
 */
export function decodeTraces(body: Uint8Array, contentType: OtlpContentType): SpanRecord[] {
  const spans: SpanRecord[] = [];
  for (const resourceSpans of children(parse(body, contentType, TraceRequest), 'resourceSpans')) {
    const resource = attributes(child(resourceSpans, 'resource'));
    for (const scopeSpans of children(resourceSpans, 'scopeSpans')) {
      const scope = scopeOf(scopeSpans);
      for (const span of children(scopeSpans, 'spans')) {
        const status = child(span, 'status');
        const parentSpanId = hexId(span, 'parentSpanId', 8, 'optional');
        const statusMessage = text(status, 'message');
        spans.push({
          resource,
          scope,
          ...spanContext(span),
          ...(parentSpanId && { parentSpanId }),
          name: text(span, 'name'),
          kind: SPAN_KINDS[number(span, 'kind') ?? 0] ?? 'unspecified',
          startTimeUnixMs: unixMs(span, 'startTimeUnixNano'),
          endTimeUnixMs: unixMs(span, 'endTimeUnixNano'),
          attributes: attributes(span),
          links: children(span, 'links').map(spanContext),
          events: children(span, 'events').map((event) => ({
            name: text(event, 'name'),
            attributes: attributes(event),
          })),
          statusCode: STATUS_CODES[number(status, 'code') ?? 0] ?? 'unset',
          ...(statusMessage && { statusMessage }),
        });
      }
    }
  }
  return spans;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const NUMERIC = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const NOT_FINITE = /^(NaN|-?Infinity)$/;
const INSPECT = { depth: 0, maxArrayLength: 3, maxStringLength: 50, breakLength: Number.POSITIVE_INFINITY };
const HEX = /^[0-9a-f]+$/i;

/** Attribute values nested deeper than this are refused: the sender chooses the depth, the stack pays. */
const MAX_DEPTH = 32;

/** A request message: protobufjs and JSON.parse give the same field names, the readers below the same values. */
function parse(body: Uint8Array, contentType: OtlpContentType, type: Type): object {
  let request: unknown;
  try {
    request = contentType === 'application/json' ? JSON.parse(utf8.decode(body)) : type.decode(body);
  } catch (error) {
    throw new OtlpDecodeError(`body: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return asMessage(request, type.name);
}

/** Own fields only: on the prototype a protobufjs message has defaults, that hide what was not sent. */
function get(message: object, name: string): unknown {
  return Object.hasOwn(message, name) ? ((message as Record<string, unknown>)[name] ?? undefined) : undefined;
}

function has(message: object, name: string): boolean {
  return get(message, name) !== undefined;
}

function wrong(name: string, expected: string, value: unknown): OtlpDecodeError {
  return new OtlpDecodeError(`${name}: expected ${expected}, got ${inspect(value, INSPECT)}`);
}

function asMessage(value: unknown, name: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(name, 'an object', value);
  return value;
}

function child(message: object, name: string): object {
  return asMessage(get(message, name) ?? {}, name);
}

function children(message: object, name: string): object[] {
  const value = get(message, name) ?? [];
  if (!Array.isArray(value)) throw wrong(name, 'an array', value);
  return value.map((item) => asMessage(item, name));
}

function text(message: object, name: string): string {
  const value = get(message, name) ?? '';
  if (typeof value !== 'string') throw wrong(name, 'a string', value);
  return value;
}

function flag(message: object, name: string): boolean {
  const value = get(message, name) ?? false;
  if (typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
  return value;
}

/** Undefined when absent or not finite. 64-bit integers lose what a double can not hold. */
function number(message: object, name: string): number | undefined {
  let value = get(message, name);
  // JSON holds no functions, so this is protobufjs' Long.
  if (typeof value === 'object' && value && 'toNumber' in value && typeof value.toNumber === 'function') {
    value = value.toNumber();
  }
  if (typeof value === 'string' && (NUMERIC.test(value) || NOT_FINITE.test(value))) value = Number(value);
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw wrong(name, 'a number', value);
  return Number.isFinite(value) ? value : undefined;
}

function unixMs(message: object, name: string): number {
  return (number(message, name) ?? 0) / 1e6;
}

function hexId(message: object, name: string, bytes: number, optional?: 'optional'): string {
  const value = get(message, name);
  const hex = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : text(message, name);
  if (optional && hex === '') return '';
  if (hex.length !== 2 * bytes || !HEX.test(hex)) throw wrong(name, `an id of ${bytes} bytes`, hex);
  return hex.toLowerCase();
}

function spanContext(message: object): { traceId: string; spanId: string } {
  return { traceId: hexId(message, 'traceId', 16), spanId: hexId(message, 'spanId', 8) };
}

function scopeOf(message: object): Scope {
  const scope = child(message, 'scope');
  return { name: text(scope, 'name'), version: text(scope, 'version') };
}

function attributes(message: object): Attributes {
  return keyValues(message, 'attributes', 0);
}

function keyValues(message: object, name: string, depth: number): Attributes {
  // fromEntries defines own properties: a key `__proto__` stays a key.
  return Object.fromEntries(
    children(message, name).map((pair) => [text(pair, 'key'), anyValue(child(pair, 'value'), depth + 1)]),
  );
}

function anyValue(any: object, depth: number): AttributeValue {
  if (depth > MAX_DEPTH) throw new OtlpDecodeError(`attribute: nested deeper than ${MAX_DEPTH}`);
  if (has(any, 'stringValue')) return text(any, 'stringValue');
  if (has(any, 'boolValue')) return flag(any, 'boolValue');
  if (has(any, 'arrayValue')) {
    return children(child(any, 'arrayValue'), 'values').map((value) => anyValue(value, depth + 1));
  }
  if (has(any, 'kvlistValue')) return keyValues(child(any, 'kvlistValue'), 'values', depth);
  if (has(any, 'bytesValue')) {
    const bytes = get(any, 'bytesValue');
    return new Uint8Array(
      bytes instanceof Uint8Array ? bytes : Buffer.from(text(any, 'bytesValue'), 'base64'),
    );
  }
  return number(any, 'intValue') ?? number(any, 'doubleValue') ?? null;
}

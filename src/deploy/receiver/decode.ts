import {
  child,
  children,
  flag,
  get,
  has,
  number,
  type OtlpContentType,
  OtlpDecodeError,
  OtlpTooLargeError,
  parse,
  text,
} from './message.js';
import { MetricsRequest } from './schema.js';

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

/** In the flags of a datapoint: its series has ended, and its value means nothing. */
const NO_RECORDED_VALUE = 1;

const TEMPORALITIES = [undefined, 'delta', 'cumulative'] as const;

/** Of one request. A collector sends 8,192 in a batch where nothing else is configured. */
const MAX_POINTS = 100_000;

/**
 * The datapoints of an `ExportMetricsServiceRequest`.
 *
 * @throws {OtlpTooLargeError} when there are more than 100,000.
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
        const name = text(metric, 'name');
        const unit = text(metric, 'unit');
        const description = text(metric, 'description');
        const temporality = TEMPORALITIES[number(data, 'aggregationTemporality') ?? 0];
        const ofSum = { monotonic: flag(data, 'isMonotonic'), ...(temporality && { temporality }) };
        for (const point of children(data, 'dataPoints')) {
          const value = number(point, 'asInt') ?? number(point, 'asDouble');
          if (value === undefined || (number(point, 'flags') ?? 0) & NO_RECORDED_VALUE) continue;
          if (points.length === MAX_POINTS) throw new OtlpTooLargeError(MAX_POINTS, 'datapoints');
          // Field by field: with a spread into each point a large batch takes eight times as long.
          const record: MetricPoint = {
            resource,
            scope,
            name,
            unit,
            description,
            kind,
            attributes: attributes(point),
            value,
            startTimeUnixMs: unixMs(point, 'startTimeUnixNano'),
            timeUnixMs: unixMs(point, 'timeUnixNano'),
          };
          points.push(kind === 'sum' ? Object.assign(record, ofSum) : record);
        }
      }
    }
  }
  return points;
}

/** Attribute values nested deeper than this are refused: the sender chooses the depth, the stack pays. */
const MAX_DEPTH = 32;

function unixMs(message: object, name: string): number {
  return (number(message, name) ?? 0) / 1e6;
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

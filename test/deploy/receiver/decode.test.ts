import { type Attributes, ValueType } from '@opentelemetry/api';
import {
  type ISerializer,
  JsonMetricsSerializer,
  ProtobufMetricsSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMetrics } from '../../../src/deploy/receiver/decode.js';
import { OtlpDecodeError } from '../../../src/deploy/receiver/message.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const SEED = { seed: 20_240_601 };

class Reader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

const resource = resourceFromAttributes({ 'service.name': 'voice', 'process.pid': 7 });

/** Of metrics the SDK sends more kinds of values than the API's types allow. */
const VALUES = {
  string: 'ünïcode ☎',
  empty: '',
  int: -42,
  zero: 0,
  big: 2 ** 40 + 1,
  double: 0.1,
  yes: true,
  no: false,
  list: ['a', 'b'],
  none: [],
  constructor: 'c',
  nested: { list: [1, { deep: ['x', 2.5, false] }], empty: {} },
  bytes: new Uint8Array([0, 1, 254, 255]),
} as unknown as Attributes;

async function collect(temporality = AggregationTemporality.CUMULATIVE): Promise<ResourceMetrics> {
  const reader = new Reader({ aggregationTemporalitySelector: () => temporality });
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter('scope', '1.2.3');
  meter
    .createObservableGauge('gauge.double', { unit: 's', description: 'A gauge.' })
    .addCallback((result) => {
      result.observe(1.5, VALUES);
      result.observe(0, { at: 'zero' });
      result.observe(-3.25);
    });
  meter
    .createObservableGauge('gauge.int', { valueType: ValueType.INT })
    .addCallback((r) => r.observe(2 ** 45 + 1));
  meter.createCounter('sum', { unit: '{call}' }).add(3, { outcome: 'success' });
  meter.createUpDownCounter('updown', { valueType: ValueType.INT }).add(-2);
  meter.createHistogram('histogram').record(1);
  return (await reader.collect()).resourceMetrics;
}

function encode<T>(serializer: ISerializer<T, unknown>, request: T): Uint8Array {
  const body = serializer.serializeRequest(request);
  if (!body) throw new Error('not serialized');
  return body;
}

const jsonBody = (request: unknown) => new TextEncoder().encode(JSON.stringify(request));

const metricsOf = (metric: unknown) =>
  jsonBody({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
const gaugeOf = (point: unknown) => metricsOf({ name: 'm', gauge: { dataPoints: [point] } });
const attributeOf = (value: unknown) => gaugeOf({ asInt: 1, attributes: [{ key: 'k', value }] });
const decodeAttribute = (value: unknown) => decodeMetrics(attributeOf(value), JSON_TYPE)[0]?.attributes;

describe('decodeMetrics', () => {
  it('gives what the SDK sent', async () => {
    const points = decodeMetrics(encode(ProtobufMetricsSerializer, await collect()), PROTOBUF);
    expect(points.map(({ name, value }) => [name, value])).toEqual([
      ['gauge.double', 1.5],
      ['gauge.double', 0],
      ['gauge.double', -3.25],
      ['gauge.int', 2 ** 45 + 1],
      ['sum', 3],
      ['updown', -2],
    ]);
    const [gauge, , bare, , sum, updown] = points;
    expect(gauge).toEqual({
      resource: { 'service.name': 'voice', 'process.pid': 7 },
      scope: { name: 'scope', version: '1.2.3' },
      name: 'gauge.double',
      unit: 's',
      description: 'A gauge.',
      kind: 'gauge',
      attributes: VALUES,
      value: 1.5,
      startTimeUnixMs: expect.any(Number),
      timeUnixMs: expect.any(Number),
    });
    expect(Math.abs(Date.now() - (gauge?.timeUnixMs ?? 0))).toBeLessThan(60_000);
    expect(bare).toMatchObject({ attributes: {}, unit: 's' });
    expect(sum).toMatchObject({ kind: 'sum', monotonic: true, temporality: 'cumulative', unit: '{call}' });
    expect(updown).toMatchObject({ kind: 'sum', monotonic: false, temporality: 'cumulative', unit: '' });
  });

  it.each([
    ['cumulative', AggregationTemporality.CUMULATIVE],
    ['delta', AggregationTemporality.DELTA],
  ])('gives the same from protobuf and JSON, %s', async (temporality, selected) => {
    const metrics = await collect(selected);
    const points = decodeMetrics(encode(ProtobufMetricsSerializer, metrics), PROTOBUF);
    expect(decodeMetrics(encode(JsonMetricsSerializer, metrics), JSON_TYPE)).toEqual(points);
    expect(points.find(({ name }) => name === 'sum')?.temporality).toBe(temporality);
  });

  it('reads 64-bit integers and doubles as JSON strings, and as numbers', () => {
    const time = { timeUnixNano: '1700000000123456789', startTimeUnixNano: 1_700_000_000_000_000_000 };
    expect(decodeMetrics(gaugeOf({ ...time, asInt: '-12' }), JSON_TYPE)).toMatchObject([
      { value: -12, timeUnixMs: 1_700_000_000_123.4568, startTimeUnixMs: 1_700_000_000_000 },
    ]);
    expect(decodeMetrics(gaugeOf({ asDouble: '1.5e3' }), JSON_TYPE)).toMatchObject([{ value: 1500 }]);
    expect(decodeAttribute({ intValue: '9' })).toEqual({ k: 9 });
    expect(decodeAttribute({})).toEqual({ k: null });
  });

  it('has nothing in an empty request', () => {
    expect(decodeMetrics(new Uint8Array(), PROTOBUF)).toEqual([]);
    expect(decodeMetrics(jsonBody({}), JSON_TYPE)).toEqual([]);
    expect(decodeMetrics(jsonBody({ resourceMetrics: null, future: [1] }), JSON_TYPE)).toEqual([]);
  });

  it('leaves out points without a finite value', async () => {
    for (const asDouble of ['NaN', 'Infinity', '-Infinity', null]) {
      expect(decodeMetrics(gaugeOf({ asDouble }), JSON_TYPE)).toEqual([]);
    }
    // Of a series that has ended.
    expect(decodeMetrics(gaugeOf({ flags: 1, asInt: 0 }), JSON_TYPE)).toEqual([]);
    expect(decodeMetrics(gaugeOf({ flags: 2, asInt: 0 }), JSON_TYPE)).toHaveLength(1);
    const metrics = await collect();
    Object.assign(metrics.scopeMetrics[0]?.metrics[0]?.dataPoints[1] ?? {}, { value: Number.NaN });
    const points = decodeMetrics(encode(ProtobufMetricsSerializer, metrics), PROTOBUF);
    expect(points.map(({ value }) => value)).toEqual([1.5, -3.25, 2 ** 45 + 1, 3, -2]);
    expect(decodeAttribute({ doubleValue: 'NaN' })).toEqual({ k: null });
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{"resourceMetrics":')],
    ['no UTF-8', Buffer.from('{"future":"\xff"}', 'latin1')],
    ['an array', jsonBody([])],
    ['null', jsonBody(null)],
    ['a number', jsonBody(1)],
    ['a list that is an object', jsonBody({ resourceMetrics: { length: 1 } })],
    ['a list of null', jsonBody({ resourceMetrics: [null] })],
    ['a list of lists', jsonBody({ resourceMetrics: [[]] })],
    ['a gauge that is text', metricsOf({ name: 'm', gauge: 'x' })],
    ['a name that is a number', metricsOf({ name: 1, gauge: {} })],
    ['a value that is text', gaugeOf({ asInt: 'many' })],
    ['a value that is empty text', gaugeOf({ asDouble: '' })],
    ['a value that is hex', gaugeOf({ asInt: '0x10' })],
    ['a value that is true', gaugeOf({ asInt: true })],
    ['a value that says it is a Long', gaugeOf({ asInt: { toNumber: 1 } })],
    ['a time that is a list', gaugeOf({ asInt: 1, timeUnixNano: [1] })],
    ['a flag that is a number', metricsOf({ name: 'm', sum: { isMonotonic: 1 } })],
    ['an attribute that is bare', attributeOf('text')],
    ['a text attribute that is a number', attributeOf({ stringValue: 1 })],
    ['a nested value that is null', attributeOf({ arrayValue: { values: [null] } })],
  ])('refuses %s', (_, body) => {
    expect(() => decodeMetrics(body, JSON_TYPE)).toThrow(OtlpDecodeError);
  });

  it('refuses a name that is no UTF-8 in protobuf', () => {
    const metric = (byte: number) => new Uint8Array([0x0a, 7, 0x12, 5, 0x12, 3, 0x0a, 1, byte]);
    expect(decodeMetrics(metric(0x61), PROTOBUF)).toEqual([]);
    expect(() => decodeMetrics(metric(0xff), PROTOBUF)).toThrow(OtlpDecodeError);
  });

  it('names the field and what it got', () => {
    expect(() => decodeMetrics(gaugeOf({ asInt: 'many' }), JSON_TYPE)).toThrow(
      "asInt: expected a number, got 'many'",
    );
  });

  it('keeps __proto__ as a key', () => {
    const pairs = [
      { key: '__proto__', value: { kvlistValue: { values: [{ key: 'polluted', value: {} }] } } },
    ];
    const [point] = decodeMetrics(gaugeOf({ asInt: 1, attributes: pairs }), JSON_TYPE);
    expect(Object.keys(point?.attributes ?? {})).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(point?.attributes)).toBe(Object.prototype);
    expect({}).not.toHaveProperty('polluted');
  });

  it.each([JSON_TYPE, PROTOBUF] as const)('bounds the depth of attributes in %s', async (contentType) => {
    const serializer = contentType === PROTOBUF ? ProtobufMetricsSerializer : JsonMetricsSerializer;
    const metrics = await collect();
    const decodeNested = (depth: number) => {
      let value: unknown = 'leaf';
      for (let i = 0; i < depth; i += 1) value = i % 2 ? [value] : { key: value };
      for (const { metrics: list } of metrics.scopeMetrics) {
        for (const { dataPoints } of list) {
          for (const point of dataPoints) Object.assign(point, { attributes: { value } });
        }
      }
      return decodeMetrics(encode(serializer, metrics), contentType);
    };
    expect(decodeNested(20)).toHaveLength(6);
    expect(() => decodeNested(33)).toThrow(OtlpDecodeError);
    expect(() => decodeNested(500)).toThrow(OtlpDecodeError);
  });

  it('survives JSON nested deeper than any stack', () => {
    const deep = `{"arrayValue":{"values":[`.repeat(100_000);
    const body = new TextDecoder().decode(attributeOf('here')).replace('"here"', deep);
    expect(() => decodeMetrics(new TextEncoder().encode(body), JSON_TYPE)).toThrow(OtlpDecodeError);
  });
});

describe('junk', () => {
  /** Whatever comes in: finite numbers out, or the one error. */
  function decodeAny(body: Uint8Array) {
    for (const contentType of [PROTOBUF, JSON_TYPE] as const) {
      try {
        for (const record of decodeMetrics(body, contentType)) {
          const numbers = Object.values(record).filter((value) => typeof value === 'number');
          expect(numbers.every(Number.isFinite)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(OtlpDecodeError);
      }
    }
  }

  it('is refused as random bytes and as random JSON', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decodeAny), { ...SEED, numRuns: 500 });
    fc.assert(
      fc.property(fc.json(), (json) => decodeAny(new TextEncoder().encode(json))),
      { ...SEED, numRuns: 300 },
    );
  });

  it('is refused when a real request is damaged', async () => {
    const metrics = await collect();
    const bodies = [encode(ProtobufMetricsSerializer, metrics), encode(JsonMetricsSerializer, metrics)];
    fc.assert(
      fc.property(fc.constantFrom(...bodies), fc.nat(), fc.nat(255), (body, position, byte) => {
        const damaged = body.slice();
        damaged[position % body.length] = byte;
        decodeAny(damaged);
        decodeAny(body.subarray(0, position % body.length));
      }),
      { ...SEED, numRuns: 800 },
    );
  });
});

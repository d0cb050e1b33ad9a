import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { decodeMetrics } from '../../../src/deploy/receiver/decode.js';
import { type OtlpContentType, OtlpTooLargeError } from '../../../src/deploy/receiver/message.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** A field that holds a message, so many times. */
function field(id: number, content: Uint8Array, times = 1): Buffer {
  const one = protobuf.Writer.create()
    .uint32(id * 8 + 2)
    .bytes(content)
    .finish();
  return Buffer.concat(Array.from({ length: times }, () => one));
}

const text = (value: string) => field(1, Buffer.from(value));
const ONE = Buffer.from([0x31, 1, 0, 0, 0, 0, 0, 0, 0]);
const ATTRIBUTE = field(7, Buffer.concat([text('some.attribute'), field(2, text('its value'))]));
const NOTHING = new Uint8Array();
/** So many datapoints in one gauge. */
const gauge = (point: Uint8Array, times: number) =>
  field(1, field(2, field(2, Buffer.concat([text('m'), field(5, field(1, point, times))]))));

const jsonGauge = (point: string, times: number) => {
  const dataPoints = Array.from({ length: times }, () => point).join(',');
  return Buffer.from(
    `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[${dataPoints}]}}]}]}]}`,
  );
};
const JSON_ATTRIBUTE = '{"key":"some.attribute","value":{"stringValue":"its value"}}';

describe('a request', () => {
  it.each<[string, OtlpContentType, Buffer]>([
    ['protobuf', PROTOBUF, gauge(Buffer.concat([ONE, ...Array.from({ length: 20 }, () => ATTRIBUTE)]), 8192)],
    [
      'JSON',
      JSON_TYPE,
      jsonGauge(
        `{"asInt":"1","attributes":[${Array.from({ length: 20 }, () => JSON_ATTRIBUTE).join(',')}]}`,
        8192,
      ),
    ],
  ])('of 8,192 datapoints with 20 attributes each is taken in %s', (_, contentType, body) => {
    expect(decodeMetrics(body, contentType)).toHaveLength(8192);
  });

  const json = (content: string) => Buffer.from(`{"future":[${content}]}`);
  it.each<[string, OtlpContentType, Buffer]>([
    ['1.4 million datapoints', PROTOBUF, gauge(ONE, 1_400_000)],
    ['a million attributes', PROTOBUF, gauge(field(7, NOTHING, 1_000_000), 1)],
    ['a million resources', PROTOBUF, field(1, NOTHING, 1_000_001)],
    ['a million names of one metric', PROTOBUF, field(1, field(2, field(2, field(1, NOTHING, 1_000_000))))],
    ['eight million unknown fields', PROTOBUF, Buffer.alloc(16 * 1024 * 1024, Buffer.from([0x78, 1]))],
    ['1.4 million datapoints in JSON', JSON_TYPE, jsonGauge('{"asInt":1}', 1_400_000)],
    ['five million empty objects', JSON_TYPE, json(`${'{},'.repeat(5_000_000)}{}`)],
    ['two million empty lists', JSON_TYPE, json(`${'[],'.repeat(2_000_000)}[]`)],
    ['eight million numbers', JSON_TYPE, json(`${'1,'.repeat(8_000_000)}1`)],
    ['eight million lists in each other', JSON_TYPE, Buffer.alloc(8_000_000, '[')],
  ])('of %s is refused', (_, contentType, body) => {
    expect(() => decodeMetrics(body, contentType)).toThrow(OtlpTooLargeError);
  });

  it('of more than 100,000 datapoints is refused', () => {
    expect(decodeMetrics(gauge(ONE, 100_000), PROTOBUF)).toHaveLength(100_000);
    expect(() => decodeMetrics(gauge(ONE, 100_001), PROTOBUF)).toThrow('body: more than 100,000 datapoints');
  });
});

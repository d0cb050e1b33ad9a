import { type Attributes, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  type ISerializer,
  JsonTraceSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { decodeTraces } from './decode-traces.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const resource = resourceFromAttributes({ 'service.name': 'voice', 'process.pid': 7 });

const SPAN_VALUES: Attributes = {
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
};

function spans(): ReadableSpan[] {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer('scope', '1.2.3');
  const parent = tracer.startSpan('parent', { kind: SpanKind.CONSUMER, attributes: SPAN_VALUES });
  parent.setStatus({ code: SpanStatusCode.ERROR, message: 'lost' }).addEvent('moved', { to: 'b' }).end();
  const child = { links: [{ context: parent.spanContext() }], startTime: 1_700_000_000_123 };
  tracer.startSpan('child', child, trace.setSpan(ROOT_CONTEXT, parent)).end(1_700_000_001_000.25);
  return exporter.getFinishedSpans();
}

function encode<T>(serializer: ISerializer<T, unknown>, request: T): Uint8Array {
  return serializer.serializeRequest(request) ?? expect.unreachable();
}

const jsonBody = (request: unknown) => new TextEncoder().encode(JSON.stringify(request));

describe('decodeTraces', () => {
  it('gives what the SDK sent', () => {
    const [parent, child] = decodeTraces(encode(ProtobufTraceSerializer, spans()), PROTOBUF);
    expect(parent).toEqual({
      resource: { 'service.name': 'voice', 'process.pid': 7 },
      scope: { name: 'scope', version: '1.2.3' },
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: 'parent',
      kind: 'consumer',
      startTimeUnixMs: expect.any(Number),
      endTimeUnixMs: expect.any(Number),
      attributes: SPAN_VALUES,
      links: [],
      events: [{ name: 'moved', attributes: { to: 'b' } }],
      statusCode: 'error',
      statusMessage: 'lost',
    });
    expect(child).toMatchObject({
      traceId: parent?.traceId,
      parentSpanId: parent?.spanId,
      kind: 'internal',
      startTimeUnixMs: 1_700_000_000_123,
      endTimeUnixMs: 1_700_000_001_000.25,
      links: [{ traceId: parent?.traceId, spanId: parent?.spanId }],
      statusCode: 'unset',
    });
    expect(child).not.toHaveProperty('statusMessage');
  });

  it('gives the same from protobuf and JSON', () => {
    const records = spans();
    expect(decodeTraces(encode(JsonTraceSerializer, records), JSON_TYPE)).toEqual(
      decodeTraces(encode(ProtobufTraceSerializer, records), PROTOBUF),
    );
  });

  it('reads ids of any case, and enums of tomorrow as unset', () => {
    const span = { traceId: 'AB'.repeat(16), spanId: 'cd'.repeat(8), kind: 99, status: { code: 99 } };
    expect(
      decodeTraces(jsonBody({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }), JSON_TYPE),
    ).toMatchObject([{ traceId: 'ab'.repeat(16), kind: 'unspecified', statusCode: 'unset' }]);
  });

  it.each([
    ['no ids', {}],
    ['a short id', { traceId: 'ab', spanId: 'cd'.repeat(8) }],
    ['an id that is no hex', { traceId: 'zz'.repeat(16), spanId: 'cd'.repeat(8) }],
    ['a parent that is short', { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), parentSpanId: 'ef' }],
    ['a link without ids', { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), links: [{}] }],
  ])('refuses %s', (_, span) => {
    const body = jsonBody({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    expect(() => decodeTraces(body, JSON_TYPE)).toThrow('no id of');
  });
});

import protobuf, { type IType } from 'protobufjs/light.js';

/** A message by its fields, `name: [type, number]`; `[]` marks a repeated one. The members of `oneof` tell absent from 0. */
function message(fields: Record<string, readonly [type: string, id: number]>, oneof?: string[]): IType {
  const entries = Object.entries(fields).map(([name, [type, id]]) => {
    return [name, type.endsWith('[]') ? { rule: 'repeated', type: type.slice(0, -2), id } : { type, id }];
  });
  return {
    edition: 'proto3',
    fields: Object.fromEntries(entries),
    ...(oneof && { oneofs: { value: { oneof } } }),
  };
}

const ANY_VALUE = {
  stringValue: ['string', 1],
  boolValue: ['bool', 2],
  intValue: ['int64', 3],
  doubleValue: ['double', 4],
  arrayValue: ['ArrayValue', 5],
  kvlistValue: ['KeyValueList', 6],
  bytesValue: ['bytes', 7],
} as const;

// What is left out here (histograms, trace state, dropped counts, schema URLs) is skipped when decoding.
const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: message(ANY_VALUE, Object.keys(ANY_VALUE)),
    ArrayValue: message({ values: ['AnyValue[]', 1] }),
    KeyValueList: message({ values: ['KeyValue[]', 1] }),
    KeyValue: message({ key: ['string', 1], value: ['AnyValue', 2] }),
    Resource: message({ attributes: ['KeyValue[]', 1] }),
    InstrumentationScope: message({ name: ['string', 1], version: ['string', 2] }),

    ExportMetricsServiceRequest: message({ resourceMetrics: ['ResourceMetrics[]', 1] }),
    ResourceMetrics: message({ resource: ['Resource', 1], scopeMetrics: ['ScopeMetrics[]', 2] }),
    ScopeMetrics: message({ scope: ['InstrumentationScope', 1], metrics: ['Metric[]', 2] }),
    Metric: message({
      name: ['string', 1],
      description: ['string', 2],
      unit: ['string', 3],
      gauge: ['Gauge', 5],
      sum: ['Sum', 7],
    }),
    Gauge: message({ dataPoints: ['NumberDataPoint[]', 1] }),
    Sum: message({
      dataPoints: ['NumberDataPoint[]', 1],
      aggregationTemporality: ['int32', 2],
      isMonotonic: ['bool', 3],
    }),
    NumberDataPoint: message(
      {
        startTimeUnixNano: ['fixed64', 2],
        timeUnixNano: ['fixed64', 3],
        asDouble: ['double', 4],
        asInt: ['sfixed64', 6],
        attributes: ['KeyValue[]', 7],
      },
      ['asDouble', 'asInt'],
    ),

    ExportTraceServiceRequest: message({ resourceSpans: ['ResourceSpans[]', 1] }),
    ResourceSpans: message({ resource: ['Resource', 1], scopeSpans: ['ScopeSpans[]', 2] }),
    ScopeSpans: message({ scope: ['InstrumentationScope', 1], spans: ['Span[]', 2] }),
    Span: message({
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      parentSpanId: ['bytes', 4],
      name: ['string', 5],
      kind: ['int32', 6],
      startTimeUnixNano: ['fixed64', 7],
      endTimeUnixNano: ['fixed64', 8],
      attributes: ['KeyValue[]', 9],
      events: ['Event[]', 11],
      links: ['Link[]', 13],
      status: ['Status', 15],
    }),
    Event: message({ name: ['string', 2], attributes: ['KeyValue[]', 3] }),
    Link: message({ traceId: ['bytes', 1], spanId: ['bytes', 2] }),
    Status: message({ message: ['string', 2], code: ['int32', 3] }),
  },
});

/** The body of `POST /v1/metrics`. */
export const MetricsRequest = root.lookupType('ExportMetricsServiceRequest');
/** The body of `POST /v1/traces`. */
export const TraceRequest = root.lookupType('ExportTraceServiceRequest');

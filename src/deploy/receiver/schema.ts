import protobuf, { type IType } from 'protobufjs/light.js';

/** A message by its fields, `name: [type, number]`; `[]` marks a repeated one. Of the members of `oneof` absent is not 0. */
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

// What is left out here (histograms, dropped counts, schema URLs) is skipped when decoding.
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
        flags: ['uint32', 8],
      },
      ['asDouble', 'asInt'],
    ),
  },
});

/** The body of `POST /v1/metrics`. */
export const MetricsRequest = root.lookupType('ExportMetricsServiceRequest');

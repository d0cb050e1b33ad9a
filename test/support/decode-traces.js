import protobuf from 'protobufjs/light.js';

/** @typedef {import('openrtc-otel/deploy').Attributes} Attributes */

/**
 * One ended span. Ids are lower-case hex, times Unix ms.
 * @typedef {object} SpanRecord
 * @property {Attributes} resource
 * @property {{ readonly name: string, readonly version: string }} scope
 * @property {string} traceId
 * @property {string} spanId
 * @property {string} [parentSpanId] Absent in a root span.
 * @property {string} name
 * @property {string} kind
 * @property {number} startTimeUnixMs
 * @property {number} endTimeUnixMs
 * @property {Attributes} attributes
 * @property {readonly { readonly traceId: string, readonly spanId: string }[]} links
 * @property {readonly { readonly name: string, readonly attributes: Attributes }[]} events
 * @property {string} statusCode
 * @property {string} [statusMessage]
 */

const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_CODES = ['unset', 'ok', 'error'];

/** Fields of each message, as in the .proto files of OTLP. @type {Record<string, string[]>} */
const MESSAGES = {
  AnyValue: [
    'string stringValue 1',
    'bool boolValue 2',
    'int64 intValue 3',
    'double doubleValue 4',
    'ArrayValue arrayValue 5',
    'KeyValueList kvlistValue 6',
    'bytes bytesValue 7',
  ],
  ArrayValue: ['AnyValue[] values 1'],
  KeyValueList: ['KeyValue[] values 1'],
  KeyValue: ['string key 1', 'AnyValue value 2'],
  Resource: ['KeyValue[] attributes 1'],
  Scope: ['string name 1', 'string version 2'],
  Request: ['ResourceSpans[] resourceSpans 1'],
  ResourceSpans: ['Resource resource 1', 'ScopeSpans[] scopeSpans 2'],
  ScopeSpans: ['Scope scope 1', 'Span[] spans 2'],
  Span: [
    'bytes traceId 1',
    'bytes spanId 2',
    'bytes parentSpanId 4',
    'string name 5',
    'int32 kind 6',
    'fixed64 startTimeUnixNano 7',
    'fixed64 endTimeUnixNano 8',
    'KeyValue[] attributes 9',
    'Event[] events 11',
    'Link[] links 13',
    'Status status 15',
  ],
  Event: ['string name 2', 'KeyValue[] attributes 3'],
  Link: ['bytes traceId 1', 'bytes spanId 2'],
  Status: ['string message 2', 'int32 code 3'],
};

const root = new protobuf.Root();
for (const [name, fields] of Object.entries(MESSAGES)) {
  const type = new protobuf.Type(name);
  for (const field of fields) {
    const [kind = '', key = '', id] = field.split(' ');
    type.add(
      new protobuf.Field(
        key,
        Number(id),
        kind.replace('[]', ''),
        kind.endsWith('[]') ? 'repeated' : 'optional',
      ),
    );
  }
  if (name === 'AnyValue') type.add(new protobuf.OneOf('value', Object.keys(type.fields)));
  root.add(type);
}

/**
 * The spans of an `ExportTraceServiceRequest`.
 * @param {Uint8Array} body @param {string} contentType
 * @returns {SpanRecord[]}
 */
export function decodeTraces(body, contentType) {
  const { resourceSpans = [] } =
    contentType === 'application/json' ? JSON.parse(Buffer.from(body).toString()) : decodeProtobuf(body);
  return resourceSpans.flatMap((/** @type {any} */ { resource = {}, scopeSpans = [] }) =>
    scopeSpans.flatMap((/** @type {any} */ { scope = {}, spans = [] }) =>
      spans.map((/** @type {any} */ span) => ({
        resource: attributesOf(resource),
        scope: { name: scope.name ?? '', version: scope.version ?? '' },
        ...recordOf(span),
      })),
    ),
  );
}

/** @param {Uint8Array} body */
function decodeProtobuf(body) {
  const type = root.lookupType('Request');
  return type.toObject(type.decode(body), { longs: String });
}

/** @param {any} span */
function recordOf(span) {
  const { status = {}, links = [], events = [] } = span;
  return {
    ...context(span),
    ...(span.parentSpanId?.length > 0 && { parentSpanId: id(span.parentSpanId, 8) }),
    name: span.name ?? '',
    kind: SPAN_KINDS[span.kind ?? 0] ?? 'unspecified',
    startTimeUnixMs: Number(span.startTimeUnixNano ?? 0) / 1e6,
    endTimeUnixMs: Number(span.endTimeUnixNano ?? 0) / 1e6,
    attributes: attributesOf(span),
    links: links.map(context),
    events: events.map((/** @type {any} */ event) => ({ name: event.name, attributes: attributesOf(event) })),
    statusCode: STATUS_CODES[status.code ?? 0] ?? 'unset',
    ...(status.message && { statusMessage: status.message }),
  };
}

/** @param {{ traceId: unknown, spanId: unknown }} span */
const context = ({ traceId, spanId }) => ({ traceId: id(traceId, 16), spanId: id(spanId, 8) });

/** @param {unknown} given @param {number} bytes */
function id(given, bytes) {
  const hex = given instanceof Uint8Array ? Buffer.from(given).toString('hex') : String(given).toLowerCase();
  if (!new RegExp(`^[0-9a-f]{${2 * bytes}}$`).test(hex))
    throw new TypeError(`no id of ${bytes} bytes: ${hex}`);
  return hex;
}

/** @param {{ attributes?: readonly { key: string, value?: any }[] }} message @returns {Attributes} */
const attributesOf = ({ attributes = [] }) =>
  Object.fromEntries(attributes.map(({ key, value = {} }) => [key, anyValue(value)]));

/** @param {any} any @returns {any} */
function anyValue({ arrayValue, kvlistValue, ...any }) {
  if (arrayValue) return (arrayValue.values ?? []).map(anyValue);
  if (kvlistValue) return attributesOf({ attributes: kvlistValue.values });
  const number = any.intValue ?? any.doubleValue;
  return any.stringValue ?? any.boolValue ?? any.bytesValue ?? (number === undefined ? null : Number(number));
}

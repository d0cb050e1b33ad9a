import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import * as names from '../../../src/attributes.js';

/** What a client posts. */
export interface Input {
  readonly type: string;
  readonly encoding: string;
  readonly body: Uint8Array;
}

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const MIB = 1024 * 1024;

const METRIC_NAMES = Object.values(names.METRICS).map(({ name }) => name);

/** Bodies of a kind, some of them inflated by the receiver. */
const of = (type: string, body: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Input> =>
  fc
    .tuple(body, fc.boolean())
    .map(([bytes, isZipped]) =>
      isZipped
        ? { type, encoding: 'gzip', body: gzipSync(bytes) }
        : { type, encoding: 'identity', body: bytes },
    );

const jsonOf = (value: fc.Arbitrary<unknown>) =>
  of(
    JSON_TYPE,
    value.map((v) => Buffer.from(toJson(v))),
  );

/** Numbers that JSON has no word for, as OTLP writes them. */
const toJson = (value: unknown) =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v)) ??
  'null';

const junk = fc.oneof(
  of(PROTOBUF, fc.uint8Array({ maxLength: 500 })),
  of(JSON_TYPE, fc.uint8Array({ maxLength: 500 })),
  of(
    JSON_TYPE,
    fc.json().map((json) => Buffer.from(json)),
  ),
  fc.record({
    type: fc.constantFrom(PROTOBUF, JSON_TYPE, 'text/html', ''),
    encoding: fc.constantFrom('gzip', 'br', 'identity', 'deflate, gzip'),
    body: fc.uint8Array({ maxLength: 200 }),
  }),
);

/** A whole report that is cut off. */
const truncated = (reports: Record<'protobuf' | 'json', Uint8Array>) => {
  const cut = (body: Uint8Array) =>
    fc.integer({ min: 1, max: body.length - 1 }).map((length) => body.subarray(0, length));
  return fc.oneof(
    of(PROTOBUF, cut(reports.protobuf)),
    of(JSON_TYPE, cut(reports.json)),
    cut(gzipSync(reports.protobuf)).map((body) => ({ type: PROTOBUF, encoding: 'gzip', body })),
  );
};

/** Values in values, deeper than any stack. */
const deep = fc.oneof(
  of(
    JSON_TYPE,
    fc
      .tuple(fc.constantFrom('[', '{"a":', '{"resourceMetrics":['), fc.nat(100_000))
      .map(([open, depth]) => Buffer.from(open.repeat(depth))),
  ),
  of(
    JSON_TYPE,
    fc.oneof(fc.nat(40), fc.nat(30_000)).map((depth) => {
      const value = `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`;
      const point = `{"asInt":1,"attributes":[{"key":"k","value":${value}}]}`;
      const metric = `{"name":"m","gauge":{"dataPoints":[${point}]}}`;
      return Buffer.from(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[${metric}]}]}]}`);
    }),
  ),
  of(
    PROTOBUF,
    fc.oneof(fc.nat(40), fc.nat(3_000)).map((depth) => {
      // An AnyValue in an ArrayValue in an AnyValue …
      const path = Array.from({ length: depth }, (_, i) => (i % 2 === 0 ? 5 : 1));
      const point = Buffer.concat([field(7, nest([2, ...path], new Uint8Array())), POINT_VALUE]);
      return nest([1, 2, 2, 5, 1], point);
    }),
  ),
);
/** `as_int: 1` */
const POINT_VALUE = Buffer.from([0x31, 1, 0, 0, 0, 0, 0, 0, 0]);

function field(id: number, content: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32(id * 8 + 2)
    .bytes(content)
    .finish();
}

/** A message in the fields of others, the outermost first. */
const nest = (path: readonly number[], content: Uint8Array) =>
  path.reduceRight((inner, id) => field(id, inner), content);

/** More than is taken at once, as sent or inflated. */
const huge = fc.oneof(
  fc.constantFrom(0, 32, 0x0a).map((byte) => ({
    type: JSON_TYPE,
    encoding: 'gzip',
    body: gzipSync(Buffer.alloc(20 * MIB, byte)),
  })),
  fc.constantFrom(PROTOBUF, JSON_TYPE).map((type) => ({
    type,
    encoding: 'identity',
    body: Buffer.alloc(5 * MIB, 32),
  })),
  fc.constantFrom('{},', '[],', '1,').map((item) => ({
    type: JSON_TYPE,
    encoding: 'gzip',
    body: gzipSync(`{"resourceMetrics":[${item.repeat(1_100_000)}{}]}`),
  })),
  fc.integer({ min: 1, max: 7 }).map((id) => ({
    type: PROTOBUF,
    encoding: 'gzip',
    body: gzipSync(nest([1, 2, 2, 5], Buffer.alloc(3 * MIB, Buffer.from([id * 8 + 2, 0])))),
  })),
);

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    '\u001b[2J',
    'a\r\nb',
    '\u0000',
    '☎'.repeat(300),
    'x'.repeat(256),
  ),
);
const figure = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, 1, 2, 15, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER),
);
const attribute = (key: string) => text.map((stringValue) => ({ key, value: { stringValue } }));
const label = fc
  .constantFrom(names.TENANT_ID, names.SESSION_OUTCOME, names.REJECTION_REASON)
  .chain(attribute);

/** Reports of the right form, of workers and metrics that say what they like. */
const wild = fc.array(
  fc.record({
    name: fc.constantFrom(...METRIC_NAMES, 'other'),
    gauge: fc.record({
      dataPoints: fc.array(
        fc.record({
          attributes: fc
            .tuple(
              attribute(names.POOL_NAME),
              attribute(names.WORKER_ID),
              attribute(names.WORKER_VERSION),
              label,
            )
            .map((all) => [...all]),
          asDouble: figure,
          timeUnixNano: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n }).map(String), figure),
        }),
        { maxLength: 5 },
      ),
    }),
  }),
  { maxLength: 5 },
);
const asSums = (metrics: readonly { readonly name: string; readonly gauge: object }[], temporality: number) =>
  metrics.map(({ name, gauge }) => ({
    name,
    sum: { ...gauge, aggregationTemporality: temporality, isMonotonic: true },
  }));
const wildReports = fc.tuple(wild, fc.nat(3)).map(([metrics, temporality]) => ({
  resourceMetrics: [{ scopeMetrics: [{ metrics: [...metrics, ...asSums(metrics, temporality)] }] }],
}));

/** A real report in which one value is replaced by another of any type. */
const mistyped = (report: unknown) =>
  fc.tuple(fc.nat(), fc.oneof(fc.jsonValue(), figure, text)).map(([at, value]) => {
    let left = at % countValues(report);
    return JSON.parse(toJson(report), function (this: unknown, _, old: unknown) {
      left -= 1;
      return left === -1 ? value : old;
    });
  });

const countValues = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, one) => sum + countValues(one), 1)
    : 1;

/** Inputs that no worker can come of, and inputs that anything can come of. */
export function inputs(reports: Record<'protobuf' | 'json', Uint8Array>) {
  const nothing = [
    { weight: 10, arbitrary: junk },
    { weight: 10, arbitrary: truncated(reports) },
    { weight: 3, arbitrary: deep },
    { weight: 1, arbitrary: huge },
  ];
  const anything = [
    { weight: 10, arbitrary: jsonOf(wildReports) },
    { weight: 10, arbitrary: jsonOf(mistyped(JSON.parse(Buffer.from(reports.json).toString()))) },
    { weight: 10, arbitrary: of(PROTOBUF, damaged(reports.protobuf)) },
  ];
  return { nothing: fc.oneof(...nothing), anything: fc.oneof(...anything) };
}

/** A real report with some of its bytes changed. */
const damaged = (report: Uint8Array) =>
  fc
    .array(fc.tuple(fc.nat(report.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const body = report.slice();
      for (const [at, byte] of changes) body[at] = byte;
      return body;
    });

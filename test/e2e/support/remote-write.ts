import protobuf from 'protobufjs/light.js';

/** A series and its samples, the oldest first. Times are Unix ms. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly { readonly timestamp: number; readonly value: number }[];
}

const WriteRequest = protobuf.Root.fromJSON({
  nested: {
    WriteRequest: { fields: { timeseries: { rule: 'repeated', type: 'TimeSeries', id: 1 } } },
    TimeSeries: {
      fields: {
        labels: { rule: 'repeated', type: 'Label', id: 1 },
        samples: { rule: 'repeated', type: 'Sample', id: 2 },
      },
    },
    Label: { fields: { name: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    Sample: { fields: { value: { type: 'double', id: 1 }, timestamp: { type: 'int64', id: 2 } } },
  },
}).lookupType('WriteRequest');

/** Writes many samples at once, past ones too as long as they are no older than an hour before the newest one. */
export async function remoteWrite(url: string, timeseries: readonly Series[]): Promise<void> {
  const body = WriteRequest.encode({
    timeseries: timeseries.map(({ labels, samples }) => ({
      // Prometheus asks for sorted labels.
      labels: Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => ({ name, value })),
      samples,
    })),
  }).finish();
  const answer = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(literalSnappy(body)),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
}

const LITERAL_BYTES = 65_536;

/** The snappy format without any compression: literals of up to 64 KiB. */
function literalSnappy(body: Uint8Array): Uint8Array {
  const length = protobuf.Writer.create().uint32(body.length).finish();
  const parts: Uint8Array[] = [length];
  for (let at = 0; at < body.length; at += LITERAL_BYTES) {
    const literal = body.subarray(at, at + LITERAL_BYTES);
    const last = literal.length - 1;
    parts.push(Uint8Array.of(61 << 2, last & 255, last >> 8), literal);
  }
  return Buffer.concat(parts);
}

/** Samples must not be older than an hour before the newest. */
const SLAB_MS = 1_800_000;
const SERIES_A_REQUEST = 500;

/** Writes samples of any time: it goes on for all series together. */
export async function writeInOrder(url: string, series: readonly Series[]): Promise<void> {
  const times = series.flatMap(({ samples }) => samples.map(({ timestamp }) => timestamp));
  const [first, end] = times.reduce(
    ([a, b], time) => [Math.min(a, time), Math.max(b, time)],
    [Infinity, -Infinity],
  );
  for (let slab = first; slab <= end; slab += SLAB_MS) {
    const isIn = ({ timestamp }: { timestamp: number }) => timestamp >= slab && timestamp < slab + SLAB_MS;
    const part = series.map(({ labels, samples }) => ({ labels, samples: samples.filter(isIn) }));
    const some = part.filter(({ samples }) => samples.length > 0);
    for (let from = 0; from < some.length; from += SERIES_A_REQUEST) {
      await remoteWrite(url, some.slice(from, from + SERIES_A_REQUEST));
    }
  }
}

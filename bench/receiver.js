// An OTLP/HTTP receiver that takes everything and tells its parent how many spans each request brought.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** Where the spans are in an ExportTraceServiceRequest: resource_spans, scope_spans, spans. */
const SPANS = [1, 2, 2];

/**
 * Counts the messages at a path of field numbers. The messages on the way there hold only fields with a length.
 * @param {Uint8Array} message @param {readonly number[]} path
 */
function count(message, [field, ...rest]) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  let found = 0;
  while (at < message.length) {
    const number = varint() >> 3;
    const length = varint();
    if (number === field) found += rest.length > 0 ? count(message.subarray(at, at + length), rest) : 1;
    at += length;
  }
  return found;
}

const server = createServer(async (request, response) => {
  const body = await buffer(request);
  response.end();
  if (request.url === '/v1/traces') process.send?.({ spans: count(body, SPANS) });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.send?.({ url: `http://127.0.0.1:${address?.port}` });
});
process.once('disconnect', () => process.exit());

import type { Fault } from './backend.js';

const isMetrics = (path: string) => path === '/v1/metrics';

const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}, body: string | Uint8Array = ''): Fault =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** Accepts the request and never answers. */
export const hanging: Fault = () => {};

/** Begins to answer and never comes to an end. */
export const trickling: Fault = (response) => {
  response.writeHead(200, { 'content-type': 'application/x-protobuf' });
  const timer = setInterval(() => response.write('\n'), 50);
  response.on('close', () => clearInterval(timer));
};

/** Takes some of the items and rejects the others. */
const rejectingSome: Fault = (response, { path, headers }) => {
  const isJson = headers['content-type'] === 'application/json';
  const rejected = isMetrics(path) ? 'rejectedDataPoints' : 'rejectedSpans';
  const json = JSON.stringify({ partialSuccess: { [rejected]: '3', errorMessage: 'too old' } });
  // partial_success (1) { rejected (1): 3, error_message (2): "too old" }
  const protobuf = Buffer.concat([Buffer.from([0x0a, 11, 0x08, 3, 0x12, 7]), Buffer.from('too old')]);
  response.writeHead(200, { 'content-type': headers['content-type'] ?? '' }).end(isJson ? json : protobuf);
};

/** Every fault of a collector that is up, by what the collector does. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'never answers': hanging,
  'trickles its answer': trickling,
  'answers 429 with Retry-After': answering(429, { 'retry-after': '30' }),
  'answers 503': answering(503),
  'answers 404': answering(404),
  'answers 400': answering(400),
  'closes the connection without an answer': (response) => response.destroy(),
  'closes the connection in the middle of its answer': (response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('x', () => response.destroy());
  },
  'answers with a web page': answering(
    200,
    { 'content-type': 'text/html' },
    '<!doctype html><h1>Welcome</h1>',
  ),
  'answers with a web page that begins with an empty line': answering(
    200,
    { 'content-type': 'text/html; charset=utf-8' },
    '\n\n<!doctype html><h1>Welcome</h1>',
  ),
  'answers with a web page that has no beginning': answering(
    200,
    { 'content-type': 'text/html' },
    '<script>location="/login"</script>',
  ),
  'rejects some of the items': rejectingSome,
};

/** Whether what was sent while the fault lasted can be sent again. */
export const CAN_RETRY = new Set([
  'never answers',
  'trickles its answer',
  'answers 429 with Retry-After',
  'answers 503',
  'closes the connection without an answer',
]);

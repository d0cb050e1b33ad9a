import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SpanRecord } from '../support/decode-traces.js';
import { SpanReceiver } from '../support/span-receiver.js';
import { until } from '../support/until.js';
import { createLiveKitProject, LiveKit } from './support/livekit.js';
import { Scene } from './support/livekit-scene.js';
import type { Project } from './support/project.js';

let livekit: LiveKit;
let project: Project;

beforeAll(async () => {
  livekit = await LiveKit.start();
  project = await createLiveKitProject('test/e2e/fixtures/livekit-telemetry.js');
});

afterAll(async () => {
  await livekit?.[Symbol.asyncDispose]();
  await project?.[Symbol.asyncDispose]();
});

/**
 * One call, which ends when its own span has arrived somewhere; gives the spans that came to where the
 * environment says, and the output.
 */
async function callOnce(env: Record<string, string>, isThere: (spans: readonly SpanRecord[]) => boolean) {
  await using receiver = await SpanReceiver.start();
  const { spans } = receiver;
  await using scene = new Scene(livekit, project, receiver);
  const often = { OTEL_BSP_SCHEDULE_DELAY: '200' };
  const worker = await scene.worker('v1', 'livekit-telemetry.js', { ...often, ...env });
  const call = await scene.call('acme');
  await until('the span of the call arrives', () => isThere(spans));
  await call.end();
  await until('the job has ended', () => worker.output.includes('registered by a job'));
  await until('the session has ended', () => scene.facts('v1').ended.success === 1);
  await scene.terminate(worker, 0);
  await worker.exit;
  return { spans, output: worker.output };
}

const OWN_SPAN = 'of the framework';
const isOurs = ({ name }: SpanRecord) => name.startsWith('openrtc.');

test('spans on a provider that only LiveKit was given are tagged, those from before trackJob() too', async () => {
  const { spans, output } = await callOnce({}, (seen) => seen.some(({ name }) => name === OWN_SPAN));
  const tags = {
    'openrtc.session.id': spans.find(isOurs)?.attributes['openrtc.session.id'],
    'openrtc.tenant.id': 'acme',
    'openrtc.worker.version': 'v1',
  };
  const theirs = spans.filter((span) => !isOurs(span));
  expect(theirs.map(({ name }) => name)).toEqual(expect.arrayContaining(['job_entrypoint', OWN_SPAN]));
  for (const { name, attributes } of theirs) expect(attributes, name).toMatchObject(tags);
  expect(output).toContain('registered by the worker: .');
  expect(output).toContain('registered by a job: .');
});

test('beside LiveKit Cloud’s telemetry nothing of ours goes to it, and nothing of it to us', async () => {
  const requests: Array<{ path: string; body: string }> = [];
  const cloud = createServer(async (request: IncomingMessage, response) => {
    const raw = await buffer(request);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    requests.push({ path: request.url ?? '', body: body.toString('latin1') });
    response.end();
  });
  await new Promise<void>((resolve) => cloud.listen(0, '127.0.0.1', resolve));
  try {
    const address = cloud.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const env = { LIVEKIT_OBSERVABILITY_URL: `http://127.0.0.1:${port}` };
    const { spans, output } = await callOnce(env, () =>
      requests.some(({ path, body }) => path.endsWith('/traces/otlp/v0') && body.includes(OWN_SPAN)),
    );
    for (const { body } of requests) expect(body).not.toContain('openrtc.');
    expect(spans.filter((span) => !isOurs(span))).toEqual([]);
    expect(output).toContain('registered by the worker: .');
    // By LiveKit, which could do so because nobody else had.
    expect(output).toMatch(/registered by a job: .*trace\./);
  } finally {
    cloud.closeAllConnections();
    cloud.close();
  }
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WorkerFacts } from '../../src/deploy/index.js';
import { SpanReceiver } from '../support/span-receiver.js';
import { Project, pack, ROOT } from './support/project.js';

let project: Project;

beforeAll(async () => {
  project = await Project.create();
  await project.install(
    await pack(project),
    '@opentelemetry/api@1.9.1',
    '@opentelemetry/auto-instrumentations-node@0.81.2',
    '@opentelemetry/sdk-node@0.223.0',
    '@opentelemetry/sdk-trace-base@2.12.0',
    '@opentelemetry/exporter-trace-otlp-proto@0.223.0',
  );
  for (const fixture of ['draining-worker.js', 'tagged-spans.js']) {
    await copyFile(join(ROOT, 'test/e2e/fixtures', fixture), join(project.dir, fixture));
  }
});
afterAll(() => project[Symbol.asyncDispose]());

/** Runs a fixture beside an SDK and gives the workers that were seen, and all spans. */
async function runBeside(
  imported: string,
  fixture: string,
  untilEnd: (worker: () => WorkerFacts | undefined, kill: () => void) => Promise<void>,
) {
  await using receiver = await SpanReceiver.start();
  const { spans } = receiver;
  const child = spawn(process.execPath, ['--import', imported, fixture], {
    cwd: project.dir,
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRIC_EXPORT_INTERVAL: '1000' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const exited = once(child, 'exit');
    await untilEnd(
      () => receiver.workers()[0],
      () => child.kill('SIGTERM'),
    );
    await exited;
    return { worker: receiver.workers()[0], spans, exitCode: child.exitCode };
  } finally {
    child.kill('SIGKILL');
  }
}

test('auto-instrumentation shuts its providers down on SIGTERM; the drain is reported to its end all the same', async () => {
  const seen: string[] = [];
  const { worker, spans, exitCode } = await runBeside(
    '@opentelemetry/auto-instrumentations-node/register',
    'draining-worker.js',
    async (current, terminate) => {
      while (current()?.active !== 3) await sleep(50);
      terminate();
      while (!current()?.exited) {
        const { active, draining } = current() ?? {};
        const state = `${draining ? 'draining' : 'accepting'} ${active}`;
        if (seen.at(-1) !== state) seen.push(state);
        await sleep(20);
      }
    },
  );
  expect(seen).toEqual(expect.arrayContaining(['draining 3', 'draining 2', 'draining 1']));
  expect(worker).toMatchObject({ exited: true, active: 0, dropped: 0, ended: { success: 3 } });
  expect(exitCode).toBe(0);
  const ofHttp = spans.filter(({ scope }) => scope.name.includes('instrumentation-http'));
  expect(ofHttp, 'spans of the reports themselves').toEqual([]);
});

test('an SDK set up as docs/reference.md shows exports its own spans, tagged inside a session and only there', async () => {
  const reference = await readFile(join(ROOT, 'docs/reference.md'), 'utf8');
  const [, setUp] = reference.match(/```js\n([^`]*new NodeSDK[^`]*)```/) ?? [];
  await project.write('sdk.mjs', setUp ?? '');
  const { spans } = await runBeside('./sdk.mjs', 'tagged-spans.js', async () => {});
  const tags = new Map(
    spans
      .filter(({ scope }) => scope.name === 'app')
      .map(({ name, attributes }) => [
        name,
        [
          attributes['openrtc.session.id'],
          attributes['openrtc.tenant.id'],
          attributes['openrtc.worker.version'],
        ],
      ]),
  );
  const inside = ['call-1', 'acme', 'v1'];
  const outside = [undefined, undefined, undefined];
  expect(Object.fromEntries(tags)).toEqual({
    'outside before': outside,
    'at once': inside,
    'after a promise': inside,
    'in a timer': inside,
    parent: inside,
    child: inside,
    'in a bound emitter': inside,
    'outside after': outside,
  });
  const traces = new Set(
    spans.filter(({ name }) => name.startsWith('openrtc.')).map(({ traceId }) => traceId),
  );
  expect(traces.size, 'the session has a trace of its own').toBe(1);
  expect(spans.some(({ name, traceId }) => name === 'at once' && traces.has(traceId))).toBe(false);
});

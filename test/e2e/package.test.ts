import { expect, test } from 'vitest';
import { Project, pack } from './support/project.js';

const USE = `
  const { instrument, SessionSpanProcessor } = openrtc;
  const { startReceiver } = deploy;
  const receiver = await startReceiver();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
  const sessions = new pools.SessionPool({ deploymentVersion: 'v1' });
  const telemetry = instrument(sessions);
  await sessions.run({ tenant: 'acme' }, async () => {});
  const { delivered, droppedSessions } = await telemetry.shutdown();
  const [worker] = receiver.workers();
  await receiver.close();
  console.log(JSON.stringify({
    delivered, droppedSessions, exited: worker.exited, started: worker.started,
    exports: [SessionSpanProcessor, pools.healthHandler, livekit.livekitPool, livekit.trackJob].map((it) => typeof it),
  }));
`;
const RESULT = {
  delivered: true,
  droppedSessions: 0,
  exited: true,
  started: 1,
  exports: Array(4).fill('function'),
};

test('the packed package works in an empty project, by import and by require', async () => {
  await using project = await Project.create();
  await project.install(await pack(project), '@opentelemetry/api');
  await project.write(
    'use.mjs',
    `import * as openrtc from 'openrtc-otel';
     import * as pools from 'openrtc-otel/pool';
     import * as livekit from 'openrtc-otel/livekit';
     import * as deploy from 'openrtc-otel/deploy';
     ${USE}`,
  );
  await project.write(
    'use.cjs',
    `const openrtc = require('openrtc-otel');
     const pools = require('openrtc-otel/pool');
     const livekit = require('openrtc-otel/livekit');
     const deploy = require('openrtc-otel/deploy');
     const { version } = require('openrtc-otel/package.json');
     if (!version) throw new Error('no version');
     (async () => {${USE}})();`,
  );
  for (const script of ['use.mjs', 'use.cjs']) {
    const { stdout, stderr } = await project.node([script]);
    expect(JSON.parse(stdout || stderr), script).toEqual(RESULT);
  }
});

test('its command plays a deploy in an empty project', async () => {
  await using project = await Project.create();
  await project.install(await pack(project), '@opentelemetry/api');
  const { code, stdout } = await project.node([
    'node_modules/openrtc-otel/dist/cli/main.js',
    ...['demo', '--scenario', 'superseded'],
  ]);
  expect(code, stdout).toBe(0);
});

test('its types compile in a strict project that checks the types of its libraries', async () => {
  await using project = await Project.create();
  await project.install(
    await pack(project),
    '@opentelemetry/api@1.9.1',
    'typescript@7.0.2',
    '@types/node@20',
  );
  await project.write(
    'use.ts',
    `import { instrument, type Telemetry } from 'openrtc-otel';
     import { SessionPool } from 'openrtc-otel/pool';
     import { livekitPool, trackJob } from 'openrtc-otel/livekit';
     import { startReceiver, type WorkerFacts } from 'openrtc-otel/deploy';
     await using telemetry: Telemetry = instrument(new SessionPool({ deploymentVersion: 'v1' }));
     await using receiver = await startReceiver();
     const rows: WorkerFacts[] = receiver.workers();
     const answer: number = await telemetry.session({ tenant: 'acme' }, async () => rows.length);
     console.log(answer, livekitPool, trackJob);`,
  );
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--noEmit', '--types', 'node'];
  const { stdout } = await project.node(['node_modules/typescript/bin/tsc', ...options, 'use.ts']);
  expect(stdout).toBe('');
});

test.each([
  ['an SDK 2', ['@opentelemetry/sdk-trace-node@2']],
  ['an SDK 3', ['@opentelemetry/sdk-node@0.301.0', '@opentelemetry/api@1.10.0']],
  ['@livekit/agents', ['@livekit/agents@1.9.0']],
  ['an old api', ['@opentelemetry/api@1.9.0']],
])('it installs beside %s without a conflict', async (_, neighbours) => {
  await using project = await Project.create();
  await project.install('--package-lock-only', ...neighbours);
  await project.install('--package-lock-only', await pack(project));
});

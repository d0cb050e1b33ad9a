import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Project, ROOT, run } from './support/project.js';

/**
 * The tests of `npm test`, run by other versions of Node, but those that take minutes: they play whole deploys, gates and
 * bridges, or compute what no version of Node changes.
 */
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--retry=1'];
const LONG = [
  'test/scenarios.test.ts',
  'test/bridge/{run,processes}.test.ts',
  'test/cli/{demo,watch}.test.ts',
  'test/oracle/*.test.ts',
  'test/wire/journal-long.test.ts',
].flatMap((file) => ['--exclude', file]);

describe.each(['22.23.3', '24.21.0'])('on Node %s', (version) => {
  let project: Project;
  let node: string;

  beforeAll(async () => {
    project = await Project.create();
    await project.install(`node@${version}`);
    node = join(project.dir, 'node_modules/node/bin/node');
  });
  afterAll(() => project[Symbol.asyncDispose]());

  test('all tests pass', async () => {
    const { code, stdout, stderr } = await run(node, [...VITEST, ...LONG], { cwd: ROOT });
    expect(code, stdout + stderr).toBe(0);
  });

  test('providers of the SDK 3 can be passed in', async () => {
    await project.install(
      '@opentelemetry/api@1.10.0',
      'sdk-metrics-3@npm:@opentelemetry/sdk-metrics@3.1.1',
      'sdk-trace-3@npm:@opentelemetry/sdk-trace@3.1.1',
    );
    const env = {
      OPENRTC_TEST_SDK_METRICS: join(project.dir, 'node_modules/sdk-metrics-3/dist/index.mjs'),
      OPENRTC_TEST_SDK_TRACE: join(project.dir, 'node_modules/sdk-trace-3/dist/index.mjs'),
    };
    const { code, stdout, stderr } = await run(node, [...VITEST, 'test/otlp/provided.test.ts'], {
      cwd: ROOT,
      env,
    });
    expect(code, stdout + stderr).toBe(0);
  });
});

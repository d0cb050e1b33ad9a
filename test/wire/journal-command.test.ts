import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { factsOf, JournalFolder, recover, startWorker } from './support/journals.js';

const COMMAND = '../../dist/cli/main.js';

describe('openrtc-otel recover', () => {
  it('has nothing to do in an empty folder', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    await using command = recover(backend, folder);
    expect(await command.exit).toEqual({ code: 0, signal: null });
    expect([...command.stdout, ...command.stderr]).toEqual([]);
    expect(folder.files).toEqual([]);
  });

  it.each([
    ['is not there', () => {}, /no recovery in .*: there is no such folder/],
    ['is a file', (path: string) => writeFileSync(path, ''), /no recovery in .*: E/],
  ])('fails where the folder %s', async (_, make, message) => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    rmSync(folder.path, { recursive: true });
    make(folder.path);
    await using command = recover(backend, folder);
    expect(await command.exit).toEqual({ code: 1, signal: null });
    expect(command.stderr).toEqual([expect.stringMatching(message)]);
  });

  it('--follow waits for a folder that is not there yet', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    rmSync(folder.path, { recursive: true });
    await using follower = recover(backend, folder, '--follow');
    await eventually(() => expect(folder.files).toHaveLength(1));
    await using worker = await startWorker(backend, folder, 'a', 1);
    worker.kill();
    await eventually(() => expect(factsOf(backend, 'a')).toMatchObject({ exited: true, dropped: 1 }));
    follower.kill('SIGTERM');
    expect(await follower.exit).toEqual({ code: 0, signal: null });
  });

  it('--follow makes its socket again, so that others see that it lives', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    await using follower = recover(backend, folder, '--follow');
    await eventually(() => expect(folder.files).toEqual([expect.not.stringMatching(/\.bind$/)]));
    const [socket = ''] = folder.files;
    rmSync(join(folder.path, socket));
    await eventually(() => expect(folder.files).toEqual([socket]));
    rmSync(folder.path, { recursive: true });
    await eventually(() => expect(folder.files).toEqual([socket]));
    follower.kill('SIGTERM');
    expect(await follower.exit).toEqual({ code: 0, signal: null });
    expect(folder.files).toEqual([]);
  });

  it('exits with 1 where a journal is left', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    writeFileSync(join(folder.path, '0123456789ab.journal'), 'x');
    await using command = recover(backend, folder);
    expect(await command.exit).toEqual({ code: 1, signal: null });
    expect(command.stderr).toEqual([expect.stringContaining('cannot be read')]);
  });

  it.each([
    [['recover'], /missing required argument 'dir'/],
    [['recover', 'a', 'b'], /too many arguments/],
    [['recover', 'a', '--folow'], /unknown option '--folow'/],
  ])('says what is wrong with %j and exits with 64', async (args, message) => {
    await using command = new Child(COMMAND, {}, args);
    expect(await command.exit).toEqual({ code: 64, signal: null });
    expect(command.stderr.join('\n')).toMatch(message);
  });

  it.each([[{ OTEL_SDK_DISABLED: 'true' }], [{ OTEL_METRICS_EXPORTER: 'none' }]])(
    'exits with 64 where %j leaves it nowhere to send a goodbye',
    async (env) => {
      using folder = new JournalFolder();
      await using backend = await Backend.start();
      await using command = new Child(COMMAND, reportingTo(backend, env), ['recover', folder.path]);
      expect(await command.exit).toEqual({ code: 64, signal: null });
      expect(command.stderr).toEqual([expect.stringMatching(/no goodbye can be sent/)]);
    },
  );

  it('says what it cannot honour in the environment', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const env = reportingTo(backend, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    await using command = new Child(COMMAND, env, ['recover', folder.path]);
    expect(await command.exit).toMatchObject({ code: 0 });
    expect(command.stderr).toEqual([expect.stringMatching(/OTEL_EXPORTER_OTLP_PROTOCOL: expected/)]);
  });

  it('has a help', async () => {
    await using command = new Child(COMMAND, {}, ['recover', '--help']);
    expect(await command.exit).toMatchObject({ code: 0 });
    expect(command.stdout.join('\n')).toMatch(/Usage: openrtc-otel recover \[options\] <dir>/);
  });
});

it('a worker without a journal loads nothing of it', async () => {
  await using backend = await Backend.start();
  await using child = new Child('fixtures/loaded-scripts.js', reportingTo(backend));
  const loaded = await child.result<Record<string, string[]>>();
  const ours = Object.values(loaded)
    .flat()
    .filter((url) => !url.includes('/node_modules/'));
  expect(ours.filter((url) => url.endsWith('/dist/otlp/metrics.js'))).toHaveLength(1);
  expect(ours.filter((url) => url.includes('/journal') || url.includes('/cli/'))).toEqual([]);
});

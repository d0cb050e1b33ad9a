import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import type { Child } from './support/child.js';
import { eventually } from './support/eventually.js';
import { factsOf, goodbyesOf, JournalFolder, recover, startWorker } from './support/journals.js';

const NOBODY = '65534';
const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) execFileSync('umount', ['-l', path]);
});

/** Puts an empty file system over a folder; false where this user cannot. */
function mountOver(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return false;
  }
  mounted.push(path);
  return true;
}

const isWell = (worker: Child) =>
  eventually(() => expect(worker.said.at(-1)).toMatch(/the journal in .* is written again/));

/** Recovers a folder while its worker lives: nothing is told. Gives what the command says. */
async function recoverInVain(backend: Backend, path: string): Promise<string> {
  await using command = recover(backend, { path });
  await command.exit;
  expect(goodbyesOf(backend, 'a')).toEqual([]);
  expect(factsOf(backend, 'a')).toMatchObject({ exited: false, active: 3, dropped: 0 });
  return command.stderr.join('\n');
}

/** The worker dies, and is told once wherever it is looked for. */
async function dies(backend: Backend, worker: Child, ...paths: string[]): Promise<void> {
  worker.kill();
  await worker.exit;
  for (const path of paths) {
    await using command = recover(backend, { path });
    await command.exit;
  }
  expect(factsOf(backend, 'a')).toMatchObject({ exited: true, dropped: 3 });
  expect(goodbyesOf(backend, 'a')).toHaveLength(1);
}

describe('the living worker of a journal', () => {
  it.each([
    ['cp', ['-a']],
    ['cp', ['-al']],
  ])('stays running where its folder is copied with %s %j', async (cp, args) => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const [path, copy] = [join(folder.path, 'journals'), join(folder.path, 'copy')];
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    execFileSync(cp, [...args, path, copy]);
    const said = await recoverInVain(backend, copy);
    if (!args.includes('-al')) expect(said).toMatch(/the worker a of .*copy.* writes to another folder/);
    await dies(backend, worker, copy, path);
    expect(worker.said).toEqual([]);
  });

  it('writes anew where its files are moved into another folder at the same path', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const [path, moved] = [join(folder.path, 'journals'), join(folder.path, 'moved')];
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    renameSync(path, moved);
    mkdirSync(path, { mode: 0o700 });
    for (const file of readdirSync(moved)) renameSync(join(moved, file), join(path, file));
    // It looks after its journal once a second.
    await sleep(3_000);
    await dies(backend, worker, path);
  });

  it('stays running where its folder is moved, and writes anew where it was told to', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const [path, moved] = [join(folder.path, 'journals'), join(folder.path, 'moved')];
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    renameSync(path, moved);
    await recoverInVain(backend, moved);
    await isWell(worker);
    expect(worker.said).toHaveLength(2);
    expect(await recoverInVain(backend, moved)).toMatch(/it is empty: its worker writes elsewhere/);
    await recoverInVain(backend, path);
    await dies(backend, worker, moved, path);
  });

  it('that dies right after its folder was moved is told there', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const [path, moved] = [join(folder.path, 'journals'), join(folder.path, 'moved')];
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    worker.kill('SIGSTOP');
    renameSync(path, moved);
    await dies(backend, worker, moved);
  });

  it('stays running where the link to its folder is turned', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const [path, first, second] = ['journals', 'first', 'second'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    for (const target of [first, second]) mkdirSync(target);
    symlinkSync(first, path);
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    rmSync(path);
    symlinkSync(second, path);
    for (const place of [first, path]) await recoverInVain(backend, place);
    await isWell(worker);
    for (const place of [first, second, path]) await recoverInVain(backend, place);
    await dies(backend, worker, first, path);
  });

  it('stays running where its folder is mounted over, and uncovered again', async ({ skip }) => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    const path = join(folder.path, 'journals');
    await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path });
    if (!mountOver(path)) return skip();
    await recoverInVain(backend, path);
    await isWell(worker);
    await recoverInVain(backend, path);
    execFileSync('umount', ['-l', mounted.pop() ?? '']);
    await recoverInVain(backend, path);
    // Longer than it takes the worker to see it.
    await sleep(2_000);
    await recoverInVain(backend, path);
    await dies(backend, worker, path);
  });
});

it('a folder that loses its permission for a while has its journal again', async ({ skip }) => {
  if (process.geteuid?.() !== 0) return skip('root alone can run a worker as another user');
  const isReadable =
    spawnSync('test', ['-r', fileURLToPath(import.meta.url)], { uid: Number(NOBODY) }).status === 0;
  if (!isReadable) return skip('no other user can read the package here');
  using folder = new JournalFolder();
  await using backend = await Backend.start();
  const path = join(folder.path, 'journals');
  mkdirSync(path, { mode: 0o700 });
  execFileSync('chown', ['-R', NOBODY, folder.path]);
  execFileSync('chmod', ['755', folder.path]);
  await using worker = await startWorker(backend, folder, 'a', 3, { JOURNAL: path, USER_ID: NOBODY });
  execFileSync('chmod', ['000', path]);
  await eventually(() =>
    expect(worker.said).toEqual([expect.stringMatching(/cannot be written \(EACCES\)/)]),
  );
  await recoverInVain(backend, path);
  await sleep(1_500);
  execFileSync('chmod', ['700', path]);
  await isWell(worker);
  await worker.ask('end');
  await worker.ask('start', 1);
  expect(worker.said).toHaveLength(2);
  await dies(backend, worker, path);
});

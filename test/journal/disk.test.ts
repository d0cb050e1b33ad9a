import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JournalFile } from '../../src/journal/file.js';
import { Folder } from '../../src/journal/folder.js';
import { listenToWarnings } from '../support/warnings.js';
import { PlayedWorker, replay, useFolder } from './support.js';

const said = listenToWarnings();
const folder = useFolder();
const mounted: string[] = [];
const workers: PlayedWorker[] = [];

/** A small file system in memory; undefined where this user can not mount one. */
function mount(options: string): string | undefined {
  const path = join(folder.path, 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=128k,${options}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.push(path);
  return path;
}

async function open(path: string): Promise<PlayedWorker> {
  const worker = new PlayedWorker(path);
  workers.push(worker);
  await worker.journal.open();
  return worker;
}

/** The worker looks at its pool, as it does a few times a second, until an assertion holds. */
const lookUntil = (worker: PlayedWorker, assertion: () => unknown) =>
  vi.waitFor(
    async () => {
      worker.look();
      await assertion();
    },
    { timeout: 10_000, interval: 50 },
  );

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.journal.close({ goodbye: true, spans: true });
  for (const path of mounted.splice(0)) execFileSync('umount', ['-l', path]);
});

const journalIn = (path: string) => {
  const file = execFileSync('ls', [path], { encoding: 'utf8' }).match(/\S+\.journal/)?.[0];
  return file && readFileSync(join(path, file), 'utf8');
};
const linkOf = (descriptor: string) => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
};
const idsIn = (path: string) => replay(journalIn(path) ?? '').sessions.map(({ id }) => id);

describe('a journal', () => {
  it('on a disk that is full for a while is given up, and is there again when there is space', async ({
    skip,
  }) => {
    const disk = mount('mode=700');
    if (disk === undefined) return skip();
    const worker = await open(disk);
    worker.start('early');
    expect(idsIn(disk)).toEqual(['early']);
    writeFileSync(join(disk, 'a'), Buffer.alloc(100_000));
    for (let n = 0; n < 5_000; n++) worker.start(`late-${n}`);
    expect(await said()).toEqual([
      expect.stringContaining(`the journal in ${disk} cannot be written (ENOSPC)`),
    ]);
    expect(journalIn(disk), 'an old one would say what is no longer so').toBeUndefined();
    // Longer than the pause between attempts.
    const since = performance.now();
    await lookUntil(worker, () => expect(performance.now() - since).toBeGreaterThan(2_500));
    for (let n = 1; n < 5_000; n++) worker.end(`late-${n}`);
    expect(await said()).toHaveLength(1);
    rmSync(join(disk, 'a'));
    await lookUntil(worker, () => expect(idsIn(disk)).toEqual(['early', 'late-0']));
    expect((await said()).at(-1)).toBe(`the journal in ${disk} is written again`);
    worker.end('early');
    expect(idsIn(disk)).toEqual(['late-0']);
  });

  it('on a disk that is read-only begins when it no longer is', async ({ skip }) => {
    const disk = mount('ro');
    if (disk === undefined) return skip();
    const worker = await open(disk);
    worker.start('a');
    worker.look();
    expect(await said()).toEqual([expect.stringMatching(/cannot be written \((EROFS|EACCES)\)/)]);
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    await lookUntil(worker, () => expect(idsIn(disk)).toEqual(['a']));
    expect(await said()).toHaveLength(2);
  });

  it.each([
    ['its folder', (path: string) => rmSync(path, { recursive: true })],
    ['its socket', (path: string) => execFileSync('sh', ['-c', `rm ${path}/*.sock`])],
    ['its file', (path: string) => execFileSync('sh', ['-c', `rm ${path}/*.journal`])],
  ])('that loses %s says so once, and makes it again', async (_, lose) => {
    const path = join(folder.path, 'journals');
    const worker = await open(path);
    worker.start('a');
    lose(path);
    worker.start('b');
    await lookUntil(worker, async () => {
      expect(await said()).toEqual([
        expect.stringContaining(`the journal in ${path} cannot be written (ENOENT)`),
        `the journal in ${path} is written again`,
      ]);
      expect(idsIn(path)).toEqual(['a', 'b']);
    });
    expect(execFileSync('ls', [path], { encoding: 'utf8' })).toMatch(/\.journal\n.*\.sock\n$/);
  });

  it('whose folder can never be does not keep a worker from its sessions', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    const worker = await open(join(folder.path, 'file', 'journals'));
    for (let n = 0; n < 1_000; n++) worker.start(`s-${n}`);
    for (let n = 0; n < 1_000; n++) worker.end(`s-${n}`);
    worker.look();
    worker.journal.goodbye(Date.now());
    expect(await said()).toHaveLength(1);
  });

  it('stays short, however much happens', async () => {
    const worker = await open(folder.path);
    for (let n = 0; n < 500; n++) worker.start(`lasting-${n}`);
    let longest = 0;
    for (let n = 0; n < 20_000; n++) {
      worker.start(`s-${n}`);
      worker.end(`s-${n}`);
      if (n % 100 === 0) longest = Math.max(longest, statSync(folder.the('.journal')).size);
    }
    expect(longest).toBeGreaterThan(256 * 1024);
    expect(longest).toBeLessThan(512 * 1024);
    expect(replay(readFileSync(folder.the('.journal'), 'utf8')).sessions).toHaveLength(500);
    expect(folder.files()).toHaveLength(2);
  });

  it('that is rewritten with its goodbye keeps it', async () => {
    // The last report before the goodbye makes it long, by one more or less until the goodbye is one line too many.
    const worker = await open(folder.path);
    const size = () => statSync(folder.the('.journal')).size;
    const report = () => {
      worker.draining = !worker.draining;
      worker.look();
    };
    let longest = 0;
    while (size() >= longest) {
      longest = size();
      report();
    }
    const line = (() => {
      const before = size();
      report();
      return size() - before;
    })();
    while (size() + line <= longest) report();
    worker.start('s-1');
    worker.journal.freeze();
    // What the goodbye drops is counted as active there.
    worker.totals.ended.dropped++;
    worker.end('s-1');
    worker.journal.goodbye(1_234);
    expect(size(), 'it was rewritten').toBeLessThan(longest / 2);
    expect(replay(readFileSync(folder.the('.journal'), 'utf8'))).toMatchObject({
      goodbyeAt: 1_234,
      last: { active: 1, dropped: 0 },
    });
  });
});

it('a note is added to a journal whole or not at all', ({ skip }) => {
  const disk = mount('mode=700');
  if (disk === undefined) return skip();
  const path = join(disk, 'journal');
  // A few bytes less than a page, so that a part of the note has room.
  writeFileSync(path, 'x'.repeat(4_090));
  expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(200_000))).toThrow('ENOSPC');
  expect(() => new Folder(disk).append(path, 'a note that is too long\n')).toThrow(
    expect.objectContaining({ code: 'ENOSPC' }),
  );
  expect(statSync(path).size).toBe(4_090);
});

describe('a journal file', () => {
  it('keeps the old contents until the new ones are whole', () => {
    const [path, temporary] = [join(folder.path, 'a'), join(folder.path, 'b')];
    let contents = () => 'first\n';
    const file = new JournalFile(path, temporary, () => contents());
    file.rewrite();
    file.add('added\n');
    contents = () => {
      throw new Error('no contents');
    };
    expect(() => file.rewrite()).toThrow('no contents');
    expect(readFileSync(path, 'utf8')).toBe('first\nadded\n');
    expect(existsSync(temporary)).toBe(false);
    expect(file.isOpen).toBe(true);
  });

  it('whose file can not be closed well is closed, and writes into no other', () => {
    const path = join(folder.path, 'a');
    const file = new JournalFile(path, join(folder.path, 'b'), () => 'first\n');
    file.rewrite();
    const descriptors = readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === path);
    // As after a close that said EIO.
    for (const descriptor of descriptors) closeSync(Number(descriptor));
    expect(file.isThere()).toBe(false);
    expect(() => file.close()).toThrow('EBADF');
    expect(file.isOpen).toBe(false);
    const other = join(folder.path, 'other');
    const descriptor = openSync(other, 'w');
    file.add('added\n');
    file.close();
    closeSync(descriptor);
    expect(readFileSync(other, 'utf8')).toBe('');
  });

  it('writes over a half-written one of before', () => {
    const [path, temporary] = [join(folder.path, 'a'), join(folder.path, 'b')];
    writeFileSync(temporary, 'half');
    const file = new JournalFile(path, temporary, () => 'whole\n');
    file.rewrite();
    expect(readFileSync(path, 'utf8')).toBe('whole\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    file.remove();
    expect(existsSync(path)).toBe(false);
  });
});

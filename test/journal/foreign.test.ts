import { execFileSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/attributes.js';
import { newName } from '../../src/journal/folder.js';
import { listen } from '../../src/journal/liveness-socket.js';
import { valueIn } from '../support/points.js';
import { changed, leaveSocket, useRecovery } from './dead.js';

const recovery = useRecovery();
const { folder, workshop, pipeline, told, left, path, play, leave, createRecoverer, goodbyes, spans } =
  recovery;

describe('what is no journal of a worker is left as it is, and said once:', () => {
  const cases: ReadonlyArray<readonly [string, (at: string, lines: string[]) => unknown, RegExp]> = [
    ['an empty file', (at) => writeFileSync(at, ''), /it is empty/],
    ['a picture', (at) => writeFileSync(at, Buffer.from('89504e470d0a1a0a00ff', 'hex')), /no record says/],
    ['a folder', (at) => mkdirSync(at), /it is no file/],
    ['a pipe', (at) => execFileSync('mkfifo', [at]), /it is no file/],
    [
      'a file beyond all size',
      (at) => {
        writeFileSync(at, 'x');
        truncateSync(at, 2 ** 33);
      },
      /no record says whose/,
    ],
    ['a link to nothing', (at) => symlinkSync('/nowhere', at), /it is a link/],
    [
      'a link to a journal',
      (at, lines) => {
        writeFileSync(`${workshop.path}/journal`, lines.join('\n'));
        symlinkSync(`${workshop.path}/journal`, at);
      },
      /it is a link/,
    ],
    [
      'a journal of a later format',
      (at, [head = '']) => {
        writeFileSync(
          at,
          changed(head, ({ worker = {} }) => Object.assign(worker, { format: 3 })),
        );
      },
      /it has format 3; this version reads format 2/,
    ],
  ];

  it.each(cases)('%s', async (_, make, message) => {
    const { name, lines } = await play(['a']);
    leaveSocket(path(`${name}.sock`));
    make(path(`${name}.journal`), lines);
    const recoverer = createRecoverer();
    expect(await recoverer.look()).toEqual({ delivered: 0, left: 1 });
    expect(await recoverer.look()).toEqual({ delivered: 0, left: 1 });
    expect(left).toEqual([expect.stringMatching(message)]);
    expect(left[0]).toContain(path(`${name}.journal`));
    expect(goodbyes()).toEqual([]);
    expect(folder.files()).toContain(`${name}.journal`);
  });

  it.each([
    ['a copy', copyFileSync],
    ['a second name', linkSync],
  ])('%s of a journal, beside the journal itself', async (_, copy) => {
    const { name } = await leave();
    const other = newName();
    copy(path(`${name}.journal`), path(`${other}.journal`));
    leaveSocket(path(`${other}.sock`));
    await createRecoverer().look();
    expect(told).toEqual(['w-1: 2']);
    expect(left).toEqual([expect.stringMatching(/it is a copy/)]);
    expect(goodbyes()).toHaveLength(1);
  });

  it('a journal of another user', async ({ skip }) => {
    if (process.geteuid?.() !== 0) return skip();
    const { name } = await leave();
    chownSync(path(`${name}.journal`), 12_345, 12_345);
    await createRecoverer().look();
    expect(told).toEqual([]);
    expect(left).toEqual([expect.stringMatching(/it belongs to another user/)]);
  });

  it('files of other names', async () => {
    const names = ['x.journal', 'README', `${newName()}.journal~`, `${newName()}.txt`, '.journal', 'a.sock'];
    for (const name of names) writeFileSync(path(name), 'x');
    expect(await createRecoverer().look()).toEqual({ delivered: 0, left: 0 });
    expect(folder.files().toSorted()).toEqual(names.toSorted());
    expect(left).toEqual([]);
  });
});

it('whatever a journal holds, recovery never fails and never tells of more sessions than there were', async () => {
  const { name, lines } = await leave(['a', 'b', 'c', 'd']);
  const whole = Buffer.from(`${lines.join('\n')}\n`);
  const damage = fc.record({
    cut: fc.nat(whole.length),
    flips: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(7)), { maxLength: 6 }),
    more: fc.uint8Array({ maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ cut, flips, more }) => {
      const bytes = Buffer.from(whole);
      for (const [at, bit] of flips) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      for (const file of folder.files()) rmSync(path(file));
      writeFileSync(path(`${name}.dead`), Buffer.concat([bytes.subarray(0, cut), more]));
      pipeline.collector.requests.length = 0;
      const { delivered: arrived, left: remain } = await createRecoverer().look();
      expect(arrived + remain).toBe(1);
      expect(goodbyes()).toHaveLength(arrived);
      for (const goodbye of goodbyes()) {
        const dropped = valueIn(goodbye, METRICS.dropped) ?? Number.NaN;
        expect(dropped).toBeLessThanOrEqual(4);
        expect(spans().length).toBeLessThanOrEqual(dropped);
      }
    }),
    { numRuns: 100 },
  );
});

describe('what is left beside journals', () => {
  it('goes when nobody listens on it and it is not new', async () => {
    const [dead, alive, half] = [newName(), newName(), newName()];
    leaveSocket(path(`${dead}.sock`));
    writeFileSync(path(`${dead}.tmp`), 'half');
    writeFileSync(path(`${half}.tmp`), 'half');
    const server = await listen(path(`${alive}.sock`));
    writeFileSync(path(`${alive}.tmp`), 'half');
    const before = folder.files().toSorted();
    await createRecoverer().look();
    expect(folder.files().toSorted(), 'a socket that is made is dead for a moment').toEqual(before);
    const longAgo = Date.now() / 1000 - 11;
    for (const file of before) utimesSync(path(file), longAgo, longAgo);
    await createRecoverer().look();
    expect(folder.files().toSorted()).toEqual([`${alive}.sock`, `${alive}.tmp`].toSorted());
    server.close();
  });

  it('is nothing where there is no folder', async () => {
    rmSync(folder.path, { recursive: true });
    expect(await createRecoverer().look()).toEqual({ delivered: 0, left: 0 });
    mkdirSync(folder.path);
  });

  it('can not be looked for in a file', async () => {
    rmSync(folder.path, { recursive: true });
    writeFileSync(folder.path, '');
    const recoverer = createRecoverer();
    await recoverer.look();
    await recoverer.look();
    expect(left).toEqual([`the folder ${folder.path} cannot be read: ENOTDIR`]);
  });
});

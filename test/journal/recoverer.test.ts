import { chownSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { METRICS, SESSION_OUTCOME } from '../../src/attributes.js';
import { Folder, newName } from '../../src/journal/folder.js';
import { listen } from '../../src/journal/liveness-socket.js';
import { toLine } from '../../src/journal/records.js';
import { valueIn } from '../support/points.js';
import { eventually } from '../wire/support/eventually.js';
import { changed, leaveSocket, useRecovery } from './dead.js';

const recovery = useRecovery();
const { folder, pipeline, told, left, path, play, write, leave, createRecoverer, goodbyes, spans } = recovery;

describe('a dead worker', () => {
  it('is told of by one of several', async () => {
    await leave();
    const recoverers = Array.from({ length: 8 }, () => createRecoverer());
    await Promise.all(recoverers.map((recoverer) => recoverer.look()));
    expect(told).toEqual(['w-1: 2']);
    expect(left).toEqual([]);
    expect(goodbyes()).toHaveLength(1);
    expect(spans()).toHaveLength(2);
    expect(folder.files()).toEqual([]);
  });

  it('is held by one that is killed until the next finds the holder dead', async () => {
    const { name } = await leave();
    const holder = newName();
    renameSync(path(`${name}.journal`), path(`${name}.${holder}.claim`));
    const server = await listen(path(`${holder}.sock`));
    await createRecoverer().look();
    expect(told).toEqual([]);
    server.close();
    leaveSocket(path(`${holder}.sock`));
    await Promise.all([createRecoverer().look(), createRecoverer().look()]);
    expect(told).toEqual(['w-1: 2']);
    expect(folder.files()).toEqual([`${holder}.sock`]);
  });

  it('whose goodbye may have arrived long ago is told of with the time of now', async () => {
    const { name, lines } = await leave();
    const at = Date.now() - 3_600_000;
    writeFileSync(path(`${name}.journal`), `${[...lines, toLine({ kind: 'goodbye', at })].join('\n')}`);
    await createRecoverer().look();
    const [goodbye = []] = goodbyes();
    expect(goodbye[0]?.time).toBeGreaterThan(Date.now() - 60_000);
  });

  it('whose spans a collector does not take for now gets only them later', async () => {
    await leave();
    pipeline.environment({ OTEL_EXPORTER_OTLP_TIMEOUT: '300' });
    pipeline.collector.answer = (to) => (to.includes('traces') ? { status: 503 } : {});
    const recoverer = createRecoverer();
    expect(await recoverer.look()).toEqual({ delivered: 0, left: 1 });
    expect(left).toEqual(['the spans of the dead worker w-1 (voice, v1) did not arrive: HTTP 503']);
    expect(await recoverer.look(), 'not at once').toEqual({ delivered: 0, left: 1 });
    pipeline.collector.answer = () => ({});
    pipeline.collector.requests.length = 0;
    expect(await recoverer.look(false)).toEqual({ delivered: 1, left: 0 });
    expect(goodbyes()).toEqual([]);
    expect(spans()).toHaveLength(2);
    expect(folder.files()).toEqual([]);
  });

  it('is not looked at again in step with other recoverers', async () => {
    await leave();
    pipeline.environment({ OTEL_EXPORTER_OTLP_TIMEOUT: '300' });
    pipeline.collector.answer = () => ({ status: 503 });
    vi.spyOn(Math, 'random').mockReturnValue(0.99);
    onTestFinished(() => void vi.restoreAllMocks());
    const recoverer = createRecoverer();
    await recoverer.look();
    pipeline.collector.answer = () => ({});
    const failedAt = performance.now();
    while ((await recoverer.look()).left > 0) await sleep(20);
    expect(performance.now() - failedAt).toBeGreaterThan(700);
  });

  it.each([
    ['does not know spans', 404, 2],
    ['is not to get spans', 200, 0],
  ])('is done with where the collector %s', async (_, status, sent) => {
    await leave();
    if (sent === 0) pipeline.environment({ OTEL_TRACES_EXPORTER: 'none' });
    pipeline.collector.answer = (to) => (to.includes('traces') ? { status } : {});
    expect(await createRecoverer().look()).toEqual({ delivered: 1, left: 0 });
    expect(spans()).toHaveLength(sent);
    expect(folder.files()).toEqual([]);
  });

  it('whose goodbye a collector rejects in part is left, and told of when it takes all', async () => {
    await leave();
    const body = JSON.stringify({ partialSuccess: { rejectedDataPoints: 1 } });
    pipeline.collector.answer = (to) => (to.includes('metrics') ? { body } : {});
    const recoverer = createRecoverer();
    expect(await recoverer.look()).toEqual({ delivered: 0, left: 1 });
    expect(left).toEqual([
      'the goodbye of the dead worker w-1 (voice, v1) did not arrive: the collector rejected 1 item of the report',
    ]);
    expect(told).toEqual([]);
    expect(folder.files()).toEqual([expect.stringMatching(/\.dead$/)]);
    pipeline.collector.answer = () => ({});
    expect(await recoverer.look(false)).toEqual({ delivered: 1, left: 0 });
    const [first, second] = goodbyes().map((points) => points.map(({ time }) => time));
    expect(second).toEqual(first);
    expect(told).toEqual(['w-1: 2']);
    expect(spans()).toHaveLength(2);
    expect(folder.files()).toEqual([]);
  });

  it('of whose goodbye no note can be made is not told of again by the same', async () => {
    await leave();
    pipeline.environment({ OTEL_EXPORTER_OTLP_TIMEOUT: '300' });
    pipeline.collector.answer = (to) => (to.includes('traces') ? { status: 503 } : {});
    const full = new Folder(folder.path);
    full.append = () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    const recoverer = createRecoverer(full);
    await recoverer.look();
    pipeline.collector.answer = () => ({});
    expect(await recoverer.look(false)).toEqual({ delivered: 1, left: 0 });
    expect(told).toEqual(['w-1: 2']);
    expect(goodbyes()).toHaveLength(1);
    expect(folder.files()).toEqual([]);
  });

  it('whose journal can not be given back is looked at again by who holds it', async () => {
    await leave();
    pipeline.collector.answer = () => ({ status: 404 });
    const readOnly = new Folder(folder.path);
    const { rename } = readOnly;
    readOnly.rename = (from, to) => {
      if (to.endsWith('.dead')) throw Object.assign(new Error('read-only'), { code: 'EROFS' });
      return rename(from, to);
    };
    const recoverer = createRecoverer(readOnly);
    expect(await recoverer.look()).toEqual({ delivered: 0, left: 1 });
    expect(folder.the('.claim')).not.toContain('no .claim');
    expect(await recoverer.look(), 'not at once').toEqual({ delivered: 0, left: 1 });
    pipeline.collector.answer = () => ({});
    readOnly.rename = rename;
    expect(await recoverer.look(false)).toEqual({ delivered: 1, left: 0 });
    expect(folder.files()).toEqual([]);
  });

  it('that had dropped sessions before adds those that it lost', async () => {
    const { name, lines } = await leave(['a', 'b']);
    const counted = lines.map((line) => changed(line, (record) => Object.assign(record, { dropped: 3 })));
    writeFileSync(path(`${name}.journal`), counted.join('\n'));
    await createRecoverer().look();
    const [goodbye = []] = goodbyes();
    expect(valueIn(goodbye, METRICS.dropped)).toBe(5);
    expect(goodbye.filter(({ kind }) => kind !== 'gauge')).toEqual([]);
  });

  it('leaves no connection to the collector behind', async () => {
    await leave();
    await createRecoverer().look();
    expect(goodbyes()).toHaveLength(1);
    await eventually(async () => expect(await pipeline.collector.connections()).toBe(0));
  });

  it('gets no span for a session that was not sampled', async () => {
    const { name, lines } = await leave(['a', 'b']);
    const sampled = lines.map((line) =>
      line.includes('"id":"a"')
        ? changed(line, ({ session = {} }) => Object.assign(session, { isSampled: false }))
        : line,
    );
    writeFileSync(path(`${name}.journal`), sampled.join('\n'));
    await createRecoverer().look();
    expect(told).toEqual(['w-1: 2']);
    expect(spans().map(({ attributes }) => attributes['openrtc.session.id'])).toEqual(['b']);
  });

  it('with a damaged journal is told of as far as it can be read, and the rest is said', async () => {
    const { name, lines } = await leave(['a', 'b', 'c']);
    const index = lines.findIndex((line) => line.includes('"id":"b"'));
    writeFileSync(path(`${name}.journal`), `${lines.with(index, 'damaged').join('\n')}\n`);
    await createRecoverer().look();
    expect(told).toEqual(['w-1: 3']);
    expect(left).toEqual([
      'the journal of the dead worker w-1 (voice, v1) has 1 damaged lines: 2 of its sessions get no span',
    ]);
    expect(spans().map(({ attributes }) => attributes['openrtc.session.id'])).toEqual(['c']);
  });
});

describe('a worker of another boot or machine', () => {
  const leaveOther = async (silentMs: number, hasSocket: boolean) => {
    const { name, lines } = await leave();
    if (!hasSocket) rmSync(path(`${name}.sock`));
    const at = Date.now() - silentMs;
    const moved = lines.map((line) =>
      changed(line, (record) => {
        Object.assign(record, { at });
        Object.assign(record.worker ?? {}, { boot: 'another' });
      }),
    );
    writeFileSync(path(`${name}.journal`), `${moved.join('\n')}\n`);
    return name;
  };

  it.each([true, false])('is left while it is not silent for long enough (socket: %s)', async (hasSocket) => {
    const name = await leaveOther(30_000, hasSocket);
    expect(await createRecoverer().look()).toEqual({ delivered: 0, left: 1 });
    expect(left).toEqual([
      `the worker w-1 of ${path(`${name}.journal`)} is of another boot or machine: dead only after 60 s of silence`,
    ]);
    expect(goodbyes()).toEqual([]);
  });

  it.each([true, false])('is dead when it is silent for long enough (socket: %s)', async (hasSocket) => {
    await leaveOther(61_000, hasSocket);
    expect(await createRecoverer().look()).toEqual({ delivered: 1, left: 0 });
    expect(told).toEqual(['w-1: 2']);
  });
});

describe('nothing proves the death of a worker', () => {
  it.each([
    ['that listens', async (socket: string) => void (await listen(socket)).unref(), []],
    ['whose socket is gone', async () => {}, [/has no socket, so nothing proves that it is dead/]],
    [
      'in the place of whose socket there is a file',
      async (socket: string) => writeFileSync(socket, ''),
      [/has no socket, so nothing proves/],
    ],
  ])('%s', async (_, make, messages) => {
    const { name, lines } = await play(['a']);
    await make(path(`${name}.sock`));
    write(name, lines);
    await createRecoverer().look();
    expect(told).toEqual([]);
    expect(left).toEqual(messages.map((message) => expect.stringMatching(message)));
    expect(folder.files()).toContain(`${name}.journal`);
  });

  it('whose socket somebody else has put there', async ({ skip }) => {
    if (process.geteuid?.() !== 0) return skip();
    const { name } = await leave();
    chownSync(path(`${name}.sock`), 12_345, 12_345);
    await createRecoverer().look();
    expect(told).toEqual([]);
    expect(left).toEqual([expect.stringMatching(/has no socket, so nothing proves/)]);
  });
});

it('a process that left only its socket is told of before that is removed', async () => {
  const socket = path(`${newName()}.sock`);
  leaveSocket(socket);
  expect(await createRecoverer().look()).toEqual({ delivered: 0, left: 0 });
  expect(left, 'it may be about to listen').toEqual([]);
  utimesSync(socket, 0, 0);
  const recoverer = createRecoverer();
  for (let i = 0; i < 2; i++) expect(await recoverer.look()).toEqual({ delivered: 0, left: 0 });
  expect(left).toEqual([
    `a process died that has only the socket ${socket}: if it was a worker, nobody can send its goodbye`,
  ]);
  expect(folder.files()).toEqual([]);
});

it('a dead worker whose pool never told how many sessions were active has a goodbye without that number', async () => {
  const { name, lines } = await leave(['a']);
  const unknown = lines.map((line) =>
    changed(line, (record) => Object.assign(record, { active: undefined })),
  );
  write(name, unknown);
  expect(await createRecoverer().look()).toEqual({ delivered: 1, left: 0 });
  expect(told).toEqual(['w-1: unknown how many']);
  const [goodbye = []] = goodbyes();
  expect(valueIn(goodbye, METRICS.active)).toBeUndefined();
  expect(valueIn(goodbye, METRICS.dropped)).toBeUndefined();
  expect(spans().map(({ attributes }) => attributes[SESSION_OUTCOME])).toEqual(['dropped']);
});

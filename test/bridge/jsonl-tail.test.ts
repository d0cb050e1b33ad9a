import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JsonlTail } from '../../src/bridge/jsonl-tail.js';

let dir = '';
let file = '';
let tail: JsonlTail;
const texts = () => tail.read().map(({ text }) => text);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'openrtc-tail-'));
  file = join(dir, 'a.jsonl');
  tail = new JsonlTail(file);
});
afterEach(() => {
  tail.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a followed file', () => {
  it('may not exist yet', () => {
    expect(texts()).toEqual([]);
    writeFileSync(file, 'one\n');
    expect(tail.read()).toEqual([{ text: 'one', isFirst: true }]);
    expect(texts()).toEqual([]);
  });

  it('gives each line once, and a half one when its rest is there', () => {
    writeFileSync(file, 'one\ntw');
    expect(texts()).toEqual(['one']);
    appendFileSync(file, 'o\nthr');
    expect(texts()).toEqual(['two']);
    appendFileSync(file, 'ee\n\nfour\n');
    expect(tail.read()).toEqual([
      { text: 'three', isFirst: false },
      { text: 'four', isFirst: false },
    ]);
    expect(tail.cutLines).toBe(0);
  });

  it('keeps a character whole that is written in two parts', () => {
    const bytes = Buffer.from('schön\n');
    writeFileSync(file, bytes.subarray(0, 4));
    expect(texts()).toEqual([]);
    appendFileSync(file, bytes.subarray(4));
    expect(texts()).toEqual(['schön']);
  });

  it('is read from its beginning when it is truncated, and the half line is lost', () => {
    writeFileSync(file, 'one\ntwo\nhal');
    expect(texts()).toEqual(['one', 'two']);
    writeFileSync(file, 'new\n');
    expect(tail.read()).toEqual([{ text: 'new', isFirst: true }]);
    expect(tail.cutLines).toBe(1);
  });

  it('is read on where its writer goes on at its old place after it was copied and truncated', () => {
    writeFileSync(file, 'one\ntwo\n');
    expect(texts()).toEqual(['one', 'two']);
    truncateSync(file);
    expect(texts()).toEqual([]);
    writeFileSync(file, Buffer.concat([Buffer.alloc(3 * 1024 * 1024), Buffer.from('three\n')]));
    const lines = [...tail.read(), ...tail.read()];
    expect(lines).toEqual([{ text: 'three', isFirst: true }]);
    expect(tail.cutLines).toBe(0);
  });

  it('that is moved away is read to its end, then the one that has its name', () => {
    writeFileSync(file, 'one\n');
    expect(texts()).toEqual(['one']);
    const { fileId } = tail;
    renameSync(file, join(dir, 'a.jsonl.1'));
    appendFileSync(join(dir, 'a.jsonl.1'), 'two\n');
    expect(texts()).toEqual(['two']);
    expect(tail.fileId).toBe(fileId);
    writeFileSync(file, 'three\n');
    appendFileSync(join(dir, 'a.jsonl.1'), 'last\n');
    expect(texts()).toEqual(['last']);
    expect(tail.read()).toEqual([{ text: 'three', isFirst: true }]);
    expect(tail.fileId).not.toBe(fileId);
  });

  it('that is long is read in parts', () => {
    const lines = Array.from({ length: 40_000 }, (_, index) => `${index} ${'x'.repeat(60)}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    const read: string[] = [];
    let parts = 0;
    for (let part = texts(); part.length > 0; part = texts()) {
      read.push(...part);
      parts++;
    }
    expect(read).toEqual(lines);
    expect(parts).toBeGreaterThan(2);
  });

  it('does not keep a line that never ends', () => {
    writeFileSync(file, `${'x'.repeat(5 * 1024 * 1024)}\ngood\n`);
    const read = [...texts(), ...texts()];
    expect(read.at(-1)).toBe('good');
    expect(tail.cutLines).toBeGreaterThan(0);
  });

  it('that can not be read throws', () => {
    rmSync(dir, { recursive: true });
    writeFileSync(dir, '');
    expect(() => tail.read()).toThrow('ENOTDIR');
    rmSync(dir);
    expect(texts()).toEqual([]);
  });

  it('that is a pipe holds nobody up, and throws', () => {
    execFileSync('mkfifo', [file]);
    for (let i = 0; i < 2; i++) {
      expect(() => tail.read()).toThrow(expect.objectContaining({ code: 'it is no file' }));
    }
    rmSync(file);
    writeFileSync(file, 'one\n');
    expect(texts()).toEqual(['one']);
  });
});

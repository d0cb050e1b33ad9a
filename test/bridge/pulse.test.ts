import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrainSignal } from '../../src/bridge/drain-signal.js';
import { Reachability } from '../../src/bridge/poll.js';
import { combineSigns, Pulse } from '../../src/bridge/pulse.js';
import { filesOf, isPattern } from '../../src/bridge/streams.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'openrtc-live-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the pulse of a stream', () => {
  it('is gone when it stops for 3.5 s', () => {
    const pulse = new Pulse();
    expect(pulse.sign(0)).toBe('unseen');
    for (let second = 0; second < 5; second++) pulse.beat(second * 1000, 1_700_000_000 + second);
    expect(pulse.sign(4_000 + 3_400)).toBe('alive');
    expect(pulse.sign(4_000 + 3_600)).toBe('gone');
  });

  it('that is slow is given two and a half of its intervals', () => {
    const pulse = new Pulse();
    pulse.beat(0, 1_700_000_000);
    pulse.beat(10_000, 1_700_000_010);
    pulse.beat(10_001);
    expect(pulse.sign(10_001 + 24_000)).toBe('alive');
    expect(pulse.sign(10_001 + 26_000)).toBe('gone');
  });
});

it('one refusal is chance, two are a death, and none of them is one of a worker that was never there', () => {
  const reachability = new Reachability();
  reachability.refused();
  reachability.refused();
  expect(reachability.sign).toBe('unseen');
  reachability.answered();
  reachability.refused();
  expect(reachability.sign).toBe('alive');
  reachability.refused();
  expect(reachability.sign).toBe('gone');
  reachability.answered();
  expect(reachability.sign).toBe('alive');
});

it.each([
  [['unseen', 'unseen'], 'unseen'],
  [['gone', 'unseen'], 'gone'],
  [['gone', 'alive', 'gone'], 'alive'],
] as const)('signs of %j fold into %s', (signs, expected) => {
  expect(combineSigns(signs)).toBe(expected);
});

describe('the signal of a drain', () => {
  const now = () => performance.now();

  it('is a file, since it was touched, for the workers that started before', () => {
    const file = join(dir, 'drain');
    const signal = new DrainSignal(file);
    const startedAt = Date.now() - 60_000;
    expect(signal.since(startedAt)).toBeUndefined();
    writeFileSync(file, '');
    const touched = new Date(Date.now() - 10_000);
    utimesSync(file, touched, touched);
    expect((now() - (signal.since(startedAt) ?? 0)) / 1000).toBeCloseTo(10, 0);
    expect(signal.since(Date.now() - 5_000)).toBeUndefined();
  });

  it('is what the bridge was told, for all workers', () => {
    const signal = new DrainSignal(undefined);
    expect(signal.isRequested).toBe(false);
    signal.request();
    expect(signal.isRequested).toBe(true);
    expect((now() - (signal.since(Date.now()) ?? 0)) / 1000).toBeCloseTo(0, 0);
  });
});

describe('a pattern', () => {
  it('names the files of a folder, and nothing else', () => {
    for (const name of ['b.jsonl', 'a.jsonl', 'a.jsonl.1', 'axjsonl', 'c.json'])
      writeFileSync(join(dir, name), '');
    const names = (pattern: string) =>
      filesOf(join(dir, pattern)).map(({ path }) => path.slice(dir.length + 1));
    expect(names('*.jsonl')).toEqual(['a.jsonl', 'b.jsonl']);
    expect(names('?.jsonl')).toEqual(['a.jsonl', 'b.jsonl']);
    expect(names('a.jsonl*')).toEqual(['a.jsonl', 'a.jsonl.1']);
    expect(filesOf(join(dir, 'none', '*'))).toEqual([]);
    symlinkSync('loop.jsonl', join(dir, 'loop.jsonl'));
    symlinkSync('nowhere', join(dir, 'broken.jsonl'));
    execFileSync('mkfifo', [join(dir, 'pipe.jsonl')]);
    expect(names('*.jsonl'), 'beside what is no file').toEqual(['a.jsonl', 'b.jsonl']);
  });

  it('is one by its last part alone', () => {
    expect(isPattern('/a*/b.jsonl')).toBe(false);
    expect(isPattern('/a/*.jsonl')).toBe(true);
  });
});

import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JsonlStream } from '../../src/bridge/jsonl-stream.js';
import { listenToWarnings } from '../support/warnings.js';
import { captured } from './support/replay.js';

const said = listenToWarnings();
let dir = '';
let file = '';
let stream: JsonlStream;

const read = () =>
  [...stream.read()].map(
    ({ line, isOfNewWorker }) => `${isOfNewWorker ? 'new ' : ''}${line.kind} ${line.seq}`,
  );
const snapshot = (seq: number, uptime_seconds = seq, more = {}) =>
  `${JSON.stringify({
    ...{ kind: 'snapshot', schema_version: 2, seq, wall_time_unix: 1_700_000_000 + seq },
    payload: { active_sessions: 0, uptime_seconds, timestamp: 1_700_000_000 + uptime_seconds },
    ...more,
  })}\n`;
const event = (seq: number, payload: unknown) =>
  `${JSON.stringify({ kind: 'event', schema_version: 2, seq, payload })}\n`;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'openrtc-stream-'));
  file = join(dir, 'a.jsonl');
  stream = new JsonlStream(file);
});
afterEach(() => {
  stream.tail.close();
  rmSync(dir, { recursive: true });
});

describe('the stream of a worker', () => {
  it.each(['sigkill', 'openrtc-0.19.0-drain'])('is read whole, and is one worker: %s', async (name) => {
    const text = captured(`${name}/metrics.jsonl`);
    for (let at = 0; at < text.length; at += 1000) {
      appendFileSync(file, text.slice(at, at + 1000));
      expect(read().some((record) => record.startsWith('new'))).toBe(false);
    }
    expect(stream.faults).toEqual([]);
    expect(await said()).toEqual([]);
  });

  it('goes on over what can not be read and what is not known; each is counted, and said once', async () => {
    const lines = [
      snapshot(1),
      'no JSON\n',
      '[1]\n',
      '{"kind":"snapshot"}\n',
      snapshot(2, 2, { payload: { active_sessions: -1 } }),
      event(3, 'no object'),
      snapshot(4, 4, { kind: 'weather' }),
      event(5, { event: 'session_moved' }),
      event(6, { event: 'metrics_stream_overflow', agent: '__openrtc__', overflow_dropped: 44 }),
      snapshot(7, 7, { schema_version: 3, new_field: { deep: [] } }),
      snapshot(10),
      snapshot(12),
    ];
    writeFileSync(file, lines.join(''));
    expect(read()).toEqual([
      'snapshot 1',
      'unknown 4',
      'unknown 5',
      'overflow 6',
      'snapshot 7',
      'snapshot 10',
      'snapshot 12',
    ]);
    expect(stream.faults.toSorted()).toEqual([
      '1 line of an unknown schema',
      '2 lines of an unknown kind',
      '44 events that OpenRTC had no room for',
      '5 lines missing (a gap in seq)',
      '5 lines that cannot be read',
    ]);
    expect(await said()).toHaveLength(5);
    expect((await said()).join()).not.toContain('JSON');
  });

  it('in a truncated file is a new worker’s', () => {
    writeFileSync(file, snapshot(1) + snapshot(2) + snapshot(3));
    read();
    writeFileSync(file, snapshot(1));
    expect(read()).toEqual(['new snapshot 1']);
    appendFileSync(file, snapshot(2));
    expect(read()).toEqual(['snapshot 2']);
  });

  it('is a new worker’s where the truncation was missed and the file is longer by now', () => {
    writeFileSync(file, snapshot(1) + snapshot(2) + snapshot(3));
    read();
    writeFileSync(file, [1, 2, 3, 4, 5].map((seq) => snapshot(seq, seq + 0.5)).join(''));
    expect(read()[0]).toBe('new snapshot 1');
  });

  it('that goes on in another file, or in one that was copied and truncated, is the same worker’s', () => {
    writeFileSync(file, snapshot(1) + snapshot(2));
    read();
    renameSync(file, join(dir, 'old'));
    writeFileSync(file, snapshot(3));
    expect(read()).toEqual(['snapshot 3']);
    writeFileSync(file, '');
    read();
    writeFileSync(file, snapshot(5));
    expect(read()).toEqual(['snapshot 5']);
    expect(stream.faults).toEqual(['1 line missing (a gap in seq)']);
  });

  it('is a new worker’s where its uptime begins again in another file, whatever its seq is', () => {
    writeFileSync(file, snapshot(1, 100));
    read();
    renameSync(file, join(dir, 'old'));
    writeFileSync(file, snapshot(7, 3));
    expect(read()).toEqual(['new snapshot 7']);
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLine, toLine } from '../../src/journal/records.js';
import type { LastKnown } from '../../src/journal/replay.js';
import { PlayedWorker, replay, useFolder } from './support.js';

const folder = useFolder();
const text = () => readFileSync(folder.the('.journal'), 'utf8');
const idsIn = ({ sessions }: LastKnown) => sessions.map(({ id }) => id);
const goodbye = { goodbye: true, spans: true };

type Event = 'start' | 'end' | 'drop' | 'look' | 'rewrite' | 'untold';
const EVENTS: readonly Event[] = ['start', 'end', 'drop', 'look', 'rewrite', 'untold'];

interface Truth {
  readonly isRewritten: boolean;
  /** How long the journal was. */
  readonly bytes: number;
  readonly active: number;
  /** The sessions it was told of. */
  readonly ids: readonly string[];
}

/** Plays events, and notes what was true after each. */
async function play(events: readonly Event[]) {
  const worker = new PlayedWorker(folder.path);
  await worker.journal.open();
  const truth: Truth[] = [];
  const note = (isRewritten: boolean) => {
    const ids = [...worker.live.keys()];
    const bytes = Buffer.byteLength(text());
    truth.push({ isRewritten, bytes, active: ids.length + worker.untold, ids });
  };
  note(true);
  for (const [index, event] of events.entries()) {
    const [oldest] = worker.live.keys();
    if (event === 'start') worker.start(`s-${index}`);
    else if (event === 'end' && oldest !== undefined) worker.end(oldest);
    else if (event === 'drop' && oldest !== undefined) {
      worker.totals.ended.dropped++;
      worker.end(oldest);
    } else if (event === 'untold') worker.untold = index % 3;
    if (event === 'rewrite') worker.journal.refresh();
    else if (event === 'look' || event === 'untold') worker.look();
    note(event === 'rewrite');
  }
  const journal = text();
  await worker.journal.close(goodbye);
  return { worker, truth, journal };
}

/** The journal knows nothing of what was before it was rewritten. */
function sinceRewrite(truth: readonly Truth[]): readonly Truth[] {
  return truth.slice(
    Math.max(
      0,
      truth.findLastIndex(({ isRewritten }) => isRewritten),
    ),
  );
}

/** Where the last line ends that has no flipped bit, nor the line feed before it. */
function endOfLastWhole(before: Buffer, after: Buffer): number {
  let end = 0;
  for (let start = 0; start < before.length; ) {
    const next = before.indexOf('\n', start) + 1;
    const from = Math.max(0, start - 1);
    if (before.subarray(from, next).equals(after.subarray(from, next))) end = next;
    start = next;
  }
  return end;
}

const anyEvents = fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 });

describe('what a journal tells', () => {
  it('is what was so, after any events', async () => {
    await fc.assert(
      fc.asyncProperty(anyEvents, async (events) => {
        const { worker, journal } = await play(events);
        const known = replay(journal);
        expect(idsIn(known)).toEqual([...worker.live.keys()]);
        expect(known.last.dropped).toBe(worker.totals.ended.dropped);
        expect(known.last.active).toBe(worker.live.size + worker.untold);
        expect(known.damaged).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('is what was so at the last record that can be read, wherever it is cut', async () => {
    const { truth, journal } = await play(
      Array.from({ length: 40 }, (_, n) => EVENTS[(n * 7) % EVENTS.length] ?? 'start'),
    );
    const bytes = Buffer.from(journal);
    const since = sinceRewrite(truth);
    expect(since.length).toBeGreaterThan(3);
    let read = 0;
    for (let cut = 0; cut <= bytes.length; cut++) {
      const part = bytes.subarray(0, cut).toString('utf8');
      // The line feed itself may be missing.
      const state = since.findLast(({ bytes: written }) => written <= cut + 1);
      try {
        const known = replay(part);
        read++;
        if (!state) continue;
        expect(known.last.active).toBe(state.active);
        expect(new Set(state.ids)).toEqual(new Set([...state.ids, ...idsIn(known)]));
      } catch (error) {
        expect(String(error)).toContain('no record says whose journal it is');
      }
    }
    expect(read).toBeGreaterThan(bytes.length / 4);
  });

  it('is what was so at the last record that can be read, whatever bits are flipped, and never a session more', async () => {
    const flip = fc.tuple(fc.nat(), fc.nat(7));
    await fc.assert(
      fc.asyncProperty(anyEvents, fc.array(flip, { minLength: 1, maxLength: 4 }), async (events, flips) => {
        const { truth, journal } = await play([...events, 'start', 'end', 'start']);
        const bytes = Buffer.from(journal);
        for (const [at, bit] of flips)
          bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
        let known: LastKnown;
        try {
          known = replay(bytes.toString('utf8'));
        } catch {
          return;
        }
        const end = endOfLastWhole(Buffer.from(journal), bytes);
        const since = sinceRewrite(truth);
        const state = since.findLast(({ bytes: written }) => written <= end) ?? since[0];
        expect(known.last.active).toBe(state?.active);
        expect(idsIn(known).filter((id) => !state?.ids.includes(id))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws anything but why it tells nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (given) => {
        const lines = [given, `00000000 ${given}`, toLine(given as never)];
        for (const line of lines) expect(() => replay(line)).toThrow(/no record says whose/);
      }),
    );
  });
});

describe('a record', () => {
  it.each([
    ['an unknown kind', { kind: 'toString', at: 1, active: 0, dropped: 0 }],
    ['no time', { kind: 'report', active: 0, dropped: 0, values: {} }],
    ['a negative number of sessions', { kind: 'report', at: 1, active: -1, dropped: 0, values: {} }],
    ['no number of dropped sessions', { kind: 'report', at: 1, active: 1, values: {} }],
    ['no id', { kind: 'end', at: 1, active: 0, dropped: 0 }],
    ['no session', { kind: 'start', at: 1, active: 1, dropped: 0, session: null }],
    ['a time beyond all dates', { kind: 'report', at: 1e300, active: 0, dropped: 0, values: {} }],
    [
      'a value that is not plausible',
      { kind: 'report', at: 1, active: 0, dropped: 0, values: { draining: 2 } },
    ],
    ['a metric that is none', { kind: 'report', at: 1, active: 0, dropped: 0, values: { toString: 2 } }],
    ['a counter', { kind: 'report', at: 1, active: 0, dropped: 0, values: { started: 2 } }],
    ['tenants that are none', { kind: 'report', at: 1, active: 0, dropped: 0, values: { tenants: [['a']] } }],
  ])('with a right checksum and %s is no record', (_, record) => {
    expect(fromLine(toLine(record as never).trim())).toBeUndefined();
  });

  it('comes back as it was', () => {
    const record = { kind: 'end', at: 5, active: 2, dropped: 1, id: 'sëssion \ud83d\n' } as const;
    const line = toLine(record);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(fromLine(line.trimEnd())).toEqual(record);
  });
});

describe('sessions that the pool no longer counts', () => {
  it('are not active', async () => {
    const worker = new PlayedWorker(folder.path);
    await worker.journal.open();
    for (const id of ['a', 'b', 'c']) worker.start(id);
    worker.untold = -1;
    worker.look();
    const known = replay(text());
    expect(known.last.active).toBe(2);
    expect(idsIn(known)).toEqual(['a', 'b', 'c']);
    await worker.journal.close(goodbye);
  });
});

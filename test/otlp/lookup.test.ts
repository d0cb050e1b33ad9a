import dns, { type LookupAddress } from 'node:dns';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { lookup as Lookup } from '../../src/otlp/lookup.js';

type Found = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

const BOTH: LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

let lookup: typeof Lookup;
let giveUp: () => void;
let asked: string[];
let questions: string[];
/** What the system and its name server do with a name. */
let answer: (found: Found) => void;
let serve: (done: (error: NodeJS.ErrnoException | null) => void) => void;

beforeEach(async () => {
  [asked, questions] = [[], []];
  answer = (found) => found(null, BOTH);
  serve = (done) => done(null);
  vi.spyOn(dns, 'lookup').mockImplementation(((name: string, _: unknown, found: Found) => {
    asked.push(name);
    answer(found);
  }) as never);
  vi.spyOn(dns.Resolver.prototype, 'resolve4').mockImplementation(((name: string, done: never) => {
    questions.push(name);
    serve(done);
  }) as never);
  vi.useFakeTimers();
  vi.resetModules();
  ({ lookup, giveUpQuestions: giveUp } = await import('../../src/otlp/lookup.js'));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const all = (name: string, options = {}) =>
  promisify<string, object, LookupAddress[]>(lookup as never)(name, { all: true, ...options });

describe('the lookup of a collector', () => {
  it('gives what the system knows, as it is asked', async () => {
    expect(await all('collector')).toEqual(BOTH);
    expect(await all('collector', { family: 4 })).toEqual([BOTH[1]]);
    const one = new Promise((resolve) => lookup('collector', {}, (...given) => resolve(given)));
    expect(await one).toEqual([null, '::1', 6]);
    expect(asked).toEqual(['collector']);
  });

  it('is one at a time, however many connections wait for it, and none comes after it while it hangs', async () => {
    answer = () => {};
    for (let minute = 0; minute < 10; minute++) {
      for (let n = 0; n < 10; n++) void all('collector');
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(asked).toEqual(['collector']);
  });

  it('keeps an answer for a while', async () => {
    await all('collector');
    await vi.advanceTimersByTimeAsync(9_000);
    await all('collector');
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_100);
    await all('collector');
    expect(asked).toHaveLength(2);
  });

  it('keeps a failure for a moment', async () => {
    const refused = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    answer = (found) => found(refused, []);
    await expect(all('collector')).rejects.toBe(refused);
    await expect(all('collector')).rejects.toBe(refused);
    expect(asked).toHaveLength(1);
    answer = (found) => found(null, BOTH);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(await all('collector')).toEqual(BOTH);
  });

  it('does not begin while the name server does not answer', async () => {
    const cancelled = Object.assign(new Error('cancelled'), { code: dns.CANCELLED });
    let give: (error: Error) => void = () => {};
    serve = (done) => {
      give = done;
    };
    vi.spyOn(dns.Resolver.prototype, 'cancel').mockImplementation(() => give(cancelled));
    const failing = (name: string) => expect(all(name)).rejects.toMatchObject({ code: 'EAI_AGAIN' });
    const waiting = failing('collector');
    await vi.advanceTimersByTimeAsync(2_000);
    await waiting;
    const ending = failing('another');
    giveUp();
    await ending;
    expect(asked).toEqual([]);
  });

  it.each(['ENOTFOUND', 'ESERVFAIL', 'ECONNREFUSED', 'ENODATA'])(
    'begins where the name server answers with %s: the system may know more',
    async (code) => {
      serve = (done) => done(Object.assign(new Error(code), { code }));
      expect(await all('collector')).toEqual(BOTH);
    },
  );

  it('asks no name server for the name of this machine', async () => {
    await all('localhost');
    expect(questions).toEqual([]);
  });
});

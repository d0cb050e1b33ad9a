import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errorClass, Trouble, warn } from '../../src/lib/warn.js';
import { listenToWarnings } from '../support/warnings.js';

const QUIET_MS = 300_000;
const said = listenToWarnings();

describe('say', () => {
  it('emits a process warning with the name of the package', async () => {
    warn('hello');
    expect(await said()).toEqual(['hello']);
  });

  it('says one line, whatever is in it', async () => {
    warn('größe \x1b[31m\n\u2028::error::\u202E\x9b');
    expect(await said()).toEqual(['größe \uFFFD[31m\uFFFD\uFFFD::error::\uFFFD\uFFFD']);
  });
});

describe('Trouble', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is said once when it breaks and once when it heals', async () => {
    const trouble = new Trouble('well again');
    for (let i = 0; i < 3; i++) trouble.broke('broken');
    expect(await said()).toEqual(['broken']);
    for (let i = 0; i < 3; i++) trouble.healed();
    expect(await said()).toEqual(['broken', 'well again']);
  });

  it('does not speak of healing where nothing broke', async () => {
    new Trouble('well again').healed();
    expect(await said()).toEqual([]);
  });

  it('is said at most once in five minutes where it comes and goes', async () => {
    const trouble = new Trouble('well again');
    for (let second = 0; second < 300; second++) {
      trouble.broke('broken');
      trouble.healed();
      vi.advanceTimersByTime(999);
    }
    expect(await said()).toEqual(['broken', 'well again']);
    vi.advanceTimersByTime(QUIET_MS);
    trouble.broke('broken again');
    expect(await said()).toEqual(['broken', 'well again', 'broken again']);
  });

  it('is said after five minutes where it came back and stays', async () => {
    const trouble = new Trouble('well again');
    trouble.broke('broken');
    trouble.healed();
    trouble.broke('broken for good');
    vi.advanceTimersByTime(QUIET_MS);
    trouble.broke('broken for good');
    expect(await said()).toEqual(['broken', 'well again', 'broken for good']);
  });
});

describe('errorClass', () => {
  class CallError extends Error {
    override name = 'CallError';
  }

  it.each([
    ['a built-in error', new RangeError('secret'), 'RangeError'],
    ['an error of one’s own', new CallError('secret'), 'CallError'],
    ['an abort', new DOMException('secret', 'AbortError'), 'AbortError'],
    ['a name with a namespace', Object.assign(new Error('secret'), { name: 'a.b.C' }), 'a.b.C'],
    ['a name that is a sentence', Object.assign(new Error('x'), { name: 'Alice called' }), '_OTHER'],
    ['a name of 65 characters', Object.assign(new Error('x'), { name: 'x'.repeat(65) }), '_OTHER'],
    ['an empty name', Object.assign(new Error('x'), { name: '' }), '_OTHER'],
    ['a name that is no string', Object.assign(new Error('x'), { name: undefined }), '_OTHER'],
    ['a string', 'secret', 'string'],
    ['an object', { message: 'secret' }, 'object'],
  ])('of %s', (_, error, expected) => {
    expect(errorClass(error)).toBe(expected);
  });

  it('is that of any other error where none was given', () => {
    expect(errorClass(undefined)).toBe('_OTHER');
  });

  it('survives an error that does not let itself be read', () => {
    const error = Object.defineProperty(new Error('x'), 'name', {
      get() {
        throw new Error('secret');
      },
    });
    expect(errorClass(error)).toBe('_OTHER');
  });
});

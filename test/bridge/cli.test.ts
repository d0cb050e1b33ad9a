import { describe, expect, it } from 'vitest';
import { Child } from '../wire/support/child.js';

const CLI = '../../dist/cli/main.js';
const run = async (...args: string[]) => {
  const child = new Child(CLI, {}, ['bridge', ...args]);
  const { code } = await child.exit;
  return { code, said: child.stderr.join('\n'), printed: child.stdout.join('\n') };
};

describe.concurrent('openrtc-otel bridge', () => {
  it.each([
    ['no source', [], ['--jsonl, --socket and --url', 'got none']],
    ['no value', ['--jsonl'], ["'--jsonl <file>'", 'missing']],
    ['an empty name', ['--socket', ''], ["'--socket <file>'", 'a text that is not empty', "''"]],
    ['a wrong URL', ['--url', 'worker:8081'], ["'--url <url>'", 'http or https URL', "'worker:8081'"]],
    ['a URL of another kind', ['--url', 'file:///x'], ["'--url <url>'", 'http or https URL', "'file:///x'"]],
    [
      'a pattern beside a socket',
      ['--jsonl', '*.jsonl', '--socket', 'a'],
      ["'--jsonl'", 'one file', "'*.jsonl'"],
    ],
    [
      'a wrong number of seconds',
      ['--jsonl', 'a', '--drain-timeout', 'soon'],
      ["'--drain-timeout <seconds>'", 'seconds, 0 or more', "'soon'"],
    ],
    [
      'no seconds at all',
      ['--jsonl', 'a', '--drain-timeout', ''],
      ["'--drain-timeout <seconds>'", 'seconds, 0 or more', "''"],
    ],
    [
      'too many tenants',
      ['--jsonl', 'a', '--tenant-limit', '41'],
      ["'--tenant-limit <number>'", 'a whole number from 1 to 40', "'41'"],
    ],
    [
      'a name that is too long',
      ['--jsonl', 'a', '--pool', 'x'.repeat(256)],
      ["'--pool <name>'", 'a string of 1 to 255 characters'],
    ],
    ['an unknown option', ['--jsonl', 'a', '--follow'], ["unknown option '--follow'"]],
    ['a pattern that the shell opened', ['--jsonl', 'a', 'b'], ['too many arguments']],
  ])('with %s says what was expected and what was given, and exits with 64', async (_, args, words) => {
    const { code, said } = await run(...args);
    for (const word of words) expect(said).toContain(word);
    expect(code).toBe(64);
  });

  it('tells its options', async () => {
    const { code, printed } = await run('--help');
    expect(code).toBe(0);
    expect(printed).toContain('--drain-file <file>');
  });
});

import { describe, expect, it } from 'vitest';
import { recoverCommand } from '../../src/cli/recover.js';
import { firstCells, read, table } from '../support/markdown.js';

const page = read('docs/journal.md');

describe('the documents of the command recover have', () => {
  it('its options and their defaults', () => {
    const options = recoverCommand().options.map(({ flags, defaultValue }) => [flags, String(defaultValue)]);
    const rows = table('docs/cli.md', '`recover` option');
    expect(rows.map(([flags, fallback]) => [flags, fallback])).toEqual(options);
  });

  it('its exit codes', () => {
    expect(firstCells('docs/cli.md', 'Exit code of `recover`')).toEqual(['0', '1', '64']);
  });
});

describe('the manifests', () => {
  const links = [...page.matchAll(/\(\.\.\/(examples\/journal\/[^)]+)\)/g)].map(([, link = '']) => link);

  it('are linked', () => {
    expect(links).toHaveLength(4);
  });

  it('give the command what it takes, and the folder that the worker writes to', () => {
    const manifests = links.map(read);
    const commands = manifests.flatMap((text) => text.match(/openrtc-otel,? recover.*/g) ?? []);
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      const args = command.replace(/[\],]/g, ' ').trim().split(/\s+/).slice(2);
      const { operands, unknown } = recoverCommand().parseOptions(args);
      expect(unknown).toEqual([]);
      expect(operands).toHaveLength(1);
      const worker = manifests.find((text) => text.includes(command)) ?? '';
      expect(worker.match(/JOURNAL(?:=|, value: )([^ }\n]+)/)?.[1]).toBe(operands[0]);
    }
  });
});

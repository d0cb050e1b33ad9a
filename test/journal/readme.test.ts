import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recoverCommand } from '../../src/cli/recover.js';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const section = readme.slice(readme.indexOf('\n## The journal\n'), readme.indexOf('\n## What it costs\n'));

/** The rows of the section's table whose first column has this head: its cells, without the code quotes. */
function table(head: string): string[][] {
  const [, rows = ''] = section.split(`| ${head} |`);
  return rows
    .split('\n\n')[0]
    ?.split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    ) as string[][];
}

describe('the README says of the command recover', () => {
  it('its options and their defaults', () => {
    const options = recoverCommand().options.map(({ flags, defaultValue }) => [flags, String(defaultValue)]);
    expect(table('`recover` option').map(([flags, fallback]) => [flags, fallback])).toEqual(options);
  });

  it('its exit codes', () => {
    expect(table('Exit code of `recover`').map(([code]) => code)).toEqual(['0', '1', '64']);
  });
});

describe('the manifests', () => {
  const links = [...section.matchAll(/\((examples\/journal\/[^)]+)\)/g)].map(([, link = '']) => link);

  it('are linked', () => {
    expect(links).toHaveLength(4);
    for (const link of links) expect(existsSync(new URL(link, root)), link).toBe(true);
  });

  it('give the command what it takes, and the folder that the worker writes to', () => {
    const manifests = links.map((link) => readFileSync(new URL(link, root), 'utf8'));
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

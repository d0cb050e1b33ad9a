import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const threats = read('docs/security.md');

/** The rows of every table that has the column "Shown by". */
const rows = threats
  .split('\n\n')
  .filter((block) => block.startsWith('| Threat | What protects | Shown by |'))
  .flatMap((block) => block.trim().split('\n').slice(2));

describe('docs/security.md', () => {
  it.each(rows)('names tests that there are: %s', (row) => {
    const [, , , shown = ''] = row.split(/(?<!\\)\|/);
    const links = [...shown.matchAll(/\["([^"]+)"\]\(\.\.\/(test\/[\w./-]+\.test\.ts)\)/g)];
    expect(links.length, 'a test').toBeGreaterThan(0);
    expect(shown.replace(/\["[^"]+"\]\([^)]+\)|[,\s]/g, ''), 'nothing but tests').toBe('');
    for (const [, title = '', file = ''] of links) expect(read(file)).toContain(title);
  });

  it('has a table for each part', () => {
    const parts = threats.split('\n## ').filter((part) => part.includes('| Shown by |'));
    expect(parts.map((part) => part.split('\n')[0])).toEqual([
      'Secrets and personal data',
      'The receiver',
      'The verdict and Prometheus',
      'The journal and recovery',
      'Commands and the bridge',
    ]);
  });
});

it('SECURITY.md and docs/security.md lead to each other', () => {
  expect(read('SECURITY.md')).toContain('(docs/security.md)');
  expect(threats).toContain('(../SECURITY.md)');
});

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The rooms that each room may import, besides itself. What stands in none of them is at the root. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  attributes: ['lib'],
  worker: ['attributes', 'lib'],
  otlp: ['attributes', 'lib', 'worker'],
  journal: ['attributes', 'lib', 'worker', 'otlp'],
  instrument: ['attributes', 'lib', 'worker', 'otlp', 'journal'],
  pools: ['attributes', 'lib', 'worker'],
  root: ['attributes', 'lib', 'worker', 'instrument'],
  bridge: ['attributes', 'lib', 'worker', 'instrument', 'root'],
  'deploy/verdict': ['attributes', 'lib', 'deploy'],
  'deploy/receiver': ['attributes', 'lib', 'deploy'],
  'deploy/prometheus': ['attributes', 'lib', 'deploy'],
  deploy: ['attributes', 'lib', 'deploy/verdict', 'deploy/receiver', 'deploy/prometheus'],
  'cli/args': ['attributes', 'lib', 'deploy', 'deploy/receiver', 'deploy/prometheus'],
  'cli/terminal': ['lib'],
  'cli/top': ['attributes', 'lib', 'deploy', 'deploy/verdict', 'cli/terminal'],
  cli: [
    ...['attributes', 'lib', 'worker', 'instrument', 'journal', 'bridge'],
    ...['deploy', 'deploy/verdict', 'deploy/receiver', 'deploy/prometheus'],
    ...['cli/args', 'cli/terminal', 'cli/top'],
  ],
};

const SRC = 'src';
const MOST_LINES = 300;
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));

function roomOf(file: string): string {
  const folder = dirname(file);
  if (file === 'attributes.ts') return 'attributes';
  if (folder === '.') return 'root';
  // A room within a room that is none of its own.
  return folder in MAY_IMPORT ? folder : (folder.split('/')[0] ?? folder);
}

const imports = files.flatMap(({ file, text }) =>
  Array.from(text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g), ([, path = '']) => ({
    file,
    to: `${relative('.', join(dirname(file), path))}.ts`,
  })),
);

describe('the rooms of src/', () => {
  it('have three files at the root', () => {
    const atRoot = files.map(({ file }) => file).filter((file) => !file.includes('/'));
    expect(atRoot.sort()).toEqual(['attributes.ts', 'index.ts', 'instrument.ts']);
  });

  it('import down or sideways, never up', () => {
    expect(imports.length).toBeGreaterThan(200);
    const wrong = imports.filter(({ file, to }) => {
      const [from, room] = [roomOf(file), roomOf(to)];
      return from !== room && !MAY_IMPORT[from]?.includes(room);
    });
    expect(wrong).toEqual([]);
  });

  it('hold small files', () => {
    const long = files.filter(({ text }) => text.split('\n').length > MOST_LINES + 1);
    expect(long.map(({ file }) => file)).toEqual([]);
  });

  it('have no metric or attribute name outside the table', () => {
    const named = files.filter(
      ({ file, text }) => file !== 'attributes.ts' && /['"`]openrtc\.[a-z_.]+['"`]/.test(text),
    );
    expect(named.map(({ file }) => file)).toEqual([]);
  });
});

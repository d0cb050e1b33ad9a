import { readFileSync } from 'node:fs';

const backends = readFileSync(new URL('../../docs/backends.md', import.meta.url), 'utf8');

/**
 * The environment that docs/backends.md gives under a heading, with what stands in for the vendor's address and key.
 *
 * @param origin - What the vendor's addresses begin with.
 */
export function recipeOf(heading: string, origin: string): Record<string, string> {
  const [, section = ''] = backends.split(`### ${heading}\n`);
  const [, block] = /```sh\n(.*?)```/s.exec(section) ?? [];
  if (block === undefined) throw new Error(`docs/backends.md has no environment under "${heading}"`);
  const lines = block.split('\n').filter((line) => line.startsWith('OTEL_'));
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.split('=');
      const filled = value
        .join('=')
        .replace(/https:\/\/[^/]+/, origin)
        .replaceAll(/<\w+>/g, 'secret');
      return [name, filled];
    }),
  );
}

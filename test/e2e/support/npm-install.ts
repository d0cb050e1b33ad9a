import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './project.js';

/** Installs npm packages into a folder. */
export async function npmInstall(dir: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(dir, 'package.json'), '{"private":true,"type":"module"}');
  const args = ['install', '--no-audit', '--no-fund', ...packages];
  const { code, stderr } = await run('npm', args, { cwd: dir });
  if (code !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`);
}

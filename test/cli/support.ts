import { fileURLToPath } from 'node:url';
import { type Output, run } from '../e2e/support/project.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the built command to its end. */
export function command(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
  return run(process.execPath, ['dist/cli/main.js', ...args], { cwd: ROOT, env });
}

/** The lines that `--json` printed. */
export const jsonLines = ({ stdout }: Output): Record<string, unknown>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

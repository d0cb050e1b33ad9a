import { ROOT, run } from './project.js';

/** Installs a Go program of a module into a folder. */
export async function goInstall(dir: string, program: string, args: readonly string[] = []): Promise<void> {
  const { code, stderr } = await run('go', ['install', ...args, program], { cwd: ROOT, env: { GOBIN: dir } });
  if (code !== 0) throw new Error(`go install ${program}: ${stderr}`);
}

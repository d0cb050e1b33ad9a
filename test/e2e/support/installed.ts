import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run } from './project.js';

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'openrtc-otel-e2e');

/**
 * The folder of a pinned tool that the tests need: installed once a machine, whole or not at all. `name` holds the
 * version, so that another version is another folder.
 */
export async function installed(name: string, install: (dir: string) => Promise<void>): Promise<string> {
  const dir = join(CACHE, name);
  if (await exists(dir)) return dir;
  await mkdir(CACHE, { recursive: true });
  const building = await mkdtemp(`${dir}.`);
  try {
    await install(building);
    await rename(building, dir);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    // Another test run was faster.
    if (!(await exists(dir))) throw error;
  }
  return dir;
}

/** Installs a Go program of a module into a folder. */
export async function goInstall(dir: string, program: string, args: readonly string[] = []): Promise<void> {
  const { code, stderr } = await run('go', ['install', ...args, program], { cwd: ROOT, env: { GOBIN: dir } });
  if (code !== 0) throw new Error(`go install ${program}: ${stderr}`);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

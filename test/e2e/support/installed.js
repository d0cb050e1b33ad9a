import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { alone } from './alone.js';

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'openrtc-otel-e2e');

/**
 * The folder of a pinned tool that the tests need: installed once a machine, whole or not at all, while all others wait
 * for it. `name` holds the version, so that another version is another folder.
 * @param {string} name @param {(dir: string) => Promise<void>} install @returns {Promise<string>}
 */
export async function installed(name, install) {
  const dir = join(CACHE, name);
  if (await exists(dir)) return dir;
  await mkdir(CACHE, { recursive: true });
  await alone(dir, async () => {
    if (await exists(dir)) return;
    const building = await mkdtemp(`${dir}.`);
    try {
      await install(building);
      await rename(building, dir);
    } catch (error) {
      await rm(building, { recursive: true, force: true });
      throw error;
    }
  });
  return dir;
}

/** @param {string} path */
function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { portOf } from './support/alone.js';
import { Process } from './support/process.js';
import { Project } from './support/project.js';

const SCRIPT = fileURLToPath(new URL('fixtures/install-tool.js', import.meta.url));
const PROCESSES = 6;

const folderOf = (project: Project) => join(project.dir, 'openrtc-otel-e2e/tool-v1');

/** Many processes that need the same tool at once; gives how they ended and who has built it. */
async function installAtOnce(project: Project, env: Readonly<Record<string, string>> = {}) {
  const builds = join(project.dir, 'builds');
  const all = Array.from(
    { length: PROCESSES },
    () =>
      new Process(process.execPath, [SCRIPT], {
        cwd: project.dir,
        env: { XDG_CACHE_HOME: project.dir, BUILDS: builds, ...env },
      }),
  );
  const ends = await Promise.all(all.map(({ exit }) => exit));
  const failed = all.filter((_, index) => ends[index]?.code !== 0).map(({ output }) => output);
  expect(existsSync(join(folderOf(project), 'tool')), 'it is whole').toBe(true);
  const outputs = all.filter((_, index) => ends[index]?.code === 0).map(({ output }) => output.trim());
  expect(new Set(outputs)).toEqual(new Set([folderOf(project)]));
  return { failed, builds: readFileSync(builds, 'utf8').trim().split('\n').length };
}

describe.concurrent('a tool that many processes need at once', () => {
  it('is built once, and all have it', async () => {
    await using project = await Project.create();
    expect(await installAtOnce(project)).toEqual({ failed: [], builds: 1 });
  });

  it.each([
    ['is killed', ''],
    ['fails', 'it can not be built'],
  ])('is built by the next where the first %s', async (what, words) => {
    await using project = await Project.create();
    const { failed, builds } = await installAtOnce(project, { FIRST: what });
    expect(failed).toEqual([expect.stringContaining(words)]);
    expect(builds).toBe(2);
  });

  it.each([
    ['says nothing', ''],
    ['says something else', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('is built once where a stranger listens who %s', async (_, words) => {
    await using project = await Project.create();
    const stranger = createServer((socket) => socket.on('error', () => {}).write(words));
    await new Promise<void>((resolve) => stranger.listen(portOf(folderOf(project)), '127.0.0.1', resolve));
    expect(await installAtOnce(project)).toEqual({ failed: [], builds: 1 });
    stranger.close();
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its exit code. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Output> {
  const env = { ...process.env, ...options.env };
  try {
    const output = await promisify(execFile)(program, args, { ...options, env, maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, ...output };
  } catch (error) {
    const { code, stdout, stderr } = error as Output;
    if (typeof code !== 'number') throw error;
    return { code, stdout, stderr };
  }
}

/** An empty project in a folder of its own, removed when disposed. */
export class Project implements AsyncDisposable {
  private constructor(readonly dir: string) {}

  static async create(manifest: Record<string, unknown> = { type: 'module' }): Promise<Project> {
    const project = new Project(await mkdtemp(join(tmpdir(), 'openrtc-otel-e2e-')));
    await project.write('package.json', JSON.stringify({ private: true, ...manifest }));
    return project;
  }

  write(file: string, text: string): Promise<void> {
    return writeFile(join(this.dir, file), text);
  }

  /** Installs packages; npm's refusal is an error. */
  async install(...args: string[]): Promise<void> {
    const { code, stderr } = await run('npm', ['install', '--no-audit', '--no-fund', ...args], {
      cwd: this.dir,
    });
    if (code !== 0) throw new Error(`npm install ${args.join(' ')}: ${stderr}`);
  }

  node(args: readonly string[], env: NodeJS.ProcessEnv = {}, program = process.execPath): Promise<Output> {
    return run(program, args, { cwd: this.dir, env });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }
}

/** Packs this package into a project's folder, as npm would publish it, and gives the file's path. */
export async function pack(project: Project): Promise<string> {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', project.dir];
  const { stdout } = await run('npm', args, { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout);
  return join(project.dir, filename);
}

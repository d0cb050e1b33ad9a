import { availableParallelism } from 'node:os';
import type { WorkerFacts } from '../../../src/deploy/index.js';
import { until } from '../../support/until.js';
import { type Call, freePort, type LiveKit } from './livekit.js';
import { Process } from './process.js';
import type { Project } from './project.js';

/** Where workers report to, and what it knows of them: the receiver, or whatever stands in its place. */
export interface Watcher {
  readonly url: string;
  workers(): readonly WorkerFacts[];
}

const JOB_PROCESS = 'job_proc_lazy_main';

/** The steps that deploys with real LiveKit workers are made of. */
export class Scene implements AsyncDisposable {
  readonly #workers: Process[] = [];
  readonly #calls: Call[] = [];

  constructor(
    readonly livekit: LiveKit,
    readonly project: Project,
    readonly watcher: Watcher,
  ) {}

  /** What all processes wrote. */
  get output(): string {
    return this.#workers.map(({ output }) => output).join('');
  }

  /** Starts a worker of a version and waits until it takes jobs and has reported. */
  async worker(version: string, script = 'worker.js', env: Record<string, string> = {}): Promise<Process> {
    const args = script === 'own-server.js' ? [script] : [script, 'start'];
    const worker = new Process(process.execPath, args, {
      cwd: this.project.dir,
      env: {
        ...this.livekit.environment,
        OTEL_EXPORTER_OTLP_ENDPOINT: this.watcher.url,
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
        LIVEKIT_AGENT_DEPLOYMENT: version,
        LOG_LEVEL: 'debug',
        PORT: String(await freePort()),
        // Removed with the project: what a killed worker leaves behind.
        TMPDIR: this.project.dir,
        ...env,
      },
    });
    this.#workers.push(worker);
    await until(`a worker registers: ${worker.output}`, () => worker.output.includes('registered worker'));
    await this.seen(version, {});
    return worker;
  }

  /** Makes a call and waits until a worker has taken it. */
  async call(tenant: string, more: Record<string, unknown> = {}): Promise<Call> {
    const call = await this.offer({ tenant, ...more });
    await call.answered();
    return call;
  }

  /** Offers a job that a worker may turn away. */
  async offer(metadata: Record<string, unknown>): Promise<Call> {
    const call = await this.livekit.call(metadata);
    this.#calls.push(call);
    return call;
  }

  /** What is known of the one worker of a version. */
  facts(version: string): WorkerFacts {
    const [facts, ...others] = this.watcher.workers().filter((worker) => worker.version === version);
    if (!facts || others.length > 0) throw new Error(`not one worker of ${version}`);
    return facts;
  }

  /** Waits until these facts are known of the worker of a version. */
  seen(version: string, expected: Partial<WorkerFacts>): Promise<WorkerFacts> {
    return until(`${version} is seen with ${JSON.stringify(expected)}`, () => {
      const facts = this.facts(version);
      const isSo = Object.entries(expected).every(
        ([name, value]) => facts[name as keyof WorkerFacts] === value,
      );
      return isSo && facts;
    }) as Promise<WorkerFacts>;
  }

  /**
   * Asks a worker with so many calls to end, when its processes are ready: LiveKit loses a request to end of one
   * that is not, and waits a minute for it.
   */
  async terminate(worker: Process, calls: number): Promise<void> {
    const expected = calls + Math.min(availableParallelism(), 4);
    await until('all processes of the worker are ready', async () => {
      const pids = await worker.children(JOB_PROCESS);
      const isReady = (pid: number) =>
        new RegExp(`"pid":${pid},.*job runner initialized`).test(worker.output);
      return pids.length >= expected && pids.every(isReady);
    });
    worker.kill('SIGTERM');
  }

  /** The process of a worker's oldest job: LiveKit gives jobs to its processes in the order of their start. */
  async jobProcess(worker: Process): Promise<number> {
    const [pid] = await worker.children(JOB_PROCESS);
    if (pid === undefined) throw new Error('the worker has no job process');
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#calls.map((call) => call.end()));
    for (const worker of this.#workers) await worker[Symbol.asyncDispose]();
  }
}

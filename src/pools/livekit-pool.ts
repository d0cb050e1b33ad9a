import type { SessionOutcome } from '../attributes.js';
import type { PoolLike, PoolWorker, RuntimeSnapshot, SessionInfo, SessionObserver } from '../pool.js';
import { errorClass, say } from '../say.js';
import { type JobListener, jobChannel, VERSION } from './livekit-channel.js';
import { sessionOf } from './livekit-job.js';
import { isRejection, type LiveKitServer, type LiveKitServerListener } from './livekit-server.js';
import { Observers } from './observers.js';

interface Live {
  readonly info: SessionInfo;
  /** Whether its process reports: then that tells the end, and how it came. */
  isTracked: boolean;
}

/**
 * The jobs of an `AgentServer` as the sessions of a pool. LiveKit emits nothing when a job starts or ends, so each
 * snapshot looks what has changed: an instrumented pool is asked for one every 250 ms. Nothing here throws into
 * LiveKit.
 */
export class LiveKitPool implements PoolLike, JobListener, LiveKitServerListener {
  readonly #observers = new Observers();
  readonly #live = new Map<string, Live>();
  /** Sessions that are over while LiveKit still lists their jobs. */
  readonly #over = new Set<string>();
  readonly #workers = new Set<PoolWorker>();
  #server: LiveKitServer | undefined;
  #hasRun = false;
  #draining = false;
  #drainTimeoutMs: number | undefined;

  constructor(drainTimeoutMs: number | undefined) {
    this.#drainTimeoutMs = drainTimeoutMs;
  }

  runtimeSnapshot(): RuntimeSnapshot {
    this.#look();
    return {
      activeSessions: this.#live.size,
      draining: this.#draining,
      deploymentVersion: process.env.LIVEKIT_AGENT_DEPLOYMENT ?? null,
      drainTimeoutSeconds: this.#drainTimeoutMs ? this.#drainTimeoutMs / 1000 : null,
    };
  }

  observe(observer: SessionObserver): () => void {
    return this.#observers.add(
      observer,
      Array.from(this.#live.values(), ({ info }) => info),
    );
  }

  onInstrument(worker: PoolWorker): void {
    this.#workers.add(worker);
    process.env[VERSION] = worker.deploymentVersion;
  }

  /** Follows a server from now on. */
  follow(server: LiveKitServer): void {
    this.#server = server;
    jobChannel().add(this);
    try {
      server.event.on('worker_msg', (message) => {
        if (isRejection(message)) this.#reject();
      });
    } catch (error) {
      say(`rejected jobs can not be counted: ${errorClass(error)}`);
    }
  }

  isOf(server: LiveKitServer): boolean {
    return server === this.#server;
  }

  onRun(server: LiveKitServer): boolean {
    if (!this.#server) this.follow(server);
    if (!this.isOf(server)) {
      say('a second AgentServer runs: it is not reported. Make a pool of each server instead of their class');
      return false;
    }
    const isFirst = !this.#hasRun;
    this.#hasRun = true;
    return isFirst;
  }

  onDrain(timeoutMs: number | undefined): void {
    this.#draining = true;
    this.#drainTimeoutMs = timeoutMs ?? this.#drainTimeoutMs;
  }

  onDrainTimeout(): void {
    this.#drop();
  }

  async onClose(): Promise<void> {
    this.#draining = true;
    this.#lookQuietly();
    this.#drop();
    jobChannel().remove(this);
    await Promise.all(Array.from(this.#workers, (worker) => worker.goodbye()));
  }

  onJobTracked(id: string): void {
    // One that is known may be gone from LiveKit's list already: it must not end as untracked.
    if (!this.#live.has(id)) this.#lookQuietly();
    const live = this.#live.get(id);
    if (live) live.isTracked = true;
  }

  onJobEnded(id: string, outcome: SessionOutcome): void {
    this.#end(id, outcome);
  }

  #look(): void {
    const jobs = (this.#server?.activeJobs ?? []).map(({ job }) => job);
    const listed = new Set(jobs.map(({ id }) => id));
    for (const job of jobs) {
      if (!this.#live.has(job.id) && !this.#over.has(job.id)) this.#start(sessionOf(job));
    }
    for (const [id, { isTracked }] of this.#live) {
      if (!isTracked && !listed.has(id)) this.#end(id, 'unknown');
    }
    for (const id of this.#over) if (!listed.has(id)) this.#over.delete(id);
  }

  /** Where it fails, the next snapshot says so. */
  #lookQuietly(): void {
    try {
      this.#look();
    } catch {}
  }

  #start(info: SessionInfo): void {
    this.#live.set(info.id, { info, isTracked: false });
    this.#observers.notify((observer) => observer.onSessionStart?.(info));
  }

  #end(id: string, outcome: SessionOutcome): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    this.#over.add(id);
    this.#observers.notify((observer) => observer.onSessionEnd?.(live.info, outcome));
  }

  #reject(): void {
    const reason = this.#draining ? 'draining' : 'other';
    this.#observers.notify((observer) => observer.onJobRejected?.(reason));
  }

  #drop(): void {
    for (const id of this.#live.keys()) this.#end(id, 'dropped');
  }
}

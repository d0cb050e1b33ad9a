import { DEFAULT_TENANT, type SessionOutcome } from '../../attributes.js';
import { attempt } from '../../lib/attempt.js';
import { show } from '../../lib/redact.js';
import { errorClass, Once, warn } from '../../lib/warn.js';
import { Observers } from '../../worker/observers.js';
import type {
  PoolLike,
  PoolWorker,
  RuntimeSnapshot,
  SessionInfo,
  SessionObserver,
} from '../../worker/pool.js';
import { type AcceptedJob, AcceptedJobs } from './accepted.js';
import { type JobListener, jobChannel, VERSION } from './channel.js';
import { sessionOf } from './job.js';
import { answerIn, jobsOf, type LiveKitServer, type LiveKitServerListener, versionIn } from './server.js';
import { Stall } from './stall.js';
import { isTested, TESTED_VERSION } from './tested.js';

interface Live {
  readonly info: SessionInfo;
  /** Whether its process reports: then that reports the end too, and how it came. */
  isTracked: boolean;
}

/**
 * The jobs of an `AgentServer` as the sessions of a pool. LiveKit emits nothing when a job starts or ends, so each
 * snapshot reads what has changed: an instrumented pool is asked for one every 250 ms. Nothing here throws into
 * LiveKit.
 */
export class LiveKitPool implements PoolLike, JobListener, LiveKitServerListener {
  readonly #observers = new Observers();
  readonly #live = new Map<string, Live>();
  readonly #accepted = new AcceptedJobs();
  /** Sessions that are over while LiveKit still lists their jobs. */
  readonly #over = new Set<string>();
  readonly #workers = new Set<PoolWorker>();
  readonly #once = new Once();
  readonly #stall = new Stall();
  #server: LiveKitServer | undefined;
  #hasRun = false;
  #draining = false;

  /**
   * @param drainTimeoutMs undefined or 0 for no limit
   * @param listsJobs whether the servers of its class list their jobs
   */
  constructor(
    private drainTimeoutMs: number | undefined,
    private readonly listsJobs: boolean,
  ) {}

  runtimeSnapshot(): RuntimeSnapshot {
    const activeSessions = this.#countActive();
    return {
      // Not as 0 where nobody knows it: then all that is asked about sessions is unknown.
      ...(activeSessions !== undefined && { activeSessions }),
      draining: this.#draining,
      deploymentVersion: process.env.LIVEKIT_AGENT_DEPLOYMENT ?? null,
      drainTimeoutSeconds: this.drainTimeoutMs ? this.drainTimeoutMs / 1000 : null,
    } as RuntimeSnapshot;
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
    jobChannel().listeners.add(this);
    // Nobody saw that jobs from before were accepted.
    if (attempt(() => jobsOf(server).length, 0) > 0) this.#once.skip('acceptance');
    try {
      server.event.on('worker_msg', (message) => this.#noteMessage(message));
    } catch (error) {
      this.#once.warn(`what the server answers to jobs cannot be read: ${errorClass(error)}`, 'acceptance');
    }
  }

  isOf(server: LiveKitServer): boolean {
    return server === this.#server;
  }

  onRun(server: LiveKitServer): boolean {
    if (!this.#server) this.follow(server);
    if (!this.isOf(server)) {
      warn(
        'a second AgentServer runs: it is not reported. Make a pool of each server instead of their class',
      );
      return false;
    }
    const isFirst = !this.#hasRun;
    this.#hasRun = true;
    return isFirst;
  }

  onDrain(timeoutMs: number | undefined): void {
    this.#draining = true;
    this.drainTimeoutMs = timeoutMs ?? this.drainTimeoutMs;
  }

  onDrainTimeout(): void {
    this.#drop();
  }

  onDrainFailed(error: unknown): void {
    const reason = error instanceof Error ? show(error.message) : errorClass(error);
    this.#once.warn(
      `drain() of the AgentServer failed (${reason}): close() now cuts off every call that is left`,
      'drain',
    );
  }

  async onClose(): Promise<void> {
    this.#draining = true;
    this.#updateQuietly();
    this.#drop();
    jobChannel().listeners.delete(this);
    await Promise.all(Array.from(this.#workers, (worker) => worker.goodbye()));
  }

  onJobTracked(id: string): void {
    // One that is known may be gone from LiveKit's list already: it must not end as untracked.
    if (!this.#live.has(id)) this.#updateQuietly();
    const live = this.#live.get(id);
    if (live) live.isTracked = true;
  }

  onJobEnded(id: string, outcome: SessionOutcome): void {
    // Between two looks a process can come and go, and LiveKit's list may not be readable.
    const unlisted = this.#live.has(id) ? undefined : this.#accepted.take(id);
    if (unlisted) this.#endUnlisted(unlisted, outcome);
    else this.#end(id, outcome);
  }

  /** Undefined where nobody knows it. */
  #countActive(): number | undefined {
    this.#stall.look();
    let isKnown = true;
    try {
      this.#update();
    } catch (error) {
      isKnown = false;
      this.#once.warn(
        `the active jobs of the AgentServer cannot be read (${errorClass(error)}): how many sessions it has is unknown`,
        'jobs',
      );
    }
    if (!this.listsJobs) return undefined;
    // A gauge that was reported once is reported for ever: what is not known to have ended must not be 0 in it.
    const count = this.#live.size + this.#accepted.size;
    return isKnown || count > 0 ? count : undefined;
  }

  #update(): void {
    if (!this.listsJobs) throw new TypeError('an AgentServer has no activeJobs');
    const jobs = this.#server ? jobsOf(this.#server) : [];
    const listed = new Set(jobs.map(({ id }) => id));
    for (const job of jobs) {
      const accepted = this.#accepted.take(job.id);
      if (!this.#live.has(job.id) && !this.#over.has(job.id)) {
        if (!accepted) {
          this.#once.warn(
            'a job runs and nobody saw that it was accepted: jobs count only from when their processes are ready; make the pool before the server runs',
            'acceptance',
          );
        }
        this.#start(sessionOf(job, accepted?.acceptedAt));
      }
    }
    for (const [id, { isTracked }] of this.#live) {
      if (isTracked || listed.has(id)) continue;
      this.#once.warn(
        'a session ended and its process did not tell how: it counts as unknown, as one that was killed would; call trackJob(ctx) first in the entry of the agent',
        'untracked',
      );
      this.#end(id, 'unknown');
    }
    this.#endLate();
    // A worker that drains takes no more jobs: one that was dropped before it was listed may be listed yet.
    if (this.#draining) return;
    for (const id of this.#over) if (!listed.has(id)) this.#over.delete(id);
  }

  #endLate(): void {
    for (const job of this.#accepted.takeLate()) {
      this.#once.warn(
        'a job was accepted and got no process for a minute: its session ends as unknown',
        'late',
      );
      this.#endUnlisted(job, 'unknown');
      // Where its process comes after all, that is a session.
      this.#over.delete(job.id);
      this.#once.skip('acceptance');
    }
  }

  /** Where it fails, the next snapshot reports it. */
  #updateQuietly(): void {
    try {
      this.#update();
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
    // Who is not instrumented is not asked a few times a second.
    const isLost = outcome === 'unknown' && this.#workers.size > 0 && this.#stall.isJustOver;
    const known = isLost ? 'dropped' : outcome;
    this.#observers.notify((observer) => observer.onSessionEnd?.(live.info, known));
  }

  /** Ends a session that was never listed. */
  #endUnlisted({ id, acceptedAt }: AcceptedJob, outcome: SessionOutcome): void {
    this.#start({ id, tenant: DEFAULT_TENANT, startedAt: acceptedAt });
    this.#end(id, outcome);
  }

  #noteMessage(message: unknown): void {
    const version = versionIn(message);
    if (version !== undefined && !isTested(version)) {
      this.#once.warn(
        `@livekit/agents ${version} is not what openrtc-otel is tested with (${TESTED_VERSION}): see whether sessions and drops are reported`,
        'version',
      );
    }
    const answer = answerIn(message);
    if (!answer) return;
    if (!answer.isAccepted) {
      const reason = this.#draining ? 'draining' : 'other';
      this.#observers.notify((observer) => observer.onJobRejected?.(reason));
    } else if (answer.jobId !== undefined && !this.#live.has(answer.jobId)) {
      this.#accepted.add(answer.jobId);
    }
  }

  #drop(): void {
    for (const job of this.#accepted.takeAll()) this.#endUnlisted(job, 'dropped');
    for (const id of this.#live.keys()) this.#end(id, 'dropped');
  }
}

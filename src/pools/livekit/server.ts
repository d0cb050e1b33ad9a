import { isFunction } from '../../lib/validate.js';
import type { LiveKitJob } from './job.js';

/** What is used of an `AgentServer` of `@livekit/agents`. */
export interface LiveKitServer {
  readonly activeJobs: ReadonlyArray<{ readonly job: LiveKitJob }>;
  readonly event: { on(event: 'worker_msg', listener: (message: unknown) => void): unknown };
  run(): Promise<unknown>;
  /** @param timeout in milliseconds */
  drain(timeout?: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** The class `AgentServer`. */
export interface LiveKitServerClass {
  readonly prototype: LiveKitServer;
}

/** Hears what becomes of servers. The server waits for a promise before it goes on. */
export interface LiveKitServerListener {
  /** Gives whether this is the one run of the pool's server: if it fails, that is the worker's end. */
  onRun(server: LiveKitServer): boolean;
  /** Whether this server is the pool's. */
  isOf(server: LiveKitServer): boolean;
  onDrain(timeoutMs: number | undefined): void;
  onDrainTimeout(): void;
  /** The drain ended otherwise than it should: it waits for nobody any more. */
  onDrainFailed(error: unknown): void;
  onClose(): Promise<void>;
}

const METHODS = ['run', 'drain', 'close'] as const;

export const isServer = (value: unknown): value is LiveKitServer =>
  typeof value === 'object' &&
  value !== null &&
  METHODS.every((method) => isFunction((value as Partial<LiveKitServer>)[method]));

export const isServerClass = (value: unknown): value is LiveKitServerClass =>
  isFunction(value) && isServer((value as LiveKitServerClass).prototype);

/**
 * Listens to a server, or to every server of a class by its prototype: `cli.runApp()` makes one of its own that
 * nobody else holds, and ends the process by itself. LiveKit emits nothing of all this.
 */
export function listenToServer(server: LiveKitServer, listener: LiveKitServerListener): void {
  const { run, drain, close } = server;
  Object.assign(server, {
    async run(this: LiveKitServer) {
      if (!listener.onRun(this)) return run.call(this);
      try {
        return await run.call(this);
      } catch (error) {
        // It could not connect, or lost its connection for good: runApp() now ends the process.
        await listener.onClose();
        throw error;
      }
    },
    async drain(this: LiveKitServer, timeoutMs?: number) {
      if (!listener.isOf(this)) return drain.call(this, timeoutMs);
      listener.onDrain(timeoutMs);
      try {
        return await drain.call(this, timeoutMs);
      } catch (error) {
        if (error instanceof Error && error.message.includes('timed out')) listener.onDrainTimeout();
        else listener.onDrainFailed(error);
        throw error;
      }
    },
    async close(this: LiveKitServer) {
      if (!listener.isOf(this)) return close.call(this);
      // Together: LiveKit waits for its processes, and the orchestrator may not wait for LiveKit.
      const [, closed] = await Promise.allSettled([listener.onClose(), close.call(this)]);
      if (closed.status === 'rejected') throw closed.reason;
      return closed.value;
    },
  });
}

/** Whether a server, or the class of servers, lists its jobs: under another name there would be none for ever. */
export const listsJobs = (server: LiveKitServer): boolean => 'activeJobs' in server;

/** The jobs that have a process. @throws TypeError where they are not what they were */
export function jobsOf({ activeJobs }: LiveKitServer): LiveKitJob[] {
  return activeJobs.map(({ job }) => {
    if (typeof job.id !== 'string') throw new TypeError('a job has no id');
    return job;
  });
}

type Content = Readonly<Record<string, unknown>>;

/** What is in a message to the LiveKit server, where it is of this kind. */
function contentOf(message: unknown, kind: string): Content | undefined {
  const { case: given, value } = (message as { message?: { case?: string; value?: Content } })?.message ?? {};
  return given === kind ? value : undefined;
}

/** The version of `@livekit/agents` in a message to the LiveKit server, where it has it. */
export function versionIn(message: unknown): string | undefined {
  const version = contentOf(message, 'register')?.version;
  return typeof version === 'string' ? version : undefined;
}

/** What a worker tells the LiveKit server of a job that it was offered. */
export interface JobAnswer {
  readonly jobId: string | undefined;
  readonly isAccepted: boolean;
}

/** The answer in a message to the LiveKit server, where it is one. */
export function answerIn(message: unknown): JobAnswer | undefined {
  const { jobId, available } = contentOf(message, 'availability') ?? {};
  if (typeof available !== 'boolean') return undefined;
  return { jobId: typeof jobId === 'string' ? jobId : undefined, isAccepted: available };
}

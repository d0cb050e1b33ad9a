import { isFunction } from '../rules.js';
import type { LiveKitJob } from './livekit-job.js';

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

/** Is told what becomes of servers. A promise is waited for before the server goes on. */
export interface LiveKitServerListener {
  /** Tells whether this is the one run of the pool's server: if it fails, that is the worker's end. */
  onRun(server: LiveKitServer): boolean;
  /** Whether this server is the pool's. */
  isOf(server: LiveKitServer): boolean;
  onDrain(timeoutMs: number | undefined): void;
  onDrainTimeout(): void;
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

/** Whether a message to the LiveKit server turns a job away. */
export function isRejection(message: unknown): boolean {
  const { case: kind, value } =
    (message as { message?: { case?: string; value?: { available?: boolean } } })?.message ?? {};
  return kind === 'availability' && value?.available === false;
}

import { connect, type Socket } from 'node:net';
import { label, SESSION_ID, TENANT_ID, UNVERSIONED, WORKER_VERSION } from '../attributes.js';
import { isJobProcess } from '../job-process.js';
import { errorClass, say } from '../say.js';
import { tagProcess } from '../span-processor.js';
import { CHANNEL, type JobLine, VERSION } from './livekit-channel.js';
import { type LiveKitJob, tenantOf } from './livekit-job.js';

/** What is used of a `JobContext` of `@livekit/agents`. */
export interface LiveKitJobContext {
  readonly job: LiveKitJob;
  addShutdownCallback(callback: () => Promise<void>): void;
}

/**
 * The reason of a job whose entry threw. All others are good ends: the agent was done, the room is gone, or the
 * server asks for the end, as it also does for a room that is gone, whichever comes first.
 */
const CRASHED = 'job crashed';

/** Connected before a job comes: then a line is sent when it is told, even if the process ends right after. */
const worker = connectToWorker();
let tracked: string | undefined;

/**
 * Tracks a job of LiveKit Agents from inside its process; call it first in the agent's entry. Spans that are made
 * in the process are tagged with session, tenant and version, where the tracer provider has a
 * `SessionSpanProcessor`; and the worker learns how the session ended, also when the process is killed. Never
 * throws.
 *
 * @example
 * export default defineAgent({
 *   entry: async (ctx) => {
 *     trackJob(ctx);
 *     await ctx.connect();
 *   },
 * });
 */
export function trackJob(ctx: LiveKitJobContext): void {
  try {
    const { id, metadata } = ctx.job;
    if (tracked === id) return;
    tracked = id;
    tagProcess({
      [SESSION_ID]: label(id),
      [TENANT_ID]: label(tenantOf(metadata)),
      [WORKER_VERSION]: label(process.env[VERSION] || process.env.LIVEKIT_AGENT_DEPLOYMENT || UNVERSIONED),
    });
    if (worker) reportTo(worker, ctx);
  } catch (error) {
    say(`a job could not be tracked: ${errorClass(error)}`);
  }
}

function connectToWorker(): Socket | undefined {
  const path = process.env[CHANNEL];
  if (!path || !isJobProcess()) return undefined;
  const socket = connect(path).unref();
  return socket.on('error', (error) => say(`a job can not report to its worker: ${errorClass(error)}`));
}

function reportTo(socket: Socket, ctx: LiveKitJobContext): void {
  const job = ctx.job.id;
  const tell = (line: JobLine) => socket.write(`${JSON.stringify(line)}\n`);
  tell({ job });
  watchExit((reason: unknown) => tell({ job, outcome: reason === CRASHED ? 'failed' : 'success' }));
  // Only the first outcome counts: this is for a LiveKit that says nothing where it is looked for.
  ctx.addShutdownCallback(async () => void tell({ job, outcome: 'unknown' }));
}

/** Reads along what LiveKit tells its worker: nothing else shows that, and why, a session ends. */
function watchExit(onExit: (reason: unknown) => void): void {
  const { send } = process;
  if (!send) return;
  process.send = (...args: unknown[]) => {
    const [message] = args as [{ case?: string; value?: { reason?: unknown } } | undefined];
    if (message?.case === 'exiting') onExit(message.value?.reason);
    return Reflect.apply(send, process, args);
  };
}

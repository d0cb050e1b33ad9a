import { connect, type Socket } from 'node:net';
import { attributeValue, SESSION_ID, TENANT_ID, UNVERSIONED, WORKER_VERSION } from '../../attributes.js';
import { errorClass, warn } from '../../lib/warn.js';
import { tagProcess } from '../../worker/span-processor.js';
import { CHANNEL, type JobLine, VERSION } from './channel.js';
import { Ending, type LiveKitRoom } from './ending.js';
import { type LiveKitJob, tenantOf } from './job.js';
import { isJobProcess } from './job-process.js';

/** What is used of a `JobContext` of `@livekit/agents`. */
export interface LiveKitJobContext {
  readonly job: LiveKitJob;
  readonly room?: LiveKitRoom;
  addShutdownCallback(callback: () => Promise<void>): void;
}

let connection: Socket | undefined;
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
      [SESSION_ID]: attributeValue(id),
      [TENANT_ID]: attributeValue(tenantOf(metadata)),
      [WORKER_VERSION]: attributeValue(
        process.env[VERSION] || process.env.LIVEKIT_AGENT_DEPLOYMENT || UNVERSIONED,
      ),
    });
    const worker = connectToWorker();
    if (worker) reportTo(worker, ctx);
  } catch (error) {
    warn(`a job could not be tracked: ${errorClass(error)}`);
  }
}

/**
 * Connects a job process to its worker, once. Called before a job comes: then a line is sent when it is written, even
 * if the process ends right after.
 */
export function connectToWorker(): Socket | undefined {
  const path = process.env[CHANNEL];
  if (!path || !isJobProcess()) return undefined;
  connection ??= connect(path)
    .unref()
    // A process without a job has nothing to report: its worker may have ended before it was up.
    .on('error', (error) => tracked !== undefined && warnUnreported(error));
  return connection;
}

const warnUnreported = (error: Error): void =>
  warn(`a job cannot report to its worker: ${errorClass(error)}`);

function reportTo(worker: Socket, ctx: LiveKitJobContext): void {
  if (worker.errored) warnUnreported(worker.errored);
  const job = ctx.job.id;
  const send = (line: JobLine) => worker.write(`${JSON.stringify(line)}\n`);
  send({ job });
  const ending = new Ending(ctx.room);
  let isTold = false;
  watchExit((reason: unknown) => {
    isTold = true;
    send({ job, outcome: ending.outcomeOf(reason) });
  });
  ctx.addShutdownCallback(async () => {
    // Nobody waits to hear of a job whose worker is gone.
    if (isTold || process.connected === false) return;
    warn('a job ends and LiveKit did not tell its worker why: the session ends as unknown');
    send({ job, outcome: 'unknown' });
  });
}

/** Reads what LiveKit sends to its worker: nothing else shows that, and why, a session ends. */
function watchExit(onExit: (reason: unknown) => void): void {
  const { send } = process;
  if (!send) return;
  process.send = (...args: unknown[]) => {
    const [message] = args as [{ case?: string; value?: { reason?: unknown } } | undefined];
    if (message?.case === 'exiting') onExit(message.value?.reason);
    return Reflect.apply(send, process, args);
  };
}

import { show, showClass } from '../../lib/redact.js';
import { isSeconds } from '../../lib/validate.js';
import { type PoolLike, withInternals } from '../../worker/pool.js';
import { isJobProcess } from './job-process.js';
import { LiveKitPool } from './pool.js';
import {
  isServer,
  isServerClass,
  type LiveKitServer,
  type LiveKitServerClass,
  listenToServer,
  listsJobs,
} from './server.js';
import { connectToWorker } from './track.js';

export type { LiveKitRoom } from './ending.js';
export type { LiveKitJob } from './job.js';
export type { LiveKitServer, LiveKitServerClass } from './server.js';
export { type LiveKitJobContext, trackJob } from './track.js';

/** What is used of the `ServerOptions` of `@livekit/agents`. */
export interface LiveKitServerOptions {
  /** How long the server may drain, in milliseconds; 0 for no limit. */
  readonly drainTimeout?: number;
}

const pools = new WeakMap<LiveKitServer, LiveKitPool>();

/**
 * Makes a pool of an `AgentServer` of LiveKit Agents. Given the class, the pool is of the server that
 * `cli.runApp()` makes of it. Call it before the server runs; a second call gives the same pool.
 *
 * The pool drains from the moment `drain()` is called, by whoever calls it. Sessions that are active when the
 * drain times out or the server closes end as `dropped`, and the worker's goodbye is sent inside `close()`:
 * after that LiveKit ends the process.
 *
 * @param options - The server's own, for the drain timeout
 * @throws TypeError for anything else
 *
 * @example
 * const options = new ServerOptions({ agent: fileURLToPath(import.meta.url) });
 * instrument(livekitPool(AgentServer, options), { poolName: 'voice-prod' });
 * process.on('SIGTERM', () => {}); // a second one must not end the process
 * cli.runApp(options);
 */
export function livekitPool(
  server: LiveKitServer | LiveKitServerClass,
  options: LiveKitServerOptions = {},
): PoolLike {
  const isClass = isServerClass(server);
  if (!isClass && !isServer(server)) {
    throw new TypeError(
      `livekitPool(server): expected an AgentServer of @livekit/agents or its class, got ${showClass(server)}`,
    );
  }
  const timeoutMs = options?.drainTimeout;
  if (timeoutMs !== undefined && !isSeconds(timeoutMs)) {
    throw new TypeError(`option drainTimeout: expected milliseconds, 0 or more, got ${show(timeoutMs)}`);
  }
  const target = isClass ? server.prototype : server;
  const known = pools.get(target);
  if (known) return known;
  const pool = new LiveKitPool(timeoutMs, listsJobs(target));
  pools.set(target, pool);
  if (isJobProcess()) {
    connectToWorker();
    return withInternals(pool, { isInert: true });
  }
  if (!isClass) pool.follow(server);
  listenToServer(target, pool);
  return pool;
}

import { isJobProcess } from '../job-process.js';
import type { PoolLike } from '../pool.js';
import { isSeconds, show, showClass } from '../rules.js';
import { LiveKitPool } from './livekit-pool.js';
import {
  isServer,
  isServerClass,
  type LiveKitServer,
  type LiveKitServerClass,
  listenToServer,
} from './livekit-server.js';

export type { LiveKitJob } from './livekit-job.js';
export type { LiveKitServer, LiveKitServerClass } from './livekit-server.js';
export { type LiveKitJobContext, trackJob } from './livekit-track.js';

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
 * drain times out or the server closes end as `dropped`, and the worker's goodbye is said inside `close()`:
 * after that LiveKit ends the process.
 *
 * @param options - The server's own, for the drain timeout
 * @throws TypeError when it is given anything else
 *
 * @example
 * const options = new ServerOptions({ agent: fileURLToPath(import.meta.url) });
 * instrument(livekitPool(AgentServer, options), { poolName: 'voice-prod' });
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
  const pool = new LiveKitPool(timeoutMs);
  pools.set(target, pool);
  if (isJobProcess()) return pool;
  if (!isClass) pool.follow(server);
  listenToServer(target, pool);
  return pool;
}

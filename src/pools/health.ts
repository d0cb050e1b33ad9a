import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkOptions } from '../lib/validate.js';
import type { PoolLike, RuntimeSnapshot } from '../worker/pool.js';

/** Options of {@link healthHandler}. */
export interface HealthOptions {
  /**
   * Whether to show `last_error`. It can hold personal data.
   * @default false
   */
  readonly includeLastError?: boolean;
}

/**
 * Serves a pool's snapshot as JSON, with OpenRTC's field names, under any path of a Node server. Answers 200 as
 * long as the process lives; with the query `?ready` 503 while the pool drains; 500 when the snapshot throws.
 *
 * @throws TypeError for an unknown or a wrong option.
 *
 * @example
 * ```ts
 * createServer(healthHandler(pool)).listen(8080);
 * ```
 */
export function healthHandler(
  pool: PoolLike,
  options: HealthOptions = {},
): (req: IncomingMessage, res: ServerResponse) => void {
  checkOptions(options, { includeLastError: ['a boolean', (value) => typeof value === 'boolean'] });
  const { includeLastError = false } = options;
  return (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD');
      answer(req, res, 405, '{"error":"method not allowed"}');
      return;
    }
    let status = 200;
    let body: string;
    try {
      const snapshot = pool.runtimeSnapshot();
      body = serialise(snapshot, includeLastError);
      const query = new URLSearchParams(req.url?.split('?')[1]);
      if (snapshot.draining && query.has('ready')) status = 503;
    } catch {
      status = 500;
      body = '{"error":"the pool gave no snapshot"}';
    }
    answer(req, res, status, body);
  };
}

function answer(req: IncomingMessage, res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, {
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** JSON has no `undefined`: fields that the snapshot lacks are left out. */
function serialise(snapshot: RuntimeSnapshot, includeLastError: boolean): string {
  return JSON.stringify({
    timestamp: snapshot.timestamp,
    uptime_seconds: snapshot.uptimeSeconds,
    registered_agents: snapshot.registeredAgents,
    active_sessions: snapshot.activeSessions,
    total_sessions_started: snapshot.totalSessionsStarted,
    total_session_failures: snapshot.totalSessionFailures,
    last_routed_agent: snapshot.lastRoutedAgent,
    last_error: includeLastError ? snapshot.lastError : undefined,
    sessions_by_agent: snapshot.sessionsByAgent,
    sessions_by_tenant: snapshot.sessionsByTenant,
    deployment_version: snapshot.deploymentVersion,
    draining: snapshot.draining,
    drain_timeout_seconds: snapshot.drainTimeoutSeconds ?? undefined,
  });
}

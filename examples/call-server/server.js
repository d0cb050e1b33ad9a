// A call server: each WebSocket connection to /call?tenant=... is a session. It reports to where
// OTEL_EXPORTER_OTLP_ENDPOINT says, and on SIGTERM or SIGINT drains, says goodbye and exits.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { instrument } from 'openrtc-otel';
import { healthHandler, JobRejectedError, SessionPool } from 'openrtc-otel/pool';
import { WebSocketServer } from 'ws';

const TRY_AGAIN_LATER = 1013;

const pool = new SessionPool({
  deploymentVersion: process.env.DEPLOYMENT_VERSION ?? 'dev',
  drainTimeoutSeconds: Number(process.env.DRAIN_TIMEOUT_SECONDS ?? 600),
  maxConcurrentSessions: Number(process.env.MAX_SESSIONS ?? 100),
});
const { WORKER_ID: workerId, JOURNAL: journal } = process.env;
const telemetry = instrument(pool, {
  poolName: process.env.POOL_NAME ?? 'call-server',
  tenantLimit: 20,
  ...(workerId && { workerId }),
  ...(journal && { journal }),
});

const server = createServer(healthHandler(pool));
const sockets = new WebSocketServer({ server, path: '/call' });

sockets.on('connection', (socket, request) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  // A malformed frame closes its socket; without a listener it would end the process and every call in it.
  socket.on('error', () => {});
  try {
    const session = pool.start({ tenant: searchParams.get('tenant') ?? 'default', agentName: 'echo' });
    session.signal.addEventListener('abort', () => socket.terminate());
    socket.on('message', (message) => session.run(() => socket.send(message)));
    socket.on('close', (code) => session.end(code === 1000 ? 'success' : 'failed'));
  } catch (error) {
    socket.close(TRY_AGAIN_LATER, error instanceof JobRejectedError ? error.reason : 'failed');
  }
});

/** A server that reports its drain timeout and does not keep to it. */
async function drainForEver() {
  pool.beginDrain();
  while (pool.runtimeSnapshot().activeSessions > 0) await sleep(100);
}

const stop = async () => {
  if (process.env.NEVER_CUT_OFF) await drainForEver();
  else await pool.drain();
  await telemetry.shutdown();
  process.exit();
};
// A second signal joins the drain: nothing here cuts a live call off.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listening on ${address?.port}`);
});

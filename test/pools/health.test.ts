import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HealthOptions, healthHandler, SessionPool } from '../../src/pools/index.js';
import type { PoolLike } from '../../src/worker/pool.js';

const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function serve(pool: PoolLike, options?: HealthOptions) {
  const server = createServer(healthHandler(pool, options));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return (path = '/', method = 'GET') =>
    new Promise<Answer>((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      call.on('error', reject);
      call.end();
    });
}

function busyPool() {
  const pool = new SessionPool({ deploymentVersion: 'v1', drainTimeoutSeconds: 30 });
  pool.start({ tenant: 'acme', agentName: 'bot' });
  pool.start({ tenant: 'gone', agentName: 'büro' }).end('failed', new Error('call of Ann'));
  pool.start({ tenant: 'other', agentName: 'büro' });
  return pool;
}

describe('healthHandler', () => {
  it("serves the snapshot with OpenRTC's names", async () => {
    const get = await serve(busyPool());
    const { status, headers, body } = await get();
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': String(Buffer.byteLength(body)),
    });
    expect(JSON.parse(body)).toStrictEqual({
      timestamp: expect.any(Number),
      uptime_seconds: expect.any(Number),
      registered_agents: 2,
      active_sessions: 2,
      total_sessions_started: 3,
      total_session_failures: 1,
      last_routed_agent: 'büro',
      sessions_by_agent: { bot: 1, büro: 1 },
      sessions_by_tenant: { acme: 1, other: 1 },
      deployment_version: 'v1',
      draining: false,
      drain_timeout_seconds: 30,
    });
  });

  it('shows the last error only when asked to', async () => {
    const shown = await serve(busyPool(), { includeLastError: true });
    expect(JSON.parse((await shown()).body).last_error).toBe('Error: call of Ann');
    for (const options of [{}, { includeLastError: false }]) {
      const hidden = await serve(busyPool(), options);
      expect((await hidden()).body).not.toMatch(/last_error|Ann/);
    }
  });

  it.each([
    [{ includeLastError: 'no' }, /option includeLastError: expected a boolean, got 'no'/],
    [{ includeErrors: true }, /option includeErrors: expected one of includeLastError/],
  ])('refuses %j', (options, message) => {
    expect(() => healthHandler(new SessionPool(), options as never)).toThrow(message);
  });

  it('gives the fields that the snapshot has, and only those of a snapshot', async () => {
    const small = { activeSessions: 3, draining: false, drainTimeoutSeconds: null, secret: 1 };
    const get = await serve({ runtimeSnapshot: () => small }, { includeLastError: true });
    expect(JSON.parse((await get()).body)).toStrictEqual({ active_sessions: 3, draining: false });
    const none = await serve(new SessionPool(), { includeLastError: true });
    expect(JSON.parse((await none()).body)).toMatchObject({
      last_error: null,
      last_routed_agent: null,
      deployment_version: null,
    });
  });

  it('answers HEAD like GET, without the body', async () => {
    const get = await serve({ runtimeSnapshot: () => ({ activeSessions: 1, draining: true }) });
    const [got, head] = [await get('/?ready'), await get('/?ready', 'HEAD')];
    expect(head).toMatchObject({ status: 503, body: '' });
    expect(head.headers['content-length']).toBe(String(got.body.length));
    expect(head.headers['content-type']).toBe('application/json');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('does not take %s', async (method) => {
    const get = await serve(new SessionPool());
    const { status, headers } = await get('/', method);
    expect(status).toBe(405);
    expect(headers.allow).toBe('GET, HEAD');
  });

  it.each([
    ['/', 200, 200],
    ['/some/where', 200, 200],
    ['/ready', 200, 200],
    ['/?already', 200, 200],
    ['/?x=ready', 200, 200],
    ['/?ready', 200, 503],
    ['/some/where?ready', 200, 503],
    ['/?a=1&ready=1', 200, 503],
    ['//?ready', 200, 503],
  ])('answers %s with %d, and with %d while draining', async (path, normal, draining) => {
    const pool = new SessionPool();
    pool.start({ id: 'a' });
    const get = await serve(pool);
    expect((await get(path)).status).toBe(normal);
    pool.beginDrain();
    const answer = await get(path);
    expect(answer.status).toBe(draining);
    expect(JSON.parse(answer.body)).toMatchObject({ active_sessions: 1, draining: true });
  });

  it.each<[string, () => never]>([
    [
      'throws',
      () => {
        throw new Error('call of Ann');
      },
    ],
    ['gives nothing', () => undefined as never],
    ['gives what JSON can not hold', () => ({ activeSessions: 1n, draining: false }) as never],
  ])('answers 500 without the reason when the snapshot %s', async (_, runtimeSnapshot) => {
    const get = await serve({ runtimeSnapshot });
    const { status, headers, body } = await get();
    expect(status).toBe(500);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(JSON.parse(body)).toStrictEqual({ error: 'the pool gave no snapshot' });
  });
});

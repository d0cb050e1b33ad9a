import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Caller } from './support/caller.js';
import { Child } from './support/child.js';
import { ENCODINGS, reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';

const FIFTY_SESSIONS = 'fixtures/fifty-sessions.js';
const CALL_SERVER = '../../examples/call-server/server.js';

describe.concurrent.each(ENCODINGS)('a worker, reporting in %s,', (protocol) => {
  const environment = (backend: Backend, more = {}) =>
    reportingTo(backend, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, ...more });

  it.each([
    ['is killed', (worker: Child) => worker.kill('SIGKILL'), { code: null, signal: 'SIGKILL' }],
    [
      'exits without shutdown',
      (worker: Child) => void worker.ask('exit').catch(() => {}),
      { code: 0, signal: null },
    ],
  ])('that %s leaves no goodbye and its last report stays', async (_, end, exit) => {
    await using backend = await Backend.start();
    await using worker = new Child(FIFTY_SESSIONS, environment(backend));
    await worker.ask('fill');
    await eventually(() => expect(backend.worker?.active).toBe(50));
    await eventually(() => expect(backend.spans).toHaveLength(50));
    end(worker);
    expect(await worker.exit).toEqual(exit);
    await sleep(300);
    expect(backend.goodbyes).toEqual([]);
    expect(backend.worker).toMatchObject({
      exited: false,
      active: 50,
      dropped: 0,
      tenants: { 'tenant-0': 17, 'tenant-1': 17, other: 16 },
    });
    const names = new Set(backend.spans.map(({ name }) => name));
    expect(names, 'all have started and none has ended').toEqual(new Set(['openrtc.session.start']));
  });

  it('that gets SIGTERM reports its drain from the first second to the last session, and says goodbye', async () => {
    await using backend = await Backend.start();
    // Nothing but the drain itself makes it report in the time of this test.
    await using server = new Child(
      CALL_SERVER,
      environment(backend, { OTEL_METRIC_EXPORT_INTERVAL: '600000', DEPLOYMENT_VERSION: 'v1' }),
    );
    const port = await listening(server);
    const callers = await Promise.all(['acme', 'acme', 'globex'].map((tenant) => Caller.call(port, tenant)));
    await eventually(() => expect(backend.worker).toBeDefined());

    const terminated = performance.now();
    server.kill('SIGTERM');
    await eventually(() => expect(backend.worker).toMatchObject({ draining: true, active: 3 }));
    expect(performance.now() - terminated).toBeLessThan(1_000);
    await expect(Caller.call(port, 'late')).rejects.toThrow('turned away with 1013');
    // Neither cuts a call off.
    for (const again of ['SIGTERM', 'SIGINT'] as const) server.kill(again);

    for (const [index, caller] of callers.entries()) {
      caller.hangUp();
      const left = 2 - index;
      if (left > 0) await eventually(() => expect(backend.worker?.active).toBe(left));
    }
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(backend.goodbyes).toHaveLength(1);
    expect(backend.worker).toMatchObject({
      version: 'v1',
      exited: true,
      dropped: 0,
      started: 3,
      ended: { success: 3, failed: 0, dropped: 0 },
      rejected: { draining: 1 },
    });
    expect(callers.map(({ end }) => end)).toEqual(['hung up', 'hung up', 'hung up']);
    expect(server.stderr).toEqual([]);
  });

  it('that is forced by its drain timeout has dropped as many sessions as callers saw their connection break', async () => {
    await using backend = await Backend.start();
    await using server = new Child(CALL_SERVER, environment(backend, { DRAIN_TIMEOUT_SECONDS: '1' }));
    const port = await listening(server);
    const callers = await Promise.all(Array.from({ length: 5 }, () => Caller.call(port, 'acme')));
    server.kill('SIGTERM');
    callers.slice(0, 2).forEach((caller) => void caller.hangUp());
    expect(await server.exit).toEqual({ code: 0, signal: null });
    await eventually(() => expect(callers.every(({ end }) => end !== undefined)).toBe(true));
    const seenByCallers = callers.filter(({ end }) => end === 'dropped').length;
    expect(seenByCallers).toBe(3);
    expect(backend.worker).toMatchObject({
      exited: true,
      active: 0,
      dropped: seenByCallers,
      started: 5,
      ended: { success: 2, dropped: seenByCallers },
    });
    const dropped = backend.spans.filter(({ attributes }) => attributes['error.type'] === 'dropped');
    expect(dropped).toHaveLength(seenByCallers);
  });
});

it('a malformed frame of a caller who was turned away ends neither the server nor the other calls', async () => {
  await using backend = await Backend.start();
  await using server = new Child(CALL_SERVER, reportingTo(backend, { MAX_SESSIONS: '1' }));
  const port = await listening(server);
  const caller = await Caller.call(port, 'acme');
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'GET /call HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
      'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await once(socket, 'close');
  caller.hangUp();
  await eventually(() => expect(caller.end).toBe('hung up'));
  server.kill('SIGTERM');
  expect(await server.exit).toEqual({ code: 0, signal: null });
});

function listening(server: Child): Promise<number> {
  return eventually(() => {
    const [, port] = server.stdout.join('\n').match(/^listening on (\d+)$/m) ?? [];
    expect(port).toBeDefined();
    return Number(port);
  });
}

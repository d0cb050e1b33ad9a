import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { jobChannel } from '../../../src/pools/livekit/channel.js';
import { type LiveKitServerOptions, livekitPool } from '../../../src/pools/livekit/index.js';
import type { PoolLike } from '../../../src/worker/pool.js';
import { createServerClass, runningJob } from '../../support/livekit.js';
import { listenToWarnings } from '../../support/warnings.js';
import { type Log, record } from '../support.js';

const said = listenToWarnings();
const stops: Array<() => void> = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

function observe(pool: PoolLike): Log {
  const log: Log = [];
  const stop = pool.observe?.(record(log));
  if (stop) stops.push(stop);
  return log;
}

/** A server that runs, its pool, and what the pool told. */
function serve(options?: LiveKitServerOptions) {
  const server = new (createServerClass())();
  const pool = livekitPool(server, options);
  const log = observe(pool);
  void server.run();
  return { server, pool, log, snapshot: () => pool.runtimeSnapshot() };
}

describe('the sessions of a LiveKit pool', () => {
  it('are the active jobs, looked for at each snapshot', () => {
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'), runningJob('b'));
    expect(snapshot().activeSessions).toBe(2);
    expect(log).toEqual([
      ['start', 'a'],
      ['start', 'b'],
    ]);
    server.remove('a');
    expect(snapshot().activeSessions).toBe(1);
    expect(log.at(-1)).toEqual(['end', 'a', 'unknown', undefined]);
  });

  it('that end before their process has told how are unknown, which is said once', async () => {
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'), runningJob('b'));
    snapshot();
    for (const id of ['a', 'b']) {
      server.remove(id);
      snapshot();
    }
    expect(log.slice(2)).toEqual([
      ['end', 'a', 'unknown', undefined],
      ['end', 'b', 'unknown', undefined],
    ]);
    expect(await said()).toEqual([expect.stringContaining('call trackJob(ctx) first')]);
  });

  it('tell id, agent, tenant and start, and nothing else of the job', () => {
    const { server, pool } = serve();
    server.add(runningJob('a'));
    pool.runtimeSnapshot();
    const infos: unknown[] = [];
    stops.push(pool.observe?.({ onSessionStart: (info) => infos.push(info) }) ?? (() => {}));
    expect(infos).toEqual([
      { id: 'a', tenant: 'acme', agentName: 'support', startedAt: new Date(1_700_000_000_123) },
    ]);
  });

  it.each([
    ['no metadata', ''],
    ['metadata that is no JSON', 'tenant=acme'],
    ['null', 'null'],
    ['a list', '["tenant"]'],
    ['no tenant', '{"customer":"acme"}'],
    ['an empty tenant', '{"tenant":""}'],
    ['a tenant that is no text', '{"tenant":{"id":1}}'],
  ])('are of the default tenant for %s', (_, metadata) => {
    const { server, pool } = serve();
    server.add(runningJob('a', { metadata }));
    pool.runtimeSnapshot();
    const tenants: string[] = [];
    stops.push(pool.observe?.({ onSessionStart: ({ tenant }) => tenants.push(tenant) }) ?? (() => {}));
    expect(tenants).toEqual(['default']);
  });

  it.each([
    ['nothing', undefined],
    ['0', { startedAt: 0n }],
    ['what is no time', { startedAt: 'soon' as never }],
  ])('start now where the server says %s of their start, and need no agent name', (_, state) => {
    const before = Date.now();
    const { server, pool } = serve();
    server.add(runningJob('a', { state, agentName: '' }));
    pool.runtimeSnapshot();
    const observer = vi.fn();
    stops.push(pool.observe?.({ onSessionStart: observer }) ?? (() => {}));
    const [[info]] = observer.mock.calls as [[{ startedAt: Date }]];
    expect(info).toEqual({ id: 'a', tenant: 'acme', startedAt: expect.any(Date) });
    expect(info.startedAt.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('stay as they are while the server cannot be read, which is said once', async () => {
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'));
    snapshot();
    const spy = vi.spyOn(server, 'activeJobs', 'get').mockImplementation(() => {
      throw new TypeError('planted');
    });
    server.answer(true, 'b');
    for (let look = 0; look < 2; look++) {
      expect(snapshot()).toMatchObject({ activeSessions: 2, draining: false });
    }
    expect(log).toHaveLength(1);
    expect(await said()).toEqual([
      'the active jobs of the AgentServer cannot be read (TypeError): how many sessions it has is unknown',
    ]);
    spy.mockRestore();
    server.remove('a');
    expect(snapshot().activeSessions).toBe(1);
  });

  it.each([
    ['are no list', {}],
    ['hold no jobs', [{ running: { id: 'a' } }]],
    ['hold jobs without an id', [{ job: { jobId: 'a' } }]],
    ['are gone', undefined],
  ])('are unknown where those of the server %s', async (_, jobs) => {
    const { server, snapshot } = serve();
    vi.spyOn(server, 'activeJobs', 'get').mockReturnValue(jobs as never);
    expect(snapshot()).not.toHaveProperty('activeSessions');
    expect(await said()).toEqual([expect.stringContaining('cannot be read (TypeError)')]);
  });

  it('are unknown from the beginning where a class does not list them', async () => {
    const AgentServer = createServerClass();
    const descriptor = Object.getOwnPropertyDescriptor(AgentServer.prototype, 'activeJobs') ?? {};
    Object.defineProperty(AgentServer.prototype, 'runningJobs', descriptor);
    Reflect.deleteProperty(AgentServer.prototype, 'activeJobs');
    const pool = livekitPool(AgentServer);
    expect(pool.runtimeSnapshot()).not.toHaveProperty('activeSessions');
    expect(await said()).toHaveLength(1);
    const server = new AgentServer();
    void server.run();
    expect(pool.runtimeSnapshot()).not.toHaveProperty('activeSessions');
  });
});

describe('a drain', () => {
  it('begins with drain(), whoever calls it, and takes the timeout of the call or of the options', () => {
    const { server, snapshot } = serve({ drainTimeout: 30_000 });
    expect(snapshot()).toMatchObject({ draining: false, drainTimeoutSeconds: 30 });
    void server.drain();
    expect(snapshot()).toMatchObject({ draining: true, drainTimeoutSeconds: 30 });
    void server.drain(5_000);
    expect(snapshot()).toMatchObject({ draining: true, drainTimeoutSeconds: 5 });
    expect(server.calls).toEqual(['run', 'timeout undefined', 'drain', 'timeout 5000', 'drain']);
  });

  it.each([[undefined], [0]])('has no timeout with drainTimeout %s', (drainTimeout) => {
    const { snapshot } = serve(drainTimeout === undefined ? {} : { drainTimeout });
    expect(snapshot().drainTimeoutSeconds).toBeNull();
  });

  it('drops what is active when it times out, once, and passes the error on', async () => {
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'), runningJob('b'));
    snapshot();
    const drained = server.drain(10);
    server.end('drain', new Error('timed out draining'));
    await expect(drained).rejects.toThrow('timed out draining');
    expect(log.slice(2)).toEqual([
      ['end', 'a', 'dropped', undefined],
      ['end', 'b', 'dropped', undefined],
    ]);
    // LiveKit lists them until their processes are gone.
    expect(snapshot().activeSessions).toBe(0);
    server.remove('a');
    expect(snapshot().activeSessions).toBe(0);
    expect(log).toHaveLength(4);
  });

  it('drops nothing when it fails otherwise, or ends; that it failed, and why, is said once', async () => {
    const { server, snapshot } = serve();
    server.add(runningJob('a'));
    for (const reason of ['runner not started', 'another']) {
      const failed = server.drain();
      server.end('drain', new Error(reason));
      await expect(failed).rejects.toThrow(reason);
    }
    expect(await said()).toEqual([
      "drain() of the AgentServer failed ('runner not started'): close() now cuts off every call that is left",
    ]);
    const drained = server.drain();
    server.end('drain');
    await drained;
    expect(snapshot()).toMatchObject({ activeSessions: 1, draining: true });
  });
});

describe('close()', () => {
  /** A worker whose goodbye takes until it is told to end. */
  function instrumented({ pool }: { readonly pool: PoolLike }) {
    let end = () => {};
    const goodbye = vi.fn(() => new Promise<void>((resolve) => (end = resolve)));
    pool.onInstrument?.({ deploymentVersion: 'v1', goodbye });
    return { goodbye, end: () => end() };
  }

  it('drops what is still active, says goodbye, and waits for it', async () => {
    const serving = serve();
    const { server, log } = serving;
    const { goodbye, end } = instrumented(serving);
    server.add(runningJob('a'));
    let isClosed = false;
    const closed = server.close().then(() => {
      isClosed = true;
    });
    expect(goodbye).toHaveBeenCalledOnce();
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'dropped', undefined],
    ]);
    server.end('close');
    await sleep(20);
    expect(isClosed).toBe(false);
    end();
    await closed;
  });

  it('ends sessions whose jobs are gone as unknown', async () => {
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'));
    snapshot();
    server.remove('a');
    void server.close();
    expect(log.at(-1)).toEqual(['end', 'a', 'unknown', undefined]);
  });

  it('passes the error of the server on, after the goodbye', async () => {
    const serving = serve();
    const { end } = instrumented(serving);
    const closed = serving.server.close();
    serving.server.end('close', new Error('planted'));
    end();
    await expect(closed).rejects.toThrow('planted');
  });

  it('is not waited for by a server that could not run: the goodbye is said before run() rejects', async () => {
    const server = new (createServerClass())();
    const pool = livekitPool(server);
    const { goodbye, end } = instrumented({ pool });
    const log = observe(pool);
    const ran = server.run();
    server.add(runningJob('a'));
    server.end('run', new Error('failed to connect'));
    await vi.waitFor(() => expect(goodbye).toHaveBeenCalledOnce());
    expect(log.at(-1)).toEqual(['end', 'a', 'dropped', undefined]);
    end();
    await expect(ran).rejects.toThrow('failed to connect');
  });
});

it('a second run() that fails is not the end of the worker', async () => {
  const { server, pool, log } = serve();
  const goodbye = vi.fn(async () => {});
  pool.onInstrument?.({ deploymentVersion: 'v1', goodbye });
  server.add(runningJob('a'));
  await expect(server.run()).rejects.toThrow('worker is already running');
  expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1, draining: false });
  expect(goodbye).not.toHaveBeenCalled();
  expect(log).toEqual([['start', 'a']]);
});

describe('jobs that the worker turns away', () => {
  it('are counted, as draining or other', () => {
    const { server, log } = serve();
    server.answer(true);
    server.answer(false);
    void server.drain();
    server.answer(false);
    server.event.emit('worker_msg', undefined);
    server.send('updateWorker', { load: 1 });
    expect(log).toEqual([
      ['rejected', 'other'],
      ['rejected', 'draining'],
    ]);
  });
});

describe('what LiveKit changes is said once:', () => {
  it.each(['1.9.0', '1.9.27'])('not with the version %s', async (version) => {
    serve().server.send('register', { version });
    expect(await said()).toEqual([]);
  });

  it.each(['1.10.0', '2.0.0-rc.1', '1.8.1', '0.1.9'])('the version %s', async (version) => {
    const { server } = serve();
    for (let again = 0; again < 2; again++) server.send('register', { version });
    expect(await said()).toEqual([
      `@livekit/agents ${version} is not what openrtc-otel is tested with (1.9): see whether sessions and drops are reported`,
    ]);
  });

  it('jobs whose acceptance nobody saw', async () => {
    const { server, snapshot } = serve();
    server.list(runningJob('a'), runningJob('b'));
    expect(snapshot().activeSessions).toBe(2);
    expect(await said()).toEqual([expect.stringContaining('nobody saw that it was accepted')]);
  });

  it('but not of jobs from before the pool', async () => {
    const server = new (createServerClass())();
    server.list(runningJob('a'));
    expect(livekitPool(server).runtimeSnapshot().activeSessions).toBe(1);
    expect(await said()).toEqual([]);
  });
});

it('a server without the events of today runs all the same; that jobs are not counted is said', async () => {
  const AgentServer = createServerClass();
  const pool = livekitPool(AgentServer);
  const server = new AgentServer();
  vi.spyOn(server.event, 'on').mockImplementationOnce(() => {
    throw new TypeError('planted');
  });
  void server.run();
  server.add(runningJob('a'));
  expect(pool.runtimeSnapshot().activeSessions).toBe(1);
  expect(server.calls).toEqual(['run']);
  expect(await said()).toEqual(['what the server answers to jobs cannot be read: TypeError']);
});

describe('a job that was accepted', () => {
  it('is active from then on, and told of when it is listed', () => {
    const { server, log, snapshot } = serve();
    server.answer(true, 'a');
    expect(snapshot().activeSessions).toBe(1);
    expect(log).toEqual([]);
    server.add(runningJob('a'));
    expect(snapshot().activeSessions).toBe(1);
    server.answer(true, 'a');
    expect(snapshot().activeSessions).toBe(1);
    server.remove('a');
    expect(snapshot().activeSessions).toBe(0);
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'unknown', undefined],
    ]);
  });

  it('started then, where the server does not say when', () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const { server, pool } = serve();
    server.answer(true, 'a');
    vi.advanceTimersByTime(4_000);
    server.add(runningJob('a', { state: undefined }));
    pool.runtimeSnapshot();
    const observer = vi.fn();
    stops.push(pool.observe?.({ onSessionStart: observer }) ?? (() => {}));
    expect(observer).toHaveBeenCalledWith(
      expect.objectContaining({ startedAt: new Date(1_800_000_000_000), tenant: 'acme' }),
    );
  });

  it('is dropped when the server closes and it has no process; a process that comes then is no second loss', () => {
    const { server, log, snapshot } = serve();
    server.answer(true, 'a');
    void server.close();
    server.list(runningJob('a'));
    expect(snapshot().activeSessions).toBe(0);
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'dropped', undefined],
    ]);
  });

  it('is dropped when the drain times out, once, although it is listed then', async () => {
    const { server, log, snapshot } = serve();
    server.answer(true, 'a');
    const drained = server.drain(10);
    server.end('drain', new Error('timed out draining'));
    await expect(drained).rejects.toThrow('timed out draining');
    expect(snapshot().activeSessions).toBe(0);
    server.list(runningJob('a'));
    expect(snapshot().activeSessions).toBe(0);
    void server.close();
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'dropped', undefined],
    ]);
  });

  it('ends as unknown when it has no process after a minute, which is said once; one that comes later is a session', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { server, log, snapshot } = serve();
    server.answer(true, 'a');
    vi.advanceTimersByTime(59_000);
    server.answer(true, 'b');
    expect(snapshot().activeSessions).toBe(2);
    vi.advanceTimersByTime(1_000);
    expect(snapshot().activeSessions).toBe(1);
    vi.advanceTimersByTime(59_000);
    expect(snapshot().activeSessions).toBe(0);
    expect(log.filter(([hook]) => hook === 'end')).toEqual([
      ['end', 'a', 'unknown', undefined],
      ['end', 'b', 'unknown', undefined],
    ]);
    expect(await said()).toEqual([
      'a job was accepted and got no process for a minute: its session ends as unknown',
    ]);
    server.add(runningJob('a'));
    expect(snapshot().activeSessions).toBe(1);
  });

  it('ends as its process tells, also where that came and went between two looks', () => {
    const { server, log, snapshot } = serve();
    server.answer(true, 'a');
    for (const listener of jobChannel().listeners) {
      listener.onJobTracked('a');
      listener.onJobEnded('a', 'dropped');
    }
    expect(snapshot().activeSessions).toBe(0);
    expect(log).toEqual([
      ['start', 'a'],
      ['end', 'a', 'dropped', undefined],
    ]);
  });

  it('has a name, or is not counted', () => {
    const { server, snapshot } = serve();
    server.send('availability', { available: true });
    server.send('availability', undefined);
    expect(snapshot().activeSessions).toBe(0);
  });
});

describe('a worker that was stopped or blocked for 15 s', () => {
  const instrumented = () => {
    const serving = serve();
    serving.pool.onInstrument?.({ deploymentVersion: 'v1', goodbye: async () => {} });
    serving.server.add(runningJob('a'), runningJob('b'));
    serving.snapshot();
    return serving;
  };

  it('has dropped what ends then and nobody can tell how: LiveKit ended its process', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { server, log, snapshot } = instrumented();
    vi.advanceTimersByTime(15_000);
    snapshot();
    server.remove('a');
    snapshot();
    expect(log.at(-1)).toEqual(['end', 'a', 'dropped', undefined]);
    for (let look = 0; look < 40; look++) {
      vi.advanceTimersByTime(250);
      snapshot();
    }
    server.remove('b');
    snapshot();
    expect(log.at(-1)).toEqual(['end', 'b', 'unknown', undefined]);
  });

  it('has, also where the end is heard before it looks', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { log } = instrumented();
    for (const listener of jobChannel().listeners) listener.onJobEnded('a', 'unknown');
    vi.advanceTimersByTime(15_000);
    for (const listener of jobChannel().listeners) listener.onJobEnded('b', 'unknown');
    expect(log.slice(2)).toEqual([
      ['end', 'a', 'unknown', undefined],
      ['end', 'b', 'dropped', undefined],
    ]);
  });

  it('has not where it is asked rarely, and not instrumented', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { server, log, snapshot } = serve();
    server.add(runningJob('a'));
    snapshot();
    vi.advanceTimersByTime(15_000);
    server.remove('a');
    snapshot();
    expect(log.at(-1)).toEqual(['end', 'a', 'unknown', undefined]);
  });
});

describe('livekitPool(AgentServer), the class,', () => {
  it('is the pool of the server that somebody else makes and runs', async () => {
    const AgentServer = createServerClass();
    const pool = livekitPool(AgentServer, { drainTimeout: 1_000 });
    const log = observe(pool);
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, draining: false });
    const server = new AgentServer();
    void server.run();
    server.add(runningJob('a'));
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1, draining: false });
    void server.drain();
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 1, draining: true });
    void server.close();
    expect(log.at(-1)).toEqual(['end', 'a', 'dropped', undefined]);
  });

  it('leaves a second server alone, and says so', async () => {
    const AgentServer = createServerClass();
    const pool = livekitPool(AgentServer);
    const [first, second] = [new AgentServer(), new AgentServer()];
    void first.run();
    void second.run();
    expect(await said()).toEqual([expect.stringContaining('a second AgentServer runs')]);
    second.add(runningJob('b'));
    void second.drain();
    void second.close();
    expect(pool.runtimeSnapshot()).toMatchObject({ activeSessions: 0, draining: false });
    expect(second.calls).toEqual(['run', 'timeout undefined', 'drain', 'close']);
  });

  it('gives the same pool at a second call, as for a server', () => {
    const AgentServer = createServerClass();
    expect(livekitPool(AgentServer)).toBe(livekitPool(AgentServer));
    const server = new AgentServer();
    expect(livekitPool(server)).toBe(livekitPool(server));
    expect(livekitPool(server)).not.toBe(livekitPool(AgentServer));
  });
});

describe('the version', () => {
  it('is that of LIVEKIT_AGENT_DEPLOYMENT', () => {
    vi.stubEnv('LIVEKIT_AGENT_DEPLOYMENT', 'v7');
    expect(serve().snapshot().deploymentVersion).toBe('v7');
    vi.stubEnv('LIVEKIT_AGENT_DEPLOYMENT', undefined);
    expect(serve().snapshot().deploymentVersion).toBeNull();
  });
});

describe('livekitPool()', () => {
  it.each([undefined, null, 'server', {}, { run() {}, drain() {} }, class Other {}, () => {}])(
    'refuses %s',
    (wrong) => {
      const call = () => livekitPool(wrong as never);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(
        'livekitPool(server): expected an AgentServer of @livekit/agents or its class, got ',
      );
    },
  );

  it('does not show what it was given in place of a server: it can hold the secrets of one', () => {
    const options = { agent: 'a.js', apiKey: 'planted', apiSecret: 'planted', drainTimeout: 1 };
    try {
      livekitPool(options as never);
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).not.toContain('planted');
    }
  });

  it.each([Number.NaN, -1, '10', null])('refuses %s as the drain timeout', (drainTimeout) => {
    expect(() => livekitPool(createServerClass(), { drainTimeout: drainTimeout as never })).toThrow(
      'option drainTimeout: expected milliseconds, 0 or more, got ',
    );
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { METRICS, REJECTION_REASON, SESSION_SPAN, SESSION_START_SPAN } from '../../../src/attributes.js';
import { instrument } from '../../../src/instrument.js';
import { CHANNEL, VERSION } from '../../../src/pools/livekit/channel.js';
import { livekitPool } from '../../../src/pools/livekit/index.js';
import { last } from '../../support/lists.js';
import { createServerClass, runningJob, SECRETS } from '../../support/livekit.js';
import { usePipeline } from '../../support/pipeline.js';
import { valueIn } from '../../support/points.js';
import { listenToWarnings } from '../../support/warnings.js';

const pipeline = usePipeline();
const said = listenToWarnings();

const [, ownScript = ''] = process.argv;
const runsAs = (script: string) => void process.argv.splice(1, 1, script);

afterEach(() => {
  runsAs(ownScript);
});

/** A LiveKit worker as `cli.runApp()` makes one: whoever instruments it never holds its server. */
async function runWorker() {
  const AgentServer = createServerClass();
  const pool = livekitPool(AgentServer, { drainTimeout: 30_000 });
  const telemetry = pipeline.instrument(pool, { deploymentVersion: 'v1', poolName: 'voice', tenantLimit: 5 });
  const server = new AgentServer();
  void server.run();
  const { collector } = pipeline;
  await vi.waitFor(() => expect(collector.reports).not.toHaveLength(0), 5_000);
  return { server, telemetry, collector };
}

describe('an instrumented LiveKit worker', () => {
  it('reports its jobs, its drain and its goodbye inside close(), and nothing secret anywhere', async () => {
    const { server, telemetry, collector } = await runWorker();
    server.add(runningJob('a'), runningJob('b', { metadata: SECRETS.metadata }));
    server.answer(false);
    void server.drain();
    await vi.waitFor(() => {
      const report = last(collector.reports);
      expect(valueIn(report, METRICS.active)).toBe(2);
      expect(valueIn(report, METRICS.draining)).toBe(1);
      expect(valueIn(report, METRICS.drainTimeout)).toBe(30);
      expect(valueIn(report, METRICS.rejected, { [REJECTION_REASON]: 'other' })).toBe(1);
    }, 5_000);
    const closed = server.close();
    server.end('close');
    await closed;
    const goodbye = last(collector.reports);
    expect(valueIn(goodbye, METRICS.running)).toBe(0);
    expect(valueIn(goodbye, METRICS.dropped)).toBe(2);
    // Counters leave with the last ordinary report: the goodbye has gauges only.
    const ends = collector.reports.map((report) =>
      valueIn(report, METRICS.ended, { 'openrtc.session.outcome': 'dropped' }),
    );
    expect(ends).toContain(2);
    expect(ends.at(-1)).toBeUndefined();
    expect(collector.spans.filter(({ name }) => name === SESSION_SPAN)).toHaveLength(2);
    expect(await telemetry.shutdown()).toEqual({ delivered: true, droppedSessions: 2 });

    const out = JSON.stringify(collector.requests) + (await said()).join() + inspect(telemetry, { depth: 9 });
    for (const secret of Object.values(SECRETS)) expect(out).not.toContain(secret);
  });

  it('sees jobs start and end by itself, and does not keep the process alive for it', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const { server, collector } = await runWorker();
    // A request that is under way has one for a moment. Not inside waitFor(), which has timers of its own.
    for (let look = 0; look < 100 && timers() !== before; look++) await sleep(50);
    expect(timers()).toBe(before);
    const names = () => collector.spans.map(({ name }) => name);
    server.add(runningJob('a'));
    await vi.waitFor(() => expect(names()).toEqual([SESSION_START_SPAN]), 5_000);
    server.remove('a');
    await vi.waitFor(() => expect(names()).toContain(SESSION_SPAN), 5_000);
    const [session] = collector.spans.filter(({ name }) => name === SESSION_SPAN);
    expect(session?.attributes).toMatchObject({ 'openrtc.session.outcome': 'unknown' });
  });

  it('says only the class of the error when its server can not be read', async () => {
    const { server } = await runWorker();
    vi.spyOn(server, 'activeJobs', 'get').mockImplementation(() => {
      throw new RangeError(SECRETS.room);
    });
    await vi.waitFor(async () => {
      expect(await said()).toEqual([
        'the active jobs of the AgentServer cannot be read (RangeError): how many sessions it has is unknown',
        'bad snapshot of the pool: activeSessions: expected a whole number, got undefined',
      ]);
    }, 5_000);
  });

  it('tells its job processes the version it reports', async () => {
    await runWorker();
    expect(process.env[VERSION]).toBe('v1');
  });
});

describe('in a job process', () => {
  it('nothing connects on import; livekitPool() connects before a job comes, and what fails is said when it comes', async () => {
    runsAs('/app/node_modules/@livekit/agents/dist/ipc/job_proc_lazy_main.js');
    vi.stubEnv(CHANNEL, '/nowhere/jobs');
    vi.resetModules();
    const livekit = await import('../../../src/pools/livekit/index.js');
    await sleep(50);
    expect(await said()).toEqual([]);
    livekit.livekitPool(createServerClass());
    await sleep(50);
    expect(await said()).toEqual([]);
    livekit.trackJob({ job: { id: 'AJ_1', metadata: '', agentName: '' }, addShutdownCallback: () => {} });
    expect(await said()).toEqual(['a job cannot report to its worker: Error']);
    vi.unstubAllEnvs();
  });

  it.each([
    'job_proc_lazy_main.js',
    'job_proc_lazy_main.cjs',
    'job_proc_lazy_main.ts',
    'inference_proc_lazy_main.js',
  ])('of the script %s instrument() reports nothing, and still refuses wrong options', async (script) => {
    runsAs(`/app/node_modules/@livekit/agents/dist/ipc/${script}`);
    const AgentServer = createServerClass();
    const methods = { ...Object.getOwnPropertyDescriptors(AgentServer.prototype) };
    const pool = livekitPool(AgentServer);
    expect(Object.getOwnPropertyDescriptors(AgentServer.prototype)).toEqual(methods);
    expect(() => instrument(pool, { tenantLimit: -1 })).toThrow('option tenantLimit');
    const telemetry = instrument(pool);
    expect(await telemetry.session({ id: 's' }, ({ info }) => info)).toMatchObject({
      id: 's',
      tenant: 'default',
    });
    await expect(telemetry.session({}, () => Promise.reject(new Error('own')))).rejects.toThrow('own');
    telemetry.startSession().end('failed');
    expect(await telemetry.shutdown()).toEqual({ delivered: false, droppedSessions: 0 });
    await telemetry[Symbol.asyncDispose]();
    expect(pipeline.collector.requests).toEqual([]);
    expect(await said()).toEqual([]);
  });

  it.each(['worker.js', 'my_job_proc_lazy_main.js', 'job_proc_lazy_main', 'job_proc_lazy_main.js.map'])(
    'of the script %s it is a worker',
    (script) => {
      runsAs(`/app/${script}`);
      const telemetry = pipeline.instrument(livekitPool(createServerClass()), { deploymentVersion: 'v1' });
      expect(telemetry.workerId).not.toBe('');
    },
  );
});

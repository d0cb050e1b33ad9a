import { describe, expect, it } from 'vitest';
import { CHANNEL, jobChannel, VERSION } from '../../src/pools/livekit/channel.js';
import { livekitPool } from '../../src/pools/livekit/index.js';
import { type Log, record } from '../pools/support.js';
import { createServerClass, runningJob } from '../support/livekit.js';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';

const JOB_PROCESS = 'fixtures/job_proc_lazy_main.js';

/** A worker in this process with one job, and a real process for it. */
function start(id: string, env: Record<string, string> = {}, version = 'v1', script = JOB_PROCESS) {
  const server = new (createServerClass())();
  const pool = livekitPool(server);
  const log: Log = [];
  const stop = pool.observe?.(record(log)) ?? (() => {});
  pool.onInstrument?.({ deploymentVersion: version, goodbye: async () => {} });
  void server.run();
  server.add(runningJob(id));
  const inherited = { [CHANNEL]: process.env[CHANNEL] ?? '', [VERSION]: process.env[VERSION] ?? '' };
  const job = new Child(script, { ...inherited, ...env });
  return {
    job,
    server,
    log,
    snapshot: () => pool.runtimeSnapshot(),
    ends: () => log.filter(([hook]) => hook === 'end').map(([, , outcome]) => outcome),
    async [Symbol.asyncDispose]() {
      stop();
      await job[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent('a job process that is tracked', () => {
  it.each<[string, (job: Child) => unknown]>([
    ['is killed', (job) => job.kill('SIGKILL')],
    ['exits with a code', (job) => job.ask('exit', 3).catch(() => {})],
    ['exits with 0', (job) => job.ask('exit', 0).catch(() => {})],
    ['throws what nobody catches', (job) => job.ask('throwLater').catch(() => {})],
    ['runs out of memory', (job) => job.ask('allocate').catch(() => {})],
  ])('and %s is one dropped session', async (what, end) => {
    const env = what.includes('memory') ? { NODE_OPTIONS: '--max-old-space-size=40' } : {};
    await using worker = start(what, env);
    await worker.job.ask('track', what);
    void end(worker.job);
    await worker.job.exit;
    expect(worker.log[0]).toEqual(['start', what]);
    await eventually(() => expect(worker.ends()).toEqual(['dropped']));
    expect(worker.snapshot().activeSessions, 'although LiveKit may still list it').toBe(0);
    worker.server.remove(what);
    worker.snapshot();
    expect(worker.ends()).toEqual(['dropped']);
  });

  it.each([
    ['shutdown request', 'success'],
    ['the agent is done', 'success'],
    ['', 'success'],
    ['job crashed', 'failed'],
  ])(
    'and leaves with "%s" has ended its session as %s, however its process ends then',
    async (reason, outcome) => {
      await using worker = start(`left: ${reason}`);
      await worker.job.ask('track', `left: ${reason}`);
      await worker.job.ask('leave', reason);
      await eventually(() => expect(worker.ends()).toEqual([outcome]));
      expect(worker.snapshot().activeSessions).toBe(0);
      await worker.job.ask('shutDown');
      worker.job.kill('SIGKILL');
      await worker.job.exit;
      worker.server.remove(`left: ${reason}`);
      worker.snapshot();
      expect(worker.ends()).toEqual([outcome]);
    },
  );

  it.each([
    [5, 'success'],
    [0, 'dropped'],
  ])('and is out of its room for the reason %i has ended its session as %s', async (reason, outcome) => {
    await using worker = start(`out: ${reason}`);
    await worker.job.ask('track', `out: ${reason}`);
    await worker.job.ask('disconnect', reason);
    await worker.job.ask('leave', 'room disconnected');
    await eventually(() => expect(worker.ends()).toEqual([outcome]));
  });

  it('and is shut down without a word of why has ended its session as unknown', async () => {
    await using worker = start('quiet');
    await worker.job.ask('track', 'quiet');
    await worker.job.ask('shutDown');
    await eventually(() => expect(worker.ends()).toEqual(['unknown']));
    await eventually(() =>
      expect(worker.job.said).toEqual([
        'a job ends and LiveKit did not tell its worker why: the session ends as unknown',
      ]),
    );
  });

  it('is no end of a session whose job LiveKit has forgotten before', async () => {
    await using worker = start('forgotten');
    const told = new Promise<void>((resolve) => {
      jobChannel().listeners.add({
        onJobTracked: (id) => void (id === 'forgotten' && resolve()),
        onJobEnded: () => {},
      });
    });
    await worker.job.ask('track', 'forgotten');
    await told;
    worker.server.remove('forgotten');
    expect(worker.snapshot().activeSessions).toBe(1);
    worker.job.kill('SIGKILL');
    await eventually(() => expect(worker.ends()).toEqual(['dropped']));
  });

  it('has its spans tagged', async () => {
    await using worker = start('tagged', {}, 'v9');
    expect(await worker.job.ask('tags')).toEqual([]);
    await worker.job.ask('track', 'tagged', '{"tenant":"globex"}');
    expect(await worker.job.ask('tags')).toEqual([
      { 'openrtc.session.id': 'tagged', 'openrtc.tenant.id': 'globex', 'openrtc.worker.version': 'v9' },
    ]);
  });
});

describe.concurrent('a job process', () => {
  it.each([JOB_PROCESS, 'fixtures/job-of-another-name.js'])(
    'of the script %s is no worker: it reports nothing, changes no server and loads no SDK',
    async (script) => {
      await using backend = await Backend.start();
      await using worker = start(`inert ${script}`, reportingTo(backend), 'v1', script);
      expect(await worker.job.ask('useTelemetry')).toEqual({
        ran: 'ran',
        result: 'result',
        isUntouched: true,
        goodbye: { delivered: false, droppedSessions: 0 },
      });
      const loaded = await worker.job.ask<string[]>('loaded');
      expect(loaded.some((url) => url.includes('pools/livekit/pool'))).toBe(true);
      expect(loaded.filter((url) => /@opentelemetry\/(?!api\/)/.test(url))).toEqual([]);
      expect(await worker.job.ask('resources')).not.toContain('Timeout');
      await worker.job.ask('exit', 0).catch(() => {});
      expect(backend.requests).toEqual([]);
      expect(worker.job.stderr).toEqual([]);
    },
  );

  it.each([
    ['is of a worker that does not listen', {}, []],
    [
      'can not reach its worker',
      { [CHANNEL]: '/nowhere/jobs' },
      ['a job cannot report to its worker: Error'],
    ],
  ])('that %s is tagged all the same', async (_, env, said) => {
    const version = { LIVEKIT_AGENT_DEPLOYMENT: 'v3' };
    await using job = new Child(JOB_PROCESS, { ...version, ...env });
    await job.ask('track', 'alone');
    expect(await job.ask('tags')).toMatchObject([{ 'openrtc.worker.version': 'v3' }]);
    await eventually(() => expect(job.said).toEqual(said));
  });

  it('goes on when its context is none', async () => {
    await using job = new Child(JOB_PROCESS);
    await job.ask('trackNothing');
    await eventually(() => expect(job.said).toEqual(['a job could not be tracked: TypeError']));
  });
});

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { hanging } from './support/faults.js';

const HANDLERS = 'fixtures/signal-handlers.js';
const IDLE = 'fixtures/nothing-else.js';
const NAMES = 'fixtures/dead-names.js';
const DEFAULT_PACE = { OTEL_METRIC_EXPORT_INTERVAL: '15000' };

interface Ending {
  readonly delivered: boolean;
  readonly lookups: number;
  /** What the app's own work took. */
  readonly appMs: number;
  /** From the call of `shutdown()` to the end of the process. */
  readonly endMs: number;
}

const linesOf = (worker: Child) => worker.stderr.filter((line) => line.includes('the goodbye did not'));

async function listening(worker: Child): Promise<void> {
  await worker.ask('start', 0);
}

describe('signals, with the handlers of the README', () => {
  it.each<[NodeJS.Signals, NodeJS.Signals]>([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGINT'],
  ])('%s, and %s during the drain: nothing is cut, and there is one goodbye', async (first, second) => {
    await using backend = await Backend.start();
    await using worker = new Child(HANDLERS, reportingTo(backend));
    await worker.ask('start', 3);
    worker.kill(first);
    await eventually(() => expect(backend.worker).toMatchObject({ draining: true, active: 3 }));
    worker.kill(second);
    worker.kill(second);
    expect(await worker.ask('start', 0)).toBeUndefined();
    expect(backend.goodbyes).toEqual([]);
    await worker.ask('end');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(backend.goodbyes).toHaveLength(1);
    expect(backend.worker).toMatchObject({ exited: true, dropped: 0 });
  });
});

describe('a goodbye that did not arrive is said on stderr before process.exit()', () => {
  it.each([
    ['as a warning', {}],
    ['without warnings', { NODE_OPTIONS: '--no-warnings' }],
    ['without warnings, by the environment', { NODE_NO_WARNINGS: '1' }],
  ])('%s', async (_, environment) => {
    await using backend = await Backend.start();
    await backend.close();
    await using worker = new Child(HANDLERS, reportingTo(backend, environment));
    await listening(worker);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(linesOf(worker)).toEqual([expect.stringMatching(/ECONNREFUSED|in time/)]);
  });

  it('also to a listener of the app', async () => {
    await using backend = await Backend.start();
    await backend.close();
    const env = reportingTo(backend, { LISTEN: 'yes', NODE_OPTIONS: '--no-warnings' });
    await using worker = new Child(HANDLERS, env);
    await listening(worker);
    worker.kill('SIGTERM');
    await worker.exit;
    expect(worker.stdout).toContainEqual(expect.stringMatching(/^the goodbye did not arrive/));
    expect(linesOf(worker)).toEqual([]);
  });

  it('also where the collector went away during the drain, and that was said', async () => {
    await using backend = await Backend.start();
    await using worker = new Child(HANDLERS, reportingTo(backend, { OTEL_EXPORTER_OTLP_TIMEOUT: '300' }));
    await worker.ask('start', 1);
    worker.kill('SIGTERM');
    await eventually(() => expect(backend.worker).toMatchObject({ draining: true }));
    await backend.close();
    await eventually(() => expect(worker.said.join()).toContain('metrics do not arrive'));
    await worker.ask('end');
    await worker.exit;
    expect(linesOf(worker)).toHaveLength(1);
  });
});

const LIVES = 5;

describe('a process that has nothing left to do', () => {
  it.each([
    ['is not there', undefined],
    ['never answers', hanging],
  ])('ends as it would without us, where a collector %s', async (_, fault) => {
    await using backend = await Backend.start();
    if (fault) backend.fault = fault;
    else await backend.close();
    /** The shortest of some: what a busy machine adds is not ours. */
    const lifeMs = async (environment: Record<string, string>) => {
      const lives: number[] = [];
      while (lives.length < LIVES) {
        const since = performance.now();
        await using child = new Child(IDLE, environment);
        expect(await child.exit).toEqual({ code: 0, signal: null });
        lives.push(performance.now() - since);
      }
      return Math.min(...lives);
    };
    const usual = await lifeMs({ OTEL_SDK_DISABLED: 'true' });
    // Loading the SDK takes a moment; the first pause between attempts alone would take half a second.
    const mostMore = Math.max(400, 2 * usual);
    expect((await lifeMs(reportingTo(backend, DEFAULT_PACE))) - usual).toBeLessThan(mostMore);
  });
});

describe('a collector that never comes to an end is settled in time: it answers with', () => {
  const every = (ms: number, text: string) => (socket: Socket) => {
    const timer = setInterval(() => socket.write(text), ms);
    socket.on('close', () => clearInterval(timer));
  };
  it.each<[string, string, ((socket: Socket) => void)?]>([
    ['101 and an upgrade', '101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['101', '101 Switching Protocols\r\n\r\n'],
    ['102 for ever', '102 Processing\r\n\r\n', every(20, 'HTTP/1.1 102 Processing\r\n\r\n')],
    ['headers for ever', '200 OK\r\n', every(100, 'a: b\r\n')],
    ['a body for ever', '200 OK\r\ntransfer-encoding: chunked\r\n\r\n', every(20, '5\r\nhello\r\n')],
  ])('%s', async (_, start, goOn) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write(`HTTP/1.1 ${start}`);
        goOn?.(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const environment = reportingTo({ url }, { ...DEFAULT_PACE, SAY_GOODBYE: 'yes' });
    await using child = new Child(IDLE, environment);
    await eventually(() => expect(child.stdout).toEqual(['{"delivered":false,"droppedSessions":0}']));
    const since = performance.now();
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - since).toBeLessThan(1_500);
    server.close();
  });
});

describe('a collector whose name is never found', () => {
  it('takes one lookup, whatever is sent', async () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', NEVER: 'yes' };
    await using worker = new Child(NAMES, { ...environment, OTEL_METRIC_EXPORT_INTERVAL: '100' });
    const { lookups, endMs, delivered } = await worker.result<Ending>();
    expect(lookups).toBe(1);
    expect(delivered).toBe(false);
    expect(endMs).toBeLessThan(3_500);
  });

  it.for<readonly [string, Record<string, string>]>([
    ['by itself', {}],
    ['by process.exit()', { EXIT: 'yes' }],
  ])('leaves the app its own work, and the process ends in time %s', async ([, more], { skip }) => {
    // A name server that is silent, for a process that sees another /etc/resolv.conf.
    const server = createSocket('udp4');
    const folder = mkdtempSync(join(tmpdir(), 'names-'));
    const resolvers = join(folder, 'resolv.conf');
    writeFileSync(resolvers, 'nameserver 127.0.0.53\n');
    const isBound = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).bind(53, '127.0.0.53', () => resolve(true));
    });
    if (!isBound || process.geteuid?.() !== 0) return skip();
    const fixture = fileURLToPath(new URL(NAMES, import.meta.url));
    const script = `mount --bind ${resolvers} /etc/resolv.conf && exec "$0" ${fixture}`;
    const { PATH = '' } = process.env;
    const child = spawn('unshare', ['-m', 'sh', '-c', script, process.execPath], {
      env: { PATH, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318', ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
    server.close();
    if (/unshare|mount/.test(error)) return skip();
    const { appMs, endMs } = JSON.parse(out) as Ending;
    expect(appMs).toBeLessThan(1_000);
    expect(endMs).toBeLessThan(3_500);
  });
});

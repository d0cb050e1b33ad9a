import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { Child } from './support/child.js';
import { reportingTo } from './support/environment.js';
import { eventually } from './support/eventually.js';
import { factsOf, JournalFolder } from './support/journals.js';

const COMMAND = '../../dist/cli/main.js';
const PASSWORD = 'planted-password';
const BASIC = Buffer.from(`me:${PASSWORD}`).toString('base64');
/** Everything planted has one of these in it. */
const PLANTED = ['planted', '234-5678', BASIC];

function expectNothingPlanted(where: string, text: string): void {
  for (const word of PLANTED) {
    const at = text.indexOf(word);
    expect(at < 0 ? 'nothing' : text.slice(Math.max(0, at - 40), at + 40), where).toBe('nothing');
  }
}

/** What a process has written so far. */
const written = ({ stdout, stderr }: Child) => [...stdout, ...stderr].join('\n');
const withSecrets = (url: string) => url.replace('://', `://me:${PASSWORD}@`);

/** A collector's address and headers with secrets in every part, and an address that is none beside them. */
const secretive = (backend: Backend) => ({
  ...reportingTo(backend),
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318/planted-key-in-a-path?token=planted-token',
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${withSecrets(backend.url)}/v1/metrics?api-key=planted-query`,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${withSecrets(backend.url)}/planted-key-in-a-path/v1/traces`,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=planted-header,x-phone=%2B49%20234-5678',
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'authorization=Bearer%20planted-bearer',
});

/** An HTTP server on a port of its own. */
async function serve(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const bodies = ({ requests }: Backend) => requests.map(({ body }) => body.toString('latin1')).join('\n');

describe.concurrent('what is planted does not leave', () => {
  it('a worker, its journal and its recovery', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    backend.fault = (response) => response.writeHead(401).end('planted-answer');
    const environment = secretive(backend);
    await using worker = new Child('fixtures/secretive-worker.js', { ...environment, JOURNAL: folder.path });
    await worker.ask('sessions');
    await eventually(() => {
      expect(written(worker)).toMatch(/metrics do not arrive.*401/);
      expect(written(worker)).toMatch(/spans do not arrive.*401/);
    });
    backend.fault = (response, { path }, handOn) =>
      path.includes('metrics') ? handOn() : response.writeHead(200).end();
    await eventually(() =>
      expect(factsOf(backend, 'w-1')).toMatchObject({ active: 3, ended: { failed: 10 } }),
    );
    await eventually(() => expect(factsOf(backend, 'w-2')).toMatchObject({ active: 2 }));
    await worker.ask('break', true);
    await eventually(() => expect(written(worker)).toContain('runtimeSnapshot() threw Error'));
    await worker.ask('break', false);
    expectNothingPlanted('health', (await worker.ask<string[]>('health')).join('\n'));
    const mistakes = await worker.ask<string[]>('mistakes');
    expect(mistakes.filter((message) => !/expected .*, got /.test(message))).toEqual([]);
    expectNothingPlanted('messages of wrong options', mistakes.join('\n'));
    await eventually(() => expect(bodies(backend)).toMatch(/"TypeError".*"gold"/s));
    worker.kill('SIGKILL');
    await worker.exit;

    const journals = folder.files.filter((file) => file.endsWith('.journal'));
    expect(journals).toHaveLength(2);
    const journaled = journals.map((file) => readFileSync(join(folder.path, file), 'utf8')).join('');
    expect(journaled).toMatch(/"s-2".*"job-1"|"job-1".*"s-2"/s);
    expectNothingPlanted('journals', journaled);

    const recover = () => new Child(COMMAND, environment, ['recover', folder.path]);
    backend.fault = (response) => response.writeHead(403).end('planted-answer');
    await using refused = recover();
    expect(await refused.exit).toMatchObject({ code: 1 });
    backend.fault = (response, { path }, handOn) =>
      path.includes('metrics') ? handOn() : response.writeHead(200).end();
    await using recoverer = recover();
    expect(await recoverer.exit).toMatchObject({ code: 0 });
    expect(factsOf(backend, 'w-1')).toMatchObject({ exited: true, dropped: 3 });
    expect(factsOf(backend, 'w-2')).toMatchObject({ exited: true, dropped: 2 });

    for (const child of [worker, refused, recoverer])
      expectNothingPlanted('stdout and stderr', written(child));
    expectNothingPlanted('telemetry', bodies(backend));
    expect(backend.requests.at(-1)?.headers, 'where it belongs').toMatchObject({
      'x-api-key': 'planted-header',
    });
    expect(backend.requests.map(({ headers }) => headers.authorization)).toContain('Bearer planted-bearer');
  });

  it.each(['watch', 'top'])('%s that asks a Prometheus, whatever that answers', async (name) => {
    const seen = new Set<string | undefined>();
    const ends: RequestListener[] = [
      (_, response) =>
        response.writeHead(302, { location: '/planted-location-of-it?token=planted-token' }).end(),
      (_, response) => response.writeHead(401).end('planted-answer'),
      (_, response) => response.writeHead(500, { 'x-planted': 'planted' }).end('planted-answer'),
      (_, response) => response.destroy(),
    ];
    const folder = new JournalFolder();
    using _ = folder;
    const file = join(folder.path, 'headers');
    writeFileSync(file, 'Authorization: Bearer planted-bearer\nX-Key: planted-header\n');
    for (const end of ends) {
      await using prometheus = await serve((request, response) => {
        seen.add(request.headers.authorization);
        end(request, response);
      });
      const url = `${withSecrets(prometheus.url)}/planted-key-in-a-path?token=planted-query`;
      const options = name === 'watch' ? ['--target', 'v1'] : ['--once'];
      const args = [name, ...options, '--timeout', '2s', '--prometheus', url];
      await using byUrl = new Child(COMMAND, {}, args);
      await using byFile = new Child(COMMAND, {}, [...args, '--headers-file', file]);
      await using byVariable = new Child(
        COMMAND,
        { OPENRTC_PROMETHEUS_HEADERS: 'X-Key=planted-header' },
        args,
      );
      for (const child of [byUrl, byFile, byVariable]) {
        expect(await child.exit).toMatchObject({ code: 12 });
        expect(written(child)).toContain('Prometheus at http://127.0.0.1:');
        expectNothingPlanted('stdout and stderr', written(child));
      }
    }
    expect([...seen].sort()).toEqual([`Basic ${BASIC}`, 'Bearer planted-bearer']);
  });

  it.each([
    ['an address without a scheme', ['--prometheus', `me:${PASSWORD}@host`], {}],
    ['an address of another scheme', ['--prometheus', `ftp://host/?token=planted-token`], {}],
    [
      'a header without a value',
      ['--prometheus', 'http://127.0.0.1:9'],
      { OPENRTC_PROMETHEUS_HEADERS: 'planted-token' },
    ],
    [
      'a header half decoded',
      ['--prometheus', 'http://127.0.0.1:9'],
      { OPENRTC_PROMETHEUS_HEADERS: 'a=planted%2' },
    ],
    [
      'a header on two lines',
      ['--prometheus', 'http://127.0.0.1:9'],
      { OPENRTC_PROMETHEUS_HEADERS: 'a=planted%0Ab' },
    ],
  ])('wrong usage: %s', async (_, args, environment) => {
    for (const command of [
      ['watch', '--target', 'v1'],
      ['top', '--once'],
    ]) {
      await using child = new Child(COMMAND, environment, [...command, ...args]);
      expect((await child.exit).code).toBe(64);
      expectNothingPlanted('stdout and stderr', written(child));
    }
  });

  it('the receiver of a gate, whatever is sent to it', async () => {
    await using gate = new Child(COMMAND, {}, [
      'watch',
      '--target',
      'v1',
      '--listen',
      '0',
      '--timeout',
      '20s',
    ]);
    const url = await eventually(() => {
      const [found] = gate.stderr.join().match(/http:\/\/\S+:\d+/) ?? [];
      return found ?? expect.fail('it does not listen yet');
    });
    const headers = { authorization: 'Bearer planted-bearer', 'content-type': 'application/json' };
    const junk = [
      ['/planted-path', '{}'],
      ['/v1/metrics?token=planted-query', '{"planted'],
      ['/v1/traces', JSON.stringify({ resourceSpans: 'planted' })],
      [
        '/v1/traces',
        JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'planted' }] }] }] }),
      ],
      [
        '/v1/metrics',
        JSON.stringify({ resourceMetrics: [{ resource: { attributes: [{ key: 'planted' }] } }] }),
      ],
    ] as const;
    for (const [path, body] of junk) await fetch(url + path, { method: 'POST', headers, body });
    gate.kill('SIGTERM');
    expect(await gate.exit).toMatchObject({ code: 143 });
    expectNothingPlanted('stdout and stderr', written(gate));
  });
});

/** A stream of OpenRTC with what it can hold of other people, and lines that are none. */
const STREAM = [
  {
    kind: 'event',
    payload: { event: 'session_started', agent: 'support', tenant: 'acme', room: 'planted-room' },
  },
  {
    kind: 'event',
    payload: {
      event: 'session_failed',
      agent: 'support',
      tenant: 'acme',
      error: 'ValueError: +49 234-5678 is busy',
    },
  },
  { kind: 'event', payload: { event: 'planted-event', phone: '+49 234-5678' } },
  { kind: 'planted-kind', payload: 'planted-payload' },
  'planted-line',
  {
    kind: 'snapshot',
    payload: {
      active_sessions: 1,
      draining: false,
      deployment_version: 'v1',
      total_sessions_started: 2,
      total_session_failures: 1,
      last_error: 'ValueError: +49 234-5678 is busy',
      last_routed_agent: 'planted-agent',
      timestamp: Date.now() / 1000,
      uptime_seconds: 5,
    },
  },
];

describe.concurrent('what is planted does not leave a bridge', () => {
  it('that reads a stream, and asks an address with secrets', async () => {
    using folder = new JournalFolder();
    await using backend = await Backend.start();
    await using health = await serve((_, response) => response.writeHead(500).end('planted-answer'));
    const jsonl = join(folder.path, 'worker.jsonl');
    const lines = STREAM.map((line, index) =>
      typeof line === 'string' ? line : JSON.stringify({ ...line, schema_version: 2, seq: index + 1 }),
    );
    writeFileSync(jsonl, `${lines.join('\n')}\n`);
    const url = `${withSecrets(health.url)}/planted-key-in-a-path?token=planted-query`;
    await using bridge = new Child(COMMAND, secretive(backend), ['bridge', '--jsonl', jsonl, '--url', url]);
    await eventually(() => expect(written(bridge)).toContain('is reported'));
    await eventually(() => expect(written(bridge)).toContain('lines that cannot be read'));
    await eventually(() => expect(backend.worker).toMatchObject({ version: 'v1', active: 1 }));
    bridge.kill('SIGTERM');
    await health[Symbol.asyncDispose]();
    expect(await bridge.exit).toMatchObject({ code: 0 });
    expect(backend.worker).toMatchObject({ exited: true, dropped: 1 });
    expectNothingPlanted('stdout and stderr', written(bridge));
    expectNothingPlanted('telemetry', bodies(backend));
  });

  it.each([`ftp://me:${PASSWORD}@host`, 'host?token=planted-token'])('that is given %s', async (url) => {
    await using bridge = new Child(COMMAND, {}, ['bridge', '--url', url]);
    expect(await bridge.exit).toMatchObject({ code: 64 });
    expectNothingPlanted('stdout and stderr', written(bridge));
  });
});

import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FakePrometheus } from '../deploy/prometheus/fake-prometheus.js';
import { Project } from '../e2e/support/project.js';
import { command, jsonLines } from './support.js';

/** A server in place of Prometheus. */
class Stub implements AsyncDisposable {
  readonly #server: Server;
  #port = 0;

  private constructor(answer: RequestListener) {
    this.#server = createServer(answer);
  }

  static async start(answer: RequestListener): Promise<Stub> {
    const stub = new Stub(answer);
    await stub.open();
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the same port each time. */
  async open(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const json =
  (body: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const EMPTY = { status: 'success', data: { resultType: 'vector', result: [] } };

const gate = (...args: string[]) => command(['watch', '--target', 'v2', '--timeout', '5s', ...args]);

describe.concurrent('against a Prometheus that can not tell, the gate says why, tries on and exits with 12:', () => {
  it('nothing listening', async () => {
    const stub = await Stub.start(json(EMPTY));
    await stub.close();
    const { code, stdout } = await gate('--prometheus', stub.url);
    expect(code).toBe(12);
    expect(stdout).toContain('nothing listens there');
    // Said once, and once more at the end.
    expect(stdout.match(/nothing listens/g)).toHaveLength(2);
  });

  it.each<[string, RequestListener, string]>([
    ['a wrong URL', (_, response) => response.writeHead(404).end('404 page not found'), '404'],
    ['no access', (_, response) => response.writeHead(401).end('no'), 'refuses access (401)'],
    [
      'a web page',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'),
      'web page',
    ],
    ['no series of this package', json(EMPTY), 'it has no report of a worker'],
    ['an error', json({ status: 'error', error: 'query timed out' }), 'query timed out'],
  ])('%s', async (_, answer, words) => {
    let questions = 0;
    await using stub = await Stub.start((request, response) => {
      questions += 1;
      answer(request, response);
    });
    const { code, stdout, stderr } = await gate('--prometheus', stub.url);
    expect(code, stderr).toBe(12);
    expect(stdout).toContain(words);
    expect(questions).toBeGreaterThan(1);
  });

  it('one that goes away and comes back', async () => {
    const news = new EventEmitter();
    const answered = once(news, 'answered');
    await using stub = await Stub.start((request, response) => {
      response.once('finish', () => news.emit('answered'));
      json(EMPTY)(request, response);
    });
    const ended = command(['watch', '--target', 'v2', '--timeout', '8s', '--json', '--prometheus', stub.url]);
    await answered;
    await stub.close();
    await sleep(3_000);
    await stub.open();
    const output = await ended;
    expect(output.code).toBe(12);
    const said = jsonLines(output).map(({ error }) => String(error));
    expect(said.map((words) => words.includes('nothing listens'))).toEqual([false, true, false, false]);
  });
});

it.concurrent('--since now is when the command began, however long the source takes to tell the time', async () => {
  await using prometheus = await FakePrometheus.start();
  const labels = { openrtc_pool_name: 'voice', openrtc_worker_version: 'v1' };
  prometheus.known = [{ fact: 'cameUp', labels, value: prometheus.now / 1000 }];
  prometheus.delayMs = 1_500;
  const args = ['--prometheus', prometheus.url, '--since', 'now', '--json', '--timeout', '20s'];
  const output = await command(['watch', '--target', 'v2', ...args]);
  expect(prometheus.now - Number(jsonLines(output).at(-1)?.since)).toBeLessThan(prometheus.delayMs);
});

it.concurrent('sends the headers of a file or of the environment, and never shows their values', async () => {
  const seen: unknown[] = [];
  await using stub = await Stub.start((request, response) => {
    seen.push([request.headers['x-scope-orgid'], request.headers.authorization]);
    response.writeHead(403).end();
  });
  await using project = await Project.create();
  const file = `${project.dir}/headers`;
  await writeFile(file, 'X-Scope-OrgID: voice\n\nAuthorization: Bearer s3cret\n');
  const byFile = await gate('--prometheus', stub.url, '--headers-file', file);
  const byEnvironment = await command(
    ['watch', '--target', 'v2', '--timeout', '100ms', '--prometheus', stub.url],
    { OPENRTC_PROMETHEUS_HEADERS: 'X-Scope-OrgID=voice,Authorization=Bearer%20s3cret' },
  );
  for (const { code, stdout, stderr } of [byFile, byEnvironment]) {
    expect(code).toBe(12);
    expect(stdout + stderr).not.toContain('s3cret');
  }
  expect(new Set(seen.map((pair) => JSON.stringify(pair)))).toEqual(
    new Set([JSON.stringify(['voice', 'Bearer s3cret'])]),
  );
});

describe.concurrent('wrong usage exits with 64 and names the option, what was expected and what was given:', () => {
  it.each([
    [['--prometheus', 'http://127.0.0.1:9'], '--target'],
    [['--target', 'v2'], '--prometheus <url> or --listen'],
    [['--target', 'v2', '--listen', '--restart'], '--since'],
    [
      ['--target', 'v2', '--listen', '--at', 'now'],
      "option '--at <time>' cannot be used with option '--listen",
    ],
    [['--target', 'v2', '--listen', '--prometheus', 'http://127.0.0.1:9'], 'cannot be used with'],
    [['--target', 'v2', '--listen', '--matchers', 'a="b"'], 'cannot be used with'],
    [['--target', 'v2', '--listen', '--headers-file', 'x'], 'cannot be used with'],
    [
      ['--target', 'v2', '--listen', '--timeout', 'soon'],
      "'--timeout <duration>' argument 'soon' is invalid. expected a duration",
    ],
    [['--target', 'v2', '--listen', '--expect', '0'], 'expected a whole number from 1, got "0"'],
    [['--target', 'v2', '--listen', '--since', 'yesterday'], 'expected now'],
    [['--target', 'v2', '--listen', '--since', '2026-02-30T00:00:00Z'], 'expected now'],
    [['--target', 'v2', '--listen', '--since', '99999999999h'], 'expected a duration from 0s to 87600h'],
    [['--target', 'v2', '--listen', '99999'], 'expected [host:]port, such as 4318'],
    [['--target', 'v2', '--listen', '0', 'more'], 'too many arguments'],
    [['--target', 'v2', '--listen', '0', '--colour'], "unknown option '--colour'"],
    [
      ['--target', 'v2', '--prometheus', 'prometheus:9090'],
      'expected an http or https URL, got "prometheus:9090"',
    ],
    [['--target', 'v2', '--prometheus', 'http://127.0.0.1:9', '--matchers', 'cluster=eu'], 'matchers'],
    [['--target', ''], 'expected a text that is not empty'],
  ])('%j', async (args, words) => {
    const { code, stdout, stderr } = await command(['watch', ...args]);
    expect(stderr).toContain(words);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  it('an unknown command', async () => {
    expect(await command(['wach'])).toMatchObject({ code: 64 });
  });

  it.each(['s3cret-without-name', 'X-Token=s3cret%0Aon two lines', 'X-Token=s3cret%E2%82%AC'])(
    'a header such as %s',
    async (OPENRTC_PROMETHEUS_HEADERS) => {
      const { code, stderr } = await command(
        ['watch', '--target', 'v2', '--prometheus', 'http://127.0.0.1:9'],
        { OPENRTC_PROMETHEUS_HEADERS },
      );
      expect(code).toBe(64);
      expect(stderr).toContain('OPENRTC_PROMETHEUS_HEADERS');
      expect(stderr).not.toContain('s3cret');
    },
  );
});

it.concurrent('fails with 1 when it cannot listen, or not read its file', async () => {
  await using stub = await Stub.start(json(EMPTY));
  const taken = await gate('--listen', new URL(stub.url).host);
  expect(taken).toMatchObject({ code: 1, stdout: '' });
  expect(taken.stderr).toContain('cannot listen');
  const missing = await gate('--prometheus', stub.url, '--headers-file', '/nowhere/headers');
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain('/nowhere/headers');
});

it.concurrent('tells its version, and help with the exit codes', async () => {
  expect(await command(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  const { code, stdout } = await command(['watch', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Exit codes: 0 complete');
});

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakePrometheus } from '../deploy/fake-prometheus.js';
import { Project } from '../e2e/support/project.js';
import { command, jsonLines } from './support.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server in place of Prometheus. */
async function serve(answer: RequestListener, port = 0): Promise<string> {
  server = createServer(answer).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (body: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const EMPTY = { status: 'success', data: { resultType: 'vector', result: [] } };

const gate = (...args: string[]) => command(['watch', '--target', 'v2', '--timeout', '1500ms', ...args]);

describe('against a Prometheus that can not tell, the gate says why, tries on and exits with 12:', () => {
  it('nothing listening', async () => {
    const url = await serve(json(EMPTY));
    server?.close();
    const { code, stdout } = await gate('--prometheus', url);
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
    const url = await serve((request, response) => {
      questions += 1;
      answer(request, response);
    });
    const { code, stdout, stderr } = await gate('--prometheus', url);
    expect(code, stderr).toBe(12);
    expect(stdout).toContain(words);
    expect(questions).toBeGreaterThan(1);
  });

  it('one that goes away and comes back', async () => {
    const url = await serve(json(EMPTY));
    const port = Number(new URL(url).port);
    const ended = command(['watch', '--target', 'v2', '--timeout', '8s', '--json', '--prometheus', url]);
    setTimeout(() => {
      server?.closeAllConnections();
      server?.close();
    }, 2_500);
    setTimeout(() => void serve(json(EMPTY), port), 5_500);
    const output = await ended;
    expect(output.code).toBe(12);
    const said = jsonLines(output).map(({ error }) => String(error));
    expect(said.map((words) => words.includes('nothing listens'))).toEqual([false, true, false, false]);
  });
});

it('--since now is when the command began, however long the source takes to tell the time', async () => {
  await using prometheus = await FakePrometheus.start();
  const labels = { openrtc_pool_name: 'voice', openrtc_worker_version: 'v1' };
  prometheus.known = [{ fact: 'cameUp', labels, value: prometheus.now / 1000 }];
  prometheus.delayMs = 2_000;
  const output = await gate('--prometheus', prometheus.url, '--since', 'now', '--json');
  expect(prometheus.now - Number(jsonLines(output).at(-1)?.since)).toBeLessThan(prometheus.delayMs);
});

it('sends the headers of a file or of the environment, and never shows their values', async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => {
    seen.push([request.headers['x-scope-orgid'], request.headers.authorization]);
    response.writeHead(403).end();
  });
  await using project = await Project.create();
  const file = `${project.dir}/headers`;
  await writeFile(file, 'X-Scope-OrgID: voice\n\nAuthorization: Bearer s3cret\n');
  const byFile = await gate('--prometheus', url, '--headers-file', file);
  const byEnvironment = await command(
    ['watch', '--target', 'v2', '--timeout', '100ms', '--prometheus', url],
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

describe('wrong usage exits with 64 and names the option, what was expected and what was given:', () => {
  it.each([
    [['--prometheus', 'http://127.0.0.1:9'], '--target'],
    [['--target', 'v2'], '--prometheus <url> or --listen'],
    [['--target', 'v2', '--listen', '--restart'], '--since'],
    [
      ['--target', 'v2', '--listen', '--at', 'now'],
      "option '--at <time>' cannot be used with option '--listen",
    ],
    [['--target', 'v2', '--listen', '--prometheus', 'http://127.0.0.1:9'], 'cannot be used with'],
    [
      ['--target', 'v2', '--listen', '--timeout', 'soon'],
      "'--timeout <duration>' argument 'soon' is invalid. expected a duration",
    ],
    [['--target', 'v2', '--listen', '--expect', '0'], 'expected a whole number from 1, got "0"'],
    [['--target', 'v2', '--listen', '--since', 'yesterday'], 'expected now'],
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

it('fails with 1 when it can not listen, or not read its file', async () => {
  const url = await serve(json(EMPTY));
  const taken = await gate('--listen', new URL(url).host);
  expect(taken).toMatchObject({ code: 1, stdout: '' });
  expect(taken.stderr).toContain('can not listen');
  const missing = await gate('--prometheus', url, '--headers-file', '/nowhere/headers');
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain('/nowhere/headers');
});

it('tells its version, and help with the exit codes', async () => {
  expect(await command(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  const { code, stdout } = await command(['watch', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Exit codes: 0 complete');
});

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Child } from '../wire/support/child.js';
import { reportingTo } from '../wire/support/environment.js';
import { eventually } from '../wire/support/eventually.js';
import { JournalFolder, recover } from '../wire/support/journals.js';
import { Prometheus } from './support/prometheus.js';

/** Hands on what it gets, and keeps the answer to itself while it is mute. */
class Line implements AsyncDisposable {
  isMute = false;
  readonly answers: number[] = [];
  readonly #server;

  constructor(to: string) {
    this.#server = createServer(async (request, response) => {
      const headers = { 'content-type': request.headers['content-type'] ?? '' };
      const body = new Uint8Array(await buffer(request));
      const { status } = await fetch(`${to}${request.url}`, { method: 'POST', headers, body });
      this.answers.push(status);
      if (!this.isMute) response.writeHead(status).end();
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function query(prometheus: Prometheus, expression: string): Promise<string[]> {
  const answer = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result.map(({ value }) => value[1]);
}

describe.each(['0s', '30m'])('a real Prometheus that takes samples %s late', (window) => {
  it('takes the goodbye of a killed worker twice, where its recoverer was killed too, and counts it once', async () => {
    using folder = new JournalFolder();
    await using prometheus = await Prometheus.start('UnderscoreEscapingWithSuffixes', window);
    await using line = new Line(prometheus.otlpUrl);
    const url = await line.open();
    const env = { JOURNAL: folder.path, WORKER_ID: 'a', OTEL_TRACES_EXPORTER: 'none' };
    await using worker = new Child('fixtures/journal-worker.js', reportingTo({ url }, env));
    await worker.ask('start', 3);
    await eventually(async () => expect(await query(prometheus, 'openrtc_active_sessions')).toEqual(['3']));
    worker.kill('SIGKILL');
    await worker.exit;
    line.isMute = true;
    const before = line.answers.length;
    await using killed = recover({ url }, folder);
    await eventually(() => expect(line.answers.length).toBe(before + 1));
    killed.kill('SIGKILL');
    await killed.exit;
    line.isMute = false;
    await using next = recover({ url }, folder);
    await eventually(() => expect(next.stdout).toEqual(['sent the goodbye of a (voice, v1): 3 dropped']));
    expect(line.answers.slice(before, before + 2)).toEqual([200, 200]);
    expect(await query(prometheus, 'openrtc_dropped_sessions')).toEqual(['3']);
    expect(await query(prometheus, 'min_over_time(openrtc_deployment_version[5m])')).toEqual(['0']);
    const ended = 'openrtc_sessions_ended_total{openrtc_session_outcome="dropped"}';
    expect(await query(prometheus, ended), 'counters are not recovered').toEqual(['0']);
  });
});

import { describe, expect, it } from 'vitest';
import { METRICS, POOL_NAME, WORKER_VERSION } from '../../src/attributes.js';
import { eventually } from '../wire/support/eventually.js';
import { command, hasTerminal, type Program, Terminal } from './command.js';

const NOTE = 'ignored: datapoints without openrtc.worker.id';
const PATTERN = /listening on (http:\/\/127\.0\.0\.1:\d+)/;

/** Sends a report of a worker that gives no id. */
async function report(url: string): Promise<void> {
  const attributes = [POOL_NAME, WORKER_VERSION].map((key) => ({ key, value: { stringValue: 'v1' } }));
  const gauge = { dataPoints: [{ attributes, asInt: 1, timeUnixNano: `${Date.now()}000000` }] };
  const scopeMetrics = [{ metrics: [{ name: METRICS.active.name, gauge }] }];
  await fetch(`${url}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [{ scopeMetrics }] }),
  });
}

const listening = (read: () => string | Promise<string>) =>
  eventually(async () => {
    const [, url] = PATTERN.exec(await read()) ?? [];
    if (url === undefined) throw new Error('it does not listen yet');
    return url;
  });

describe('what the receiver ignores', () => {
  it.each<[string, readonly string[]]>([
    ['watch', ['--target', 'v1', '--json']],
    ['top', []],
  ])('is said once on stderr by %s', async (name, options) => {
    const program: Program = command([name, '--listen', '0', ...options]);
    const url = await listening(() => program.stderr);
    await report(url);
    await report(url);
    await eventually(() => expect(program.stderr).toContain(NOTE));
    program.kill('SIGTERM');
    expect(await program.exitCode).toBe(143);
    expect(program.stderr.split(NOTE)).toHaveLength(2);
    expect(program.stdout).not.toContain(NOTE);
  });

  it.skipIf(!hasTerminal)('is on the screen of top', async () => {
    const top = new Terminal(['top', '--listen', '0']);
    await report(await listening(async () => (await top.shown()).rows.join('\n')));
    await eventually(async () => expect((await top.shown()).rows.join('\n')).toContain(NOTE));
    top.type('q');
    expect(await top.exitCode).toBe(0);
  });
});

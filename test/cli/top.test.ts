import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FakePrometheus } from '../deploy/prometheus/fake-prometheus.js';
import { Child } from '../wire/support/child.js';
import { eventually } from '../wire/support/eventually.js';
import { command, hasTerminal, Terminal } from './command.js';

const WORKER = 'fixtures/worker.js';

/** A real worker with sessions, that reports each second. */
async function startWorker(url: string | undefined, sessions: number): Promise<Child> {
  const worker = new Child(WORKER, {
    OTEL_EXPORTER_OTLP_ENDPOINT: url ?? '',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    OTEL_TRACES_EXPORTER: 'none',
  });
  await worker.ask('start', sessions);
  return worker;
}

const urlIn = (text: string) => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
const ESCAPE = '\x1b';

describe('openrtc-otel top --once', () => {
  it('waits for a first report and shows one frame as plain text', async () => {
    const top = command(['top', '--listen', '0', '--once'], { FORCE_COLOR: '1' });
    const url = await eventually(() => {
      expect(urlIn(top.stderr)).toBeDefined();
      return urlIn(top.stderr);
    });
    await using worker = await startWorker(url, 2);
    expect(await top.exitCode).toBe(0);
    expect(worker.stderr).toEqual([]);
    expect(top.stdout).not.toContain(ESCAPE);
    expect(top.stdout).toContain('voice  no deploy: only version v1 has reported');
    expect(top.stdout).toMatch(/^ {2}w-1 +v1 +accepting +\d+ +\d\S* s ago$/m);
  });

  it('exits with 12 when nothing has reported in time', async () => {
    const top = command(['top', '--listen', '0', '--once', '--timeout', '200ms']);
    expect(await top.exitCode).toBe(12);
    expect(top.stdout).toContain('Waiting for a first report.');
  });

  it('exits with 12, and says why, when the source can not be asked', async () => {
    const top = command(['top', '--prometheus', 'http://127.0.0.1:9', '--once', '--timeout', '2s']);
    expect(await top.exitCode).toBe(12);
    expect(top.stdout).toMatch(/^Unknown: .*127\.0\.0\.1:9/m);
  });

  it('exits with 12 in time, whatever answer is still under way', async () => {
    await using prometheus = await FakePrometheus.start();
    prometheus.delayMs = 30_000;
    const began = performance.now();
    const top = command(['top', '--prometheus', prometheus.url, '--once', '--timeout', '200ms']);
    expect(await top.exitCode).toBe(12);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(top.stdout).toMatch(/^Unknown: the source has not answered yet$/m);
  });

  it('looks at the target and the pool that are named', async () => {
    const args = ['--once', '--timeout', '200ms', '--pool', 'chat', '--target', 'v9'];
    const top = command(['top', '--listen', '0', ...args]);
    expect(await top.exitCode).toBe(12);
    expect(top.stdout).toContain('chat → v9\n');
  });
});

describe('openrtc-otel top without a terminal', () => {
  it('prints a block when something changed, and none when only time passed', async () => {
    const top = command(['top', '--listen', '0']);
    const blocks = () => top.stdout.split('openrtc-otel top').slice(1);
    const block = (pattern: RegExp) =>
      eventually(() => {
        expect(blocks().at(-1)).toMatch(pattern);
      });
    await block(/Waiting for a first report/);
    await using worker = await startWorker(urlIn(top.stderr), 3);
    await block(/w-1 +v1 +accepting +3 /);
    await worker.ask('end', 1);
    await block(/w-1 +v1 +accepting +2 /);
    void worker.ask('shutdown', { now: true });
    await block(/w-1 +v1 +exited +0 +2 /);
    expect(top.stdout).not.toContain(ESCAPE);
    const withoutTimes = blocks().map((text) => text.replace(/^.*\n/, '').replaceAll(/[\d.]+ s ago/g, ''));
    expect(new Set(withoutTimes).size).toBe(withoutTimes.length);

    top.kill('SIGTERM');
    expect(await top.exitCode).toBe(143);
    expect(top.stderr).toMatch(/^listening on \S+: .*\n$/);
  });

  it('is coloured when it is told to be', async () => {
    const top = command(['top', '--listen', '0'], { FORCE_COLOR: '1' });
    await eventually(() => expect(top.stdout).toContain(`${ESCAPE}[1mopenrtc-otel top${ESCAPE}[22m`));
    top.kill('SIGINT');
    expect(await top.exitCode).toBe(130);
  });

  it('ends when its reader goes away', async () => {
    const top = command(['top', '--listen', '0']);
    await eventually(() => expect(top.stdout).toContain('Waiting'));
    top.closeOutput();
    await using _worker = await startWorker(urlIn(top.stderr), 1);
    expect(await top.exitCode).toBe(0);
    expect(top.stderr).not.toContain('Error');
  });
});

it('openrtc-otel top leaves a source alone for as long as that asks for', async () => {
  await using prometheus = await FakePrometheus.start();
  prometheus.fault = (response) => response.writeHead(429, { 'retry-after': '4' }).end();
  const top = command(['top', '--prometheus', prometheus.url, '--query-timeout', '1s']);
  await eventually(() => expect(top.stdout).toContain('it answers 429'));
  const asked = prometheus.asked.length;
  await sleep(2_500);
  expect(prometheus.asked.length).toBe(asked);
});

describe('wrong usage of openrtc-otel top', () => {
  it.each([
    [['--timeout', '5'], '--timeout: expected --once too, got none'],
    [['--once', '--timeout', 'soon'], 'expected a duration such as 500ms, 30s, 5m or 2h, got "soon"'],
    [['--once', '--timeout', '0'], 'expected a duration from 1ms to 576h, got "0"'],
    [['--once', '--timeout', '577h'], 'expected a duration from 1ms to 576h, got "577h"'],
    [['--target', ''], 'expected a text that is not empty, got ""'],
    [['--colour'], "unknown option '--colour'"],
  ])('%j', async (args, message) => {
    const top = command(['top', ...args]);
    expect(await top.exitCode).toBe(64);
    expect(top.stderr).toContain(message);
    expect(top.stdout).toBe('');
  });

  it('is a failure to listen where somebody else does', async () => {
    const first = command(['top', '--listen', '0']);
    const port = await eventually(() => {
      expect(urlIn(first.stderr)).toBeDefined();
      return new URL(urlIn(first.stderr) ?? '').port;
    });
    const second = command(['top', '--listen', port]);
    expect(await second.exitCode).toBe(1);
    expect(second.stderr).toContain(`cannot listen on 127.0.0.1:${port}`);
  });
});

describe.skipIf(!hasTerminal)('openrtc-otel top in a terminal', () => {
  async function open(env?: Readonly<Record<string, string>>) {
    const terminal = new Terminal(['top', '--listen', '0'], env);
    await eventually(async () => {
      expect((await terminal.shown()).rows[2]).toBe('Waiting for a first report.');
    });
    return terminal;
  }
  const isRestored = async (terminal: Terminal) => {
    expect(await terminal.shown()).toMatchObject({ isOther: false, isUsual: true });
  };

  it('shows the fleet on the other screen, in colours, with its keys in the last row', async () => {
    const terminal = await open();
    const { rows, ...shown } = await terminal.shown();
    expect(shown).toMatchObject({ isOther: true, isStyled: true, isUsual: false, inverse: 's state' });
    expect(rows.at(-1)).toMatch(/^q quit {2}sort: s state p pool/);
    await using worker = await startWorker(urlIn(rows.join('\n')), 2);
    await eventually(async () => {
      expect((await terminal.shown()).rows.join('\n')).toMatch(/w-1 +v1 +accepting +2 /);
    });
    await worker.ask('end', 1);
    await eventually(async () => {
      expect((await terminal.shown()).rows.join('\n')).toMatch(/w-1 +v1 +accepting +1 /);
    });
    terminal.type('q');
    expect(await terminal.exitCode).toBe(0);
    await isRestored(terminal);
  });

  it('has no colours when there must be none', async () => {
    const terminal = await open({ NO_COLOR: '1' });
    expect((await terminal.shown()).isStyled).toBe(false);
    terminal.type('q');
    expect(await terminal.exitCode).toBe(0);
  });

  it('sorts by the key that is pressed, and does nothing for another one', async () => {
    const terminal = await open();
    terminal.type('xn\x1b[A');
    await eventually(async () => {
      expect((await terminal.shown()).inverse).toBe('n sessions');
    });
    terminal.type('q');
    expect(await terminal.exitCode).toBe(0);
  });

  it('fills the terminal when its size changes', async () => {
    const terminal = await open();
    await terminal.resize(60, 12);
    await eventually(async () => {
      const { rows } = await terminal.shown(60, 12);
      expect(rows.at(-1)).toMatch(/^q quit/);
      expect(rows[0]).toMatch(/^openrtc-otel top/);
    });
    // Some terminals do not know their size.
    await terminal.resize(0, 0);
    await eventually(async () => {
      expect((await terminal.shown(80, 24)).rows.at(-1)).toMatch(/^q quit/);
    });
    terminal.type('q');
    expect(await terminal.exitCode).toBe(0);
  });

  it.each([
    ['Ctrl-C', 130, (terminal: Terminal) => terminal.type('\x03')],
    ['SIGINT', 130, (terminal: Terminal) => terminal.kill('SIGINT')],
    ['SIGTERM', 143, (terminal: Terminal) => terminal.kill('SIGTERM')],
    ['a crash', 1, (terminal: Terminal) => terminal.kill('SIGUSR2')],
  ])('gives the terminal back after %s', async (_what, exitCode, end) => {
    const terminal = await open();
    await end(terminal);
    expect(await terminal.exitCode).toBe(exitCode);
    await isRestored(terminal);
    const { rows } = await terminal.shown();
    expect(rows.join('\n')).not.toContain('Waiting');
    expect(rows.join('\n').includes('Error: crashed')).toBe(exitCode === 1);
  });
});

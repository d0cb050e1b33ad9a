import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../wire/support/eventually.js';
import { command, Program } from './command.js';

/** A source that never answers. Gives its URL, and whether it was asked. */
async function startSilentSource() {
  let requests = 0;
  const server = createServer(() => {
    requests += 1;
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, isAsked: () => requests > 0 };
}

const SIGNALS = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const;

describe('a signal ends a gate, whatever its source is still busy with', () => {
  it.each(SIGNALS)('%s', async (signal, exitCode) => {
    const source = await startSilentSource();
    const watch = command(['watch', '--target', 'v2', '--prometheus', source.url]);
    await eventually(() => expect(source.isAsked()).toBe(true));
    const signalledAt = performance.now();
    watch.kill(signal);
    expect(await watch.exitCode).toBe(exitCode);
    expect(performance.now() - signalledAt).toBeLessThan(2_000);
    expect(watch.stdout).toContain(`unknown (exit code ${exitCode})\n  the source has not answered yet`);
  });
});

describe('a second signal ends a command that is not done after the first, with the code of that signal', () => {
  it.each(SIGNALS)('%s', async (signal, exitCode) => {
    const busy = `
      import { stopOnSignal } from './dist/cli/signals.js';
      stopOnSignal().signal.addEventListener('abort', () => console.log('stopped'));
      setInterval(() => {}, 1000);
      console.log('busy');`;
    const program = new Program(process.execPath, ['--input-type=module', '--eval', busy]);
    await eventually(() => expect(program.stdout).toContain('busy'));
    program.kill('SIGTERM');
    await eventually(() => expect(program.stdout).toContain('stopped'));
    program.kill(signal);
    expect(await program.exitCode).toBe(exitCode);
  });
});

describe('a closed terminal ends a command, and never with 0', () => {
  it.each([['watch', '--target', 'v2'], ['top'], ['top', '--once']])('%s %s', async (...args) => {
    const source = await startSilentSource();
    const program = command([...args, '--prometheus', source.url]);
    await eventually(() => expect(source.isAsked()).toBe(true));
    program.kill('SIGHUP');
    expect(await program.exitCode).not.toBe(0);
  });
});

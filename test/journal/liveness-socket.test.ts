import { fork } from 'node:child_process';
import { type Stats, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import { context } from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { describe, expect, it, vi } from 'vitest';
import { Folder } from '../../src/journal/folder.js';
import { listen, probe } from '../../src/journal/liveness-socket.js';
import { TestContextManager } from '../support/context-manager.js';
import { useFolder } from './support.js';

const folder = useFolder();
const { isOurs } = new Folder('/');

it('a socket of root is believed, a file of root is not', () => {
  const user = vi.spyOn(process, 'geteuid').mockReturnValue(1_000);
  try {
    const of = (uid: number) => ({ uid }) as Stats;
    const { isOurs, isTrusted } = new Folder('/');
    expect([0, 1_000, 1_001].map((uid) => isOurs(of(uid)))).toEqual([false, true, false]);
    expect([0, 1_000, 1_001].map((uid) => isTrusted(of(uid)))).toEqual([true, true, false]);
  } finally {
    user.mockRestore();
  }
});

describe('probe', () => {
  it('takes a socket whose queue is full for alive', async () => {
    const socket = join(folder.path, 'full.sock');
    // It is stopped with the shortest queue there is.
    const script = `require('net').createServer().listen({ path: ${JSON.stringify(socket)}, backlog: 1 }, () => {
      process.send('there'); setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 50);
    })`;
    const file = join(folder.path, 'listen.cjs');
    writeFileSync(file, script);
    const child = fork(file, { execArgv: [] });
    try {
      await new Promise((resolve) => child.once('message', resolve));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const errors: string[] = [];
      for (let n = 0; n < 4; n++) {
        const connecting = connect(socket);
        connecting.on('error', ({ code = '' }: NodeJS.ErrnoException) => errors.push(code));
        await new Promise((resolve) => connecting.once('connect', resolve).once('error', resolve));
        connecting.destroy();
      }
      expect(errors, 'the queue is full').toContain('EAGAIN');
      const lives = await Promise.all(Array.from({ length: 40 }, () => probe(socket, isOurs)));
      expect(new Set(lives)).toEqual(new Set(['alive']));
    } finally {
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exit;
    }
    expect(await probe(socket, isOurs)).toBe('dead');
    expect(await probe(socket, () => false)).toBe('gone');
    expect(await probe(join(folder.path, 'none.sock'), isOurs)).toBe('gone');
  });

  it('makes no span of an app whose sockets are instrumented', async () => {
    const path = join(folder.path, 'a.sock');
    const server = await listen(path);
    context.setGlobalContextManager(new TestContextManager());
    const connecting = vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket) {
      isSuppressed.push(isTracingSuppressed(context.active()));
      return this.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    });
    const isSuppressed: boolean[] = [];
    try {
      expect(await probe(path, isOurs)).toBe('dead');
      expect(isSuppressed).toEqual([true]);
    } finally {
      connecting.mockRestore();
      context.disable();
      server.close();
    }
  });
});

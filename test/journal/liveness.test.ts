import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Folder } from '../../src/journal/folder.js';
import { probe } from '../../src/journal/liveness.js';
import { useFolder } from './support.js';

const folder = useFolder();
const { isOurs } = new Folder('/');

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
});

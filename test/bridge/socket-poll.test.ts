import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { SocketFacts } from '../../src/bridge/parse.js';
import { POLL_EVERY_MS } from '../../src/bridge/poll.js';
import { SocketPoll } from '../../src/bridge/socket-poll.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';

const said = listenToWarnings();

/** Asks a socket that gives these answers, one after the other; the last again and again. */
async function ask(...texts: string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'openrtc-socket-'));
  const path = join(dir, 'worker.sock');
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(texts[Math.min(asked++, texts.length - 1)] ?? '');
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const answers: SocketFacts[] = [];
  const poll = new SocketPoll(path, (answer) => void answers.push(answer));
  let now = 0;
  const timer = setInterval(() => {
    now += POLL_EVERY_MS;
    poll.poll(now);
  }, 20);
  return {
    path,
    answers,
    asked: () => asked,
    [Symbol.dispose]() {
      clearInterval(timer);
      poll.close();
      server.close();
      rmSync(dir, { recursive: true });
    },
  };
}

const row = '{"session_id":"a","tenant":"acme","agent_name":"hold","duration_s":1}';
const worker = '{"active_sessions":1,"draining":false,"uptime_s":9,"started":1,"failed":0}';

it('a known answer says nothing', async () => {
  using socket = await ask(`{"worker":${worker},"sessions":[${row}]}\n`);
  await eventually(() => expect(socket.answers.length).toBeGreaterThan(3));
  expect(await said()).toEqual([]);
});

it('an unknown answer is said once, and its sessions count', async () => {
  using socket = await ask(`{"worker":${worker},"sessions":[${row},{"call":"b"}]}\n`);
  await eventually(() => expect(socket.answers.length).toBeGreaterThan(3));
  expect(socket.answers[0]?.facts.active).toBe(2);
  expect(await said()).toEqual([
    `${socket.path}: sessions without an id: they are counted, and have no spans`,
    `${socket.path}: it counts other sessions than it lists: the higher number is taken`,
  ]);
});

it('an answer that can not be read is said once, from the second one in a row', async () => {
  using socket = await ask(`{"worker":`, `[${row}]`, 'not yet', '', '{"calls":[]}\n');
  await eventually(() => expect(socket.asked()).toBeGreaterThan(7));
  expect(socket.answers).toHaveLength(1);
  await eventually(async () =>
    expect(await said()).toEqual([
      `${socket.path}: answers that are not those of OpenRTC's introspection, so nothing is read there`,
    ]),
  );
});

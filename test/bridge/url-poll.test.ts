import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import type { PoolFacts } from '../../src/bridge/parse.js';
import { LONGEST_ANSWER, POLL_EVERY_MS } from '../../src/bridge/poll.js';
import { UrlPoll } from '../../src/bridge/url-poll.js';
import { listenToWarnings } from '../support/warnings.js';
import { eventually } from '../wire/support/eventually.js';

const said = listenToWarnings();

/** Asks an endpoint once, and again. */
async function ask(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answers: PoolFacts[] = [];
  const { port } = server.address() as AddressInfo;
  const poll = new UrlPoll(`http://127.0.0.1:${port}/`, (facts) => void answers.push(facts));
  let now = performance.now();
  poll.poll(now);
  return {
    answers,
    again: () => {
      now += POLL_EVERY_MS;
      poll.poll(now);
    },
    [Symbol.dispose]() {
      poll.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

it('an answer is taken whatever its status code is', async () => {
  using asked = await ask((_, response) => response.writeHead(503).end('{"active_sessions":2}'));
  await eventually(() => expect(asked.answers).toMatchObject([{ active: 2 }]));
});

it('an answer that is none is said once', async () => {
  let answered = 0;
  using asked = await ask((_, response) => {
    answered++;
    // What OpenRTC's own endpoint serves.
    response.end('OK');
  });
  await eventually(() => {
    asked.again();
    expect(answered).toBeGreaterThan(5);
  });
  expect(await said()).toEqual([
    expect.stringMatching(/^http:\S+: answers that are not the JSON of a runtime_snapshot\(\)/),
  ]);
});

it('an answer without an end is not read for ever', async () => {
  let sent = 0;
  let isCut = false;
  const part = ' '.repeat(1024 * 1024);
  using asked = await ask((_, response) => {
    const send = () => {
      while (!isCut) {
        sent += part.length;
        if (!response.write(part)) break;
      }
    };
    response.on('drain', send);
    response.on('close', () => {
      isCut = true;
    });
    send();
  });
  await eventually(() => expect(isCut).toBe(true));
  expect(sent).toBeLessThan(4 * LONGEST_ANSWER);
  expect(asked.answers).toEqual([]);
});

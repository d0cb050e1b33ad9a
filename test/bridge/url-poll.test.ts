import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import type { PoolFacts } from '../../src/bridge/facts.js';
import { LONGEST_ANSWER } from '../../src/bridge/sign.js';
import { UrlPoll } from '../../src/bridge/url-poll.js';
import { eventually } from '../wire/support/eventually.js';

/** Asks an endpoint once. */
async function ask(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answers: PoolFacts[] = [];
  const { port } = server.address() as AddressInfo;
  const poll = new UrlPoll(`http://127.0.0.1:${port}/`, (facts) => void answers.push(facts));
  poll.ask(performance.now());
  return {
    answers,
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

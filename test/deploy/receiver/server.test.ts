import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OtlpTooLargeError } from '../../../src/deploy/receiver/message.js';
import { createOtlpServer, LIMITS, type Take } from '../../../src/deploy/receiver/server.js';

const PATH = '/v1/metrics';
const HEAD = `POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

let server: Server | undefined;
const sockets: Socket[] = [];
const bodies: Buffer[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  bodies.length = 0;
});

async function listen(limits: Partial<typeof LIMITS> = {}, take?: Take): Promise<number> {
  const keep: Take = (body) => void bodies.push(Buffer.from(body));
  server = createOtlpServer(new Map([[PATH, take ?? keep]]), { ...LIMITS, ...limits });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** An error of a connection is followed by its end. */
const happens = (socket: Socket, event: 'connect' | 'data' | 'close') =>
  new Promise<void>((resolve) => socket.once(event, () => resolve()));

const isWhole = (answer: string) =>
  answer.endsWith('\r\n0\r\n\r\n') || answer.includes('onnection: close\r\n\r\n');

/** A connection that keeps what it gets. */
function open(port: number) {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const client = {
    socket,
    got: '',
    closed: happens(socket, 'close'),
    async answer(status: number) {
      while (!isWhole(client.got)) await happens(socket, 'data');
      const { got } = client;
      client.got = '';
      expect(got).toMatch(`HTTP/1.1 ${status}`);
      return got;
    },
  };
  socket.on('data', (data) => {
    client.got += data;
  });
  socket.on('error', () => {});
  return client;
}

describe('a slow client', () => {
  it('that trickles its headers is cut off', async () => {
    const { socket, closed, answer } = open(await listen({ headersMs: 300, checkEveryMs: 50 }));
    const trickle = setInterval(() => socket.write('x: y\r\n'), 20);
    socket.write(HEAD);
    await answer(408);
    await closed;
    clearInterval(trickle);
  });

  it('that trickles its body is cut off', async () => {
    const { socket, closed, answer } = open(
      await listen({ headersMs: 200, requestMs: 400, checkEveryMs: 50 }),
    );
    socket.write(`${HEAD}content-length: 100000\r\n\r\n`);
    const trickle = setInterval(() => socket.write(' '), 20);
    await answer(408);
    await closed;
    clearInterval(trickle);
    expect(bodies).toEqual([]);
  });

  it('that never says anything is cut off', async () => {
    const { closed } = open(await listen({ headersMs: 200, checkEveryMs: 50 }));
    await closed;
  });

  it('that stays connected after its report is cut off', async () => {
    const { socket, closed, answer } = open(await listen({ idleMs: 200 }));
    socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
    await answer(200);
    await closed;
  });
});

describe('many clients', () => {
  it('have so many connections, and no more', async () => {
    const port = await listen({ connections: 5 });
    const clients = Array.from({ length: 5 }, () => open(port));
    for (const { socket } of clients) socket.write(HEAD);
    await Promise.all(clients.map(({ socket }) => happens(socket, 'connect')));
    const late = open(port);
    late.socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
    await Promise.race([late.closed, happens(late.socket, 'data')]);
    expect(late.got).toBe('');

    clients[0]?.socket.destroy();
    await clients[0]?.closed;
    await expect
      .poll(async () => {
        const { socket, answer, closed } = open(port);
        socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
        return Promise.race([answer(200), closed]);
      })
      .toMatch(/^HTTP\/1.1 200/);
  });

  it('have room for so much of their bodies, and get it back', async () => {
    const port = await listen({ bodyBytes: 1_000, waitingBytes: 2_500 });
    const half = `${HEAD}content-length: 1000\r\n\r\n${' '.repeat(900)}`;
    const rest = ' '.repeat(100);
    const [a, b] = [open(port), open(port)];
    for (const { socket } of [a, b]) socket.write(half);
    // Nothing tells when the server has read: another request is refused from then on.
    await expect
      .poll(async () => {
        const { socket, answer } = open(port);
        socket.write(half + rest);
        return answer(503).catch(String);
      })
      .toMatch(/^HTTP\/1.1 503.*retry-after: 1\r\n.*too many large bodies at once\r/s);
    bodies.length = 0;

    a.socket.destroy();
    await a.closed;
    b.socket.write(rest);
    await b.answer(200);
    expect(bodies.map(({ length }) => length)).toEqual([1_000]);
    for (let n = 0; n < 5; n += 1) {
      const { socket, answer } = open(port);
      socket.write(half + rest);
      await answer(200);
    }
  });
});

describe('a body', () => {
  const chunked = (chunks: readonly string[]) =>
    `${HEAD}transfer-encoding: chunked\r\n\r\n${chunks.map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('')}0\r\n\r\n`;

  it('in a hundred thousand chunks of a byte is put together', async () => {
    const { socket, answer } = open(await listen());
    const text = Array.from({ length: 100_000 }, (_, i) => String(i % 10));
    socket.write(chunked(text));
    await answer(200);
    expect(bodies.map(String)).toEqual([text.join('')]);
  });

  it('that is too large is read to the end, and frees its room', async () => {
    const { socket, answer } = open(await listen({ bodyBytes: 10, waitingBytes: 10 }));
    for (let n = 0; n < 3; n += 1) {
      socket.write(chunked(['12345678', '90', '1', '2345']));
      expect(await answer(413)).toMatch(/body larger than 10 bytes\r/);
      socket.write(chunked(['12345678', '90']));
      await answer(200);
    }
    expect(bodies.map(String)).toEqual(['1234567890', '1234567890', '1234567890']);
  });

  it('under headers that are too large is refused', async () => {
    const { socket, answer, closed } = open(await listen());
    socket.write(`${HEAD}x: ${'y'.repeat(LIMITS.headerBytes)}\r\ncontent-length: 2\r\n\r\n{}`);
    await answer(431);
    await closed;
  });

  it('with too much in it gets 413', async () => {
    const { socket, answer } = open(
      await listen({}, () => {
        throw new OtlpTooLargeError(7, 'fields');
      }),
    );
    socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
    expect(await answer(413)).toMatch(/body: more than 7 fields\r/);
  });

  it('that breaks the receiver gets 500, and the next one is taken', async () => {
    let calls = 0;
    const port = await listen({}, () => {
      calls += 1;
      if (calls === 1) throw new Error('broken');
    });
    const { socket, answer } = open(port);
    socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
    expect(await answer(500)).toMatch(/broken\r/);
    socket.write(`${HEAD}content-length: 2\r\n\r\n{}`);
    await answer(200);
  });
});

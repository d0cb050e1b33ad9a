import { once } from 'node:events';
import { lstatSync, type Stats } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

/** A connection within one machine is there at once, or never. */
const PATIENCE_MS = 1_000;

/**
 * `alive`: it answers, or nothing proves that it is dead. `dead`: its socket is there and nobody listens. `gone`: there
 * is no socket of ours or of root.
 */
export type Life = 'alive' | 'dead' | 'gone';

/**
 * Listens on a socket as long as this process lives: the system itself takes the connections, so one that is stopped
 * or busy is alive, and one that was killed is not. Does not keep the process alive.
 *
 * @throws Error of the system
 */
export async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref();
  // Not shared with the primary of a cluster: it would outlive this process.
  server.listen({ path, exclusive: true });
  await once(server, 'listening');
  server.on('error', () => {});
  return server;
}

/** Whether whoever listens on a socket is alive. Never rejects. */
export async function probe(path: string, isTrusted: (stats: Stats) => boolean): Promise<Life> {
  // A file that is no socket refuses connections too.
  if (!isTrustedSocket(path, isTrusted)) return 'gone';
  return new Promise((resolve) => {
    // An instrumented net module would make a span of the app out of each look.
    const socket = context.with(suppressTracing(context.active()), () => connect(path));
    const settle = (life: Life) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(life);
    };
    const timer = setTimeout(settle, PATIENCE_MS, 'alive');
    socket.on('connect', () => settle('alive'));
    // EAGAIN: so many wait that no more are taken; whoever lets them wait is alive.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      settle(code === 'ECONNREFUSED' ? 'dead' : code === 'ENOENT' ? 'gone' : 'alive');
    });
  });
}

function isTrustedSocket(path: string, isTrusted: (stats: Stats) => boolean): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSocket() === true && isTrusted(stats);
}

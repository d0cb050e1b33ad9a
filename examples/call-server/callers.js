// Callers of the call servers, as a child process: they call, talk for a while and hang up by themselves. They are
// the independent truth of a deploy: a connection that breaks without a close handshake is a dropped call.
//
// Parent to child: { servers: [port, ...] } whenever that changes, { stop: true } at the end.
// Child to parent: the tally, whenever it changes.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const AT_ONCE = Number(process.env.CALLERS ?? 12);
const SHORTEST_MS = Number(process.env.SHORTEST_CALL_MS ?? 2_000);
const LONGEST_MS = Number(process.env.LONGEST_CALL_MS ?? 8_000);
const TENANTS = ['acme', 'globex', 'initech'];

/** @typedef {{ calls: number, talking: number, hungUp: number, dropped: number }} Tally */

/** @type {Tally} */
const tally = { calls: 0, talking: 0, hungUp: 0, dropped: 0 };
/** @type {number[]} */
let servers = [];
let isStopping = false;

/** @param {Partial<Tally>} change */
function count(change) {
  for (const key of /** @type {(keyof Tally)[]} */ (Object.keys(change))) tally[key] += change[key] ?? 0;
  process.send?.(tally);
}

/** @template T @param {readonly T[]} items */
const pick = (items) => items[Math.floor(Math.random() * items.length)];

/** One call; resolves when it is over. A server that takes no calls, or is gone, was never a call. */
function call() {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${pick(servers)}/call?tenant=${pick(TENANTS)}`);
    let isAnswered = false;
    let hasHungUp = false;
    // The echo of the first word tells that the call was accepted and not turned away.
    socket.on('open', () => socket.send('hello'));
    socket.once('message', () => {
      isAnswered = true;
      count({ calls: 1, talking: 1 });
      const length = SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
      setTimeout(() => {
        hasHungUp = true;
        socket.close(1000);
      }, length);
    });
    socket.on('error', () => {});
    socket.on('close', (code) => {
      const isWell = hasHungUp && code !== 1006;
      if (isAnswered) count({ talking: -1, [isWell ? 'hungUp' : 'dropped']: 1 });
      resolve(undefined);
    });
  });
}

async function caller() {
  await sleep(Math.random() * SHORTEST_MS);
  while (!isStopping) {
    if (servers.length > 0) await call();
    await sleep(100);
  }
}

process.on('message', (/** @type {{ servers?: number[], stop?: boolean }} */ message) => {
  servers = message.servers ?? servers;
  isStopping ||= message.stop ?? false;
});
process.on('disconnect', () => process.exit());

await Promise.all(Array.from({ length: AT_ONCE }, caller));
process.disconnect?.();

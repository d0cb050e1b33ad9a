// Callers of the call servers, as a child process: they call, talk for a while and hang up by themselves. They are
// the independent truth of a deploy: a connection that breaks without a close handshake is a dropped call.
//
// Parent to child:
//   { phone: [port, ...] }   whom the callers call again and again, each call of a random length; nobody when empty
//   { call: id, port, tenant }  one call more, of any tenant unless one is named, that lasts until
//   { hangUp: id }
//   { stop: true }           all hang up, and the process ends
// Child to parent:
//   { tally }                whenever it changes
//   { call: id, is }         what has become of a call that was asked for
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const AT_ONCE = Number(process.env.CALLERS ?? 12);
const SHORTEST_MS = Number(process.env.SHORTEST_CALL_MS ?? 2_000);
const LONGEST_MS = Number(process.env.LONGEST_CALL_MS ?? 8_000);
const TENANTS = ['acme', 'globex', 'initech'];

/** @typedef {{ calls: number, talking: number, hungUp: number, dropped: number }} Tally */
/** @typedef {'answered' | 'turned away' | 'hung up' | 'dropped'} CallState */

/** @type {Tally} */
const tally = { calls: 0, talking: 0, hungUp: 0, dropped: 0 };
/** What ends each call that is answered. @type {Map<string, () => void>} */
const hangUps = new Map();
/** @type {number[]} */
let phoned = [];
let placed = 0;
let isStopping = false;

/** @param {Partial<Tally>} change */
function count(change) {
  for (const key of /** @type {(keyof Tally)[]} */ (Object.keys(change))) tally[key] += change[key] ?? 0;
  process.send?.({ tally });
}

/** @template T @param {readonly T[]} items */
const pick = (items) => items[Math.floor(Math.random() * items.length)];

/**
 * One call; resolves when it is over. A server that takes no calls, or is gone, was never a call.
 * @param {string} id @param {number | undefined} port @param {(is: CallState) => void} tell
 */
function call(id, port, tell, tenant = pick(TENANTS)) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/call?tenant=${tenant}`);
    let isAnswered = false;
    let hasHungUp = false;
    const hangUp = () => {
      hasHungUp = true;
      socket.close(1000);
    };
    // The echo of the first word tells that the call was accepted and not turned away.
    socket.on('open', () => socket.send('hello'));
    socket.once('message', () => {
      isAnswered = true;
      count({ calls: 1, talking: 1 });
      hangUps.set(id, hangUp);
      tell('answered');
      if (isStopping) hangUp();
    });
    socket.on('error', () => {});
    socket.on('close', (code) => {
      const isWell = hasHungUp && code !== 1006;
      hangUps.delete(id);
      if (isAnswered) count({ talking: -1, [isWell ? 'hungUp' : 'dropped']: 1 });
      tell(isAnswered ? (isWell ? 'hung up' : 'dropped') : 'turned away');
      resolve(undefined);
    });
  });
}

async function caller() {
  await sleep(Math.random() * SHORTEST_MS);
  while (!isStopping) {
    const id = `caller-${++placed}`;
    if (phoned.length > 0) {
      await call(id, pick(phoned), (is) => {
        const length = SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
        if (is === 'answered') setTimeout(() => hangUps.get(id)?.(), length).unref();
      });
    }
    await sleep(100);
  }
}

/** @type {Set<Promise<unknown>>} */
const asked = new Set(Array.from({ length: AT_ONCE }, caller));

/** @typedef {{ phone?: number[], call?: string, port?: number, tenant?: string, hangUp?: string, stop?: true }} Order */

process.on('message', async (/** @type {Order} */ order) => {
  phoned = order.phone ?? phoned;
  const { call: id, port, tenant } = order;
  if (id !== undefined) asked.add(call(id, port, (is) => process.send?.({ call: id, is }), tenant));
  if (order.hangUp !== undefined) hangUps.get(order.hangUp)?.();
  if (!order.stop) return;
  isStopping = true;
  for (const hangUp of hangUps.values()) hangUp();
  await Promise.all(asked);
  process.disconnect();
});
process.on('disconnect', () => process.exit());

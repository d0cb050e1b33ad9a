import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Below the ports that systems give away by themselves. */
const FIRST_PORT = 10_000;
const PORTS = 20_000;
const TRIES = 1_000;
/** Who says nothing for so long is a stranger. */
const PATIENCE_MS = 10_000;

/** Where the holder of a name listens, if no stranger does. @param {string} name */
export const portOf = (name) =>
  FIRST_PORT + (createHash('sha256').update(name).digest().readUInt32BE() % PORTS);

/**
 * Does something while no other process on this machine does what has the same name. Whoever does it listens on a port
 * meanwhile, so a process that is killed lets go at once.
 * @template T @param {string} name @param {() => Promise<T>} act @returns {Promise<T>}
 */
export async function alone(name, act) {
  const letGo = await hold(name);
  try {
    return await act();
  } finally {
    await letGo();
  }
}

/** @param {string} name */
async function hold(name) {
  let port = portOf(name);
  for (let tried = 0; tried < TRIES; tried++) {
    const letGo = await listen(port, name);
    if (letGo) return letGo;
    // Where a stranger listens, it is the next port, for all.
    if (!(await isLetGo(port, name))) port++;
  }
  throw new Error(`no port to hold ${name}`);
}

/** Holds a name, and gives what lets go of it; undefined where the port is taken. @param {number} port @param {string} name */
async function listen(port, name) {
  /** @type {Set<import('node:net').Socket>} */
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => {}).once('close', () => waiting.delete(socket));
    socket.write(`${name}\n`);
  });
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of waiting) socket.destroy();
    await closed;
  };
}

/** Waits until the holder of a name has let go; false where a stranger listens. @param {number} port @param {string} name */
async function isLetGo(port, name) {
  const socket = connect(port, '127.0.0.1');
  const impatience = setTimeout(() => socket.destroy(), PATIENCE_MS);
  let said = '';
  let isHolder = false;
  socket.setEncoding('utf8').on('data', (text) => {
    said += text;
    isHolder = said === `${name}\n`;
    if (isHolder) clearTimeout(impatience);
    else if (said.includes('\n')) socket.destroy();
  });
  // It has just let go, or was killed.
  socket.on('error', (/** @type {NodeJS.ErrnoException} */ { code = '' }) => {
    isHolder ||= ['ECONNREFUSED', 'ECONNRESET'].includes(code);
  });
  await new Promise((resolve) => socket.once('close', resolve));
  clearTimeout(impatience);
  return isHolder;
}

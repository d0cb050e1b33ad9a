// A blue-green deploy of three call servers, with real processes and real connections, on this machine. Shows what
// the telemetry says while it runs, and at the end holds it against what the callers saw. About 25 seconds.
// Exit code: 0 when both agree that no call was dropped, else 1.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { startReceiver } from 'openrtc-otel/deploy';

const SERVERS = 3;
const BEFORE_MS = 7_000;
const AFTER_MS = 5_000;
const PATIENCE_MS = 30_000;

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {{ process: ChildProcess, port: number, exited: Promise<unknown> }} Server */

/** @type {ChildProcess[]} */
const children = [];
const stopChildren = () => {
  for (const child of children) child.kill('SIGKILL');
};
process.on('exit', stopChildren);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
}

const receiver = await startReceiver();

/** @param {string} script @param {Record<string, string>} env */
function start(script, env) {
  const path = new URL(`./call-server/${script}`, import.meta.url);
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  const child = fork(path, {
    env: { ...Object.fromEntries(own), ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  children.push(child);
  return child;
}

/** @param {string} version @returns {Promise<Server[]>} */
function startServers(version) {
  const env = {
    DEPLOYMENT_VERSION: version,
    DRAIN_TIMEOUT_SECONDS: '20',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
  };
  return Promise.all(
    Array.from({ length: SERVERS }, async () => {
      const child = start('server.js', env);
      const exited = once(child, 'exit');
      const listening = once(/** @type {import('node:stream').Readable} */ (child.stdout), 'data');
      const [line] = await Promise.race([listening, exited]);
      const [port] = String(line).match(/(?<=listening on )\d+/) ?? [];
      if (!port) throw new Error(`a call server ended with ${line} before it listened`);
      return { process: child, port: Number(port), exited };
    }),
  );
}

/** @param {Server[]} servers */
async function drain(servers) {
  for (const server of servers) server.process.kill('SIGTERM');
  await inTime(Promise.all(servers.map(({ exited }) => exited)), 'the servers to exit');
}

/** @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
function inTime(promise, what) {
  const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => {
    throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
  });
  return Promise.race([promise, late]);
}

async function untilGreenReports() {
  while (receiver.workers().filter(({ version }) => version === 'v2').length < SERVERS) await sleep(100);
}

/** @type {import('./call-server/callers.js').Tally} */
let tally = { calls: 0, talking: 0, hungUp: 0, dropped: 0 };
const callers = start('callers.js', {});
callers.on('message', (message) => {
  tally = /** @type {typeof tally} */ (message);
});
/** @param {Server[]} servers */
const sendCallersTo = (servers) => callers.send({ servers: servers.map(({ port }) => port) });

const begun = Date.now();
let drawn = 0;
let headline = '';

/** @param {import('openrtc-otel/deploy').WorkerFacts} worker */
function stateOf(worker) {
  if (worker.exited) return 'exited';
  if (worker.drainingSince === undefined) return 'accepting';
  return `draining ${Math.round((Date.now() - worker.drainingSince) / 1000)} s`;
}

function draw() {
  const seconds = ((Date.now() - begun) / 1000).toFixed(0).padStart(3);
  const rows = receiver
    .workers()
    .map((worker) => [
      stripVTControlCharacters(worker.id),
      worker.version,
      stateOf(worker),
      String(worker.active),
      String(worker.dropped),
    ]);
  if (!process.stdout.isTTY) {
    console.log(`${seconds} s  ${headline}`);
    for (const [id, version, state, active, dropped] of rows) {
      console.log(`       ${id} ${version} ${state}, ${active} active, ${dropped} dropped`);
    }
    return;
  }
  const table = [['worker', 'version', 'state', 'active', 'dropped'], ...rows];
  const width = Math.max(...table.map(([id = '']) => id.length)) + 2;
  const lines = table.map(([id = '', version = '', state = '', active = '', dropped = '']) =>
    [id.padEnd(width), version.padEnd(9), state.padEnd(14), active.padStart(6), dropped.padStart(9)].join(''),
  );
  const screen = [`${seconds} s  ${headline}`, '', ...lines, '', `callers: ${tally.talking} talking`];
  process.stdout.write(
    `${drawn ? `\x1b[${drawn}A` : ''}${screen.map((line) => `\x1b[2K${line}\n`).join('')}`,
  );
  drawn = screen.length;
}

const drawing = setInterval(draw, 1_000);
/** @param {string} text */
const say = (text) => {
  headline = text;
  draw();
};

say('starting three call servers of v1');
const blue = await startServers('v1');
sendCallersTo(blue);
await sleep(BEFORE_MS);

say('starting three call servers of v2');
const green = await startServers('v2');
await inTime(untilGreenReports(), 'the first reports of v2');
sendCallersTo(green);

say('SIGTERM to v1: they take no calls, finish theirs and exit');
await drain(blue);
say('v1 is gone; v2 takes all calls');
await sleep(AFTER_MS);

say('callers hang up; SIGTERM to v2');
const haveHungUp = once(callers, 'exit');
callers.send({ stop: true });
await inTime(haveHungUp, 'the callers to hang up');
await drain(green);
clearInterval(drawing);
draw();

/** @param {(worker: import('openrtc-otel/deploy').WorkerFacts) => number | undefined} read */
const sum = (read) => receiver.workers().reduce((total, worker) => total + (read(worker) ?? 0), 0);
const told = {
  calls: sum((worker) => worker.started),
  hungUp: sum((worker) => worker.ended.success),
  dropped: sum((worker) => worker.dropped),
  exited: sum((worker) => Number(worker.exited)),
};
console.log(`
                   callers saw   telemetry says
calls              ${String(tally.calls).padStart(11)}   ${String(told.calls).padStart(14)}
hung up by caller  ${String(tally.hungUp).padStart(11)}   ${String(told.hungUp).padStart(14)}
dropped            ${String(tally.dropped).padStart(11)}   ${String(told.dropped).padStart(14)}

${told.exited} of ${2 * SERVERS} workers said goodbye.`);

const agree = tally.calls === told.calls && tally.hungUp === told.hungUp && tally.dropped === told.dropped;
const isClean = agree && told.dropped === 0 && told.exited === 2 * SERVERS;
console.log(isClean ? 'Both agree: no call was dropped.' : 'They do not agree that no call was dropped.');
await receiver.close();
process.exitCode = isClean ? 0 : 1;

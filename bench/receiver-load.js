import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { oneReport } from './one-report.js';
import { identity, judged } from './support.js';

const WORKERS = 10_000;
const INTERVAL_MS = 15_000;
/** After a first one, in which each worker connects. */
const ROUNDS = 2;
const TICK_MS = 5;
const PATIENCE_MS = 10_000;
const GOAL_PERCENT = 50;

/** @typedef {{ cpuMs: number, rss: number, heapUsed: number, workers: number }} Usage */

/** @param {number} value */
const percent = (value) => `${value.toFixed(0)} %`;
/** @param {number} bytes */
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** What each worker posts: a real report, under an id of its own. */
async function createRequests() {
  const report = await oneReport({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
  return Array.from({ length: WORKERS }, (_, n) => {
    const id = String(n).padStart(identity.workerId.length, '0');
    const body = gzipSync(Buffer.from(report.toString('latin1').replaceAll(identity.workerId, id), 'latin1'));
    const head = [
      'POST /v1/metrics HTTP/1.1',
      'host: receiver',
      'content-type: application/x-protobuf',
      'content-encoding: gzip',
      `content-length: ${body.length}`,
    ];
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  });
}

/** Workers that report in turn, each over a connection that it keeps. @param {number} port */
async function createFleet(port) {
  const requests = await createRequests();
  /** @type {import('node:net').Socket[]} */
  const sockets = [];
  const answers = { taken: 0, refused: 0 };
  const report = (/** @type {number} */ worker) => {
    sockets[worker] ??= connect(port, '127.0.0.1')
      .on('data', (data) => {
        answers[data.toString('latin1').startsWith('HTTP/1.1 200') ? 'taken' : 'refused'] += 1;
      })
      .on('error', (error) => {
        throw error;
      });
    sockets[worker].write(requests[worker] ?? '');
  };
  return {
    answers,
    /** Each worker reports `rounds` times. Resolves when all are answered. @param {number} rounds */
    async run(rounds) {
      const due = rounds * WORKERS;
      const before = answers.taken + answers.refused;
      const begun = performance.now();
      for (let sent = 0; sent < due; await sleep(TICK_MS)) {
        const shouldBe = Math.min(due, ((performance.now() - begun) / INTERVAL_MS) * WORKERS);
        for (; sent < shouldBe; sent++) report(sent % WORKERS);
      }
      const deadline = performance.now() + PATIENCE_MS;
      while (answers.taken + answers.refused < before + due) {
        if (performance.now() > deadline) throw new Error('reports were not answered');
        await sleep(TICK_MS);
      }
      return performance.now() - begun;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** @type {import('./support.js').Topic} */
export const receiverLoad = {
  title: 'The receiver, 10,000 workers with a connection each that report every 15 s, protobuf and gzip',
  async run() {
    const child = fork(new URL('./receiver-load-target.js', import.meta.url), { execArgv: ['--expose-gc'] });
    const [{ url }] = await once(child, 'message');
    const usage = async () => {
      child.send('usage');
      return /** @type {Usage} */ ((await once(child, 'message'))[0]);
    };
    const fleet = await createFleet(Number(new URL(url).port));
    const idle = await usage();
    await fleet.run(1);
    const before = await usage();
    const ms = await fleet.run(ROUNDS);
    const after = await usage();
    fleet.close();
    child.disconnect();
    const { taken, refused } = fleet.answers;
    const cpu = (after.cpuMs - before.cpuMs) / ms;
    return [
      { label: 'workers known, reports refused', value: `${after.workers}, ${refused}` },
      { label: 'reports a second', value: ((taken - WORKERS) / (ms / 1000)).toFixed(0) },
      judged('CPU of its process, of one core', cpu * 100, GOAL_PERCENT, percent),
      {
        label: 'heap without workers, with all of them',
        value: `${mebibytes(idle.heapUsed)}, ${mebibytes(after.heapUsed)}`,
      },
      { label: 'resident memory, the same', value: `${mebibytes(idle.rss)}, ${mebibytes(after.rss)}` },
    ];
  },
};

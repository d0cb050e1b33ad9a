import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as names from '../../../src/attributes.js';
import { type Receiver, startReceiver, type WorkerFacts } from '../../../src/deploy/index.js';
import { type Input, inputs } from './fuzz-inputs.js';

/** So many inputs of each kind, always the same ones; FUZZ_RUNS=100000 asks for more, other ones each time. */
const { FUZZ_RUNS } = process.env;
const RUNS = FUZZ_RUNS ? { numRuns: Number(FUZZ_RUNS) } : { numRuns: 500, seed: 42 };
const TIMEOUT_MS = 60_000 + RUNS.numRuns * 200;
const KIB = 1024;
/** With so many workers the table begins to forget. */
const FULL = 19_000;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

class Reader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

/** A whole report of a worker. */
async function reportOf(id: string) {
  const reader = new Reader();
  const resource = resourceFromAttributes({ 'service.name': 'calls' });
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter(names.SCOPE_NAME);
  for (const { name, unit, kind } of Object.values(names.METRICS)) {
    const worker = { [names.POOL_NAME]: 'voice', [names.WORKER_ID]: id, [names.WORKER_VERSION]: '1.5.0' };
    const attributes = {
      ...worker,
      [names.TENANT_ID]: 'acme',
      [names.SESSION_OUTCOME]: 'success',
      [names.REJECTION_REASON]: 'draining',
    };
    if (kind === 'gauge') meter.createGauge(name, { unit }).record(1, attributes);
    else meter.createCounter(name, { unit }).add(1, attributes);
  }
  const { resourceMetrics } = await reader.collect();
  return {
    protobuf: ProtobufMetricsSerializer.serializeRequest(resourceMetrics) ?? expect.unreachable(),
    json: JsonMetricsSerializer.serializeRequest(resourceMetrics) ?? expect.unreachable(),
  };
}

let receiver: Receiver;
let witness: WorkerFacts | undefined;
let heapBefore: number;
let given: ReturnType<typeof inputs>;

beforeAll(async () => {
  receiver = await startReceiver();
  given = inputs(await reportOf('w-1'));
  expect(await post(await wholeReport())).toBe(200);
  [witness] = receiver.workers();
  expect(witness?.id).toBe('witness');
  heapBefore = heapUsed();
});
afterAll(() => receiver.close());

const wholeReport = async (): Promise<Input> => ({
  type: 'application/x-protobuf',
  encoding: 'identity',
  body: (await reportOf('witness')).protobuf,
});

async function post({ type, encoding, body }: Input, path = '/v1/metrics'): Promise<number> {
  const response = await fetch(receiver.url + path, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': type, 'content-encoding': encoding },
  });
  const answer = await response.text();
  expect(answer.length).toBeLessThan(500);
  expect(answer).not.toMatch(/\n\s+at /);
  return response.status;
}

const isCount = (value: number) => Number.isInteger(value) && value >= 0;
const isDate = (value: number) => !Number.isNaN(new Date(value).getTime());
const isLabel = (value: string) => value !== '' && value.length <= names.LONGEST_VALUE;

/** Whatever was sent: a row that whoever reads it can count with, compare and print. */
function expectSane(worker: WorkerFacts): void {
  const { earlier, tenants, ended, rejected, drainTimeoutSeconds = 0, drainingSince = 0 } = worker;
  const counts = [worker.active, earlier.active, worker.dropped, worker.droppedBefore];
  expect(counts.every(isCount), JSON.stringify(worker)).toBe(true);
  const sums = [worker.started, ...[tenants, ended, rejected].flatMap((sum) => Object.values(sum))];
  expect(sums.every((sum) => Number.isFinite(sum) && sum >= 0)).toBe(true);
  const { startedAt, firstReportAt, lastReportAt, reportsSince } = worker;
  const dates = [startedAt, firstReportAt, lastReportAt, reportsSince, earlier.at, drainingSince];
  expect(dates.every(isDate)).toBe(true);
  expect([worker.pool, worker.id, worker.version].every(isLabel)).toBe(true);
  expect(worker.intervalSeconds).toBeGreaterThan(0);
  expect(worker.intervalSeconds).toBeLessThanOrEqual(3600);
  expect(drainTimeoutSeconds).toBeGreaterThanOrEqual(0);
  expect(isDate(firstReportAt + drainTimeoutSeconds * 1000)).toBe(true);
  expect(worker.droppedBefore).toBeLessThanOrEqual(worker.dropped);
}

const REFUSALS = new Set([400, 413, 415]);

describe('the receiver', () => {
  it('makes nothing of junk, of what is cut off, too deep or too large', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(given.nothing, fc.constantFrom('/v1/metrics', '/v1/traces'), async (input, path) => {
        const status = await post(input, path);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(status === 200 || REFUSALS.has(status)).toBe(true);
        expect(receiver.workers()).toEqual([witness]);
      }),
      RUNS,
    );
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([...REFUSALS]));
  });

  it('makes sane workers of what is damaged or absurd', { timeout: TIMEOUT_MS }, async () => {
    const statuses = new Set<number>();
    /** A row is the same one until its worker's next report. */
    const checked = new WeakSet<WorkerFacts>();
    await fc.assert(
      fc.asyncProperty(given.anything, async (input) => {
        const known = receiver.workers().length;
        const status = await post(input);
        statuses.add(status);
        expect([200, 400]).toContain(status);
        const workers = receiver.workers();
        if (status !== 200) expect(workers).toHaveLength(known);
        for (const worker of workers) {
          if (!checked.has(worker)) expectSane(worker);
          checked.add(worker);
        }
        if (workers.length < FULL) expect(workers[0]).toEqual(witness);
      }),
      RUNS,
    );
    expect(statuses).toEqual(new Set([200, 400]));
    expect(receiver.workers().length).toBeGreaterThan(10);
  });

  it('outlives what is no HTTP', { timeout: TIMEOUT_MS }, async () => {
    const port = Number(new URL(receiver.url).port);
    const head = 'POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const lines = fc.constantFrom(
      'content-length: -1',
      'content-length: 99999999999999999999',
      'content-length: 5\r\ncontent-length: 6',
      'transfer-encoding: chunked\r\n\r\nffffffffffff\r\n',
      'transfer-encoding: chunked\r\n\r\n-1\r\n',
      'content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc',
      'expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}',
      'upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\n{}',
      `x: ${'y'.repeat(100_000)}`,
      'x\u0000: y',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((junk) => Buffer.from(junk)),
      lines.map((line) => Buffer.from(`${head}${line}\r\n\r\n`)),
      fc
        .constantFrom('CONNECT x:1', 'PRI *', 'GET', 'POST http://[')
        .map((start) => Buffer.from(`${start} HTTP/1.1\r\nhost: x\r\n\r\n`)),
    );
    const known = receiver.workers();
    await fc.assert(
      fc.asyncProperty(bytes, async (sent) => {
        const socket = connect(port, '127.0.0.1');
        const closed = new Promise((resolve) => socket.once('close', resolve));
        socket.on('error', () => {});
        socket.end(sent);
        socket.resume();
        await closed;
        expect(receiver.workers()).toEqual(known);
      }),
      RUNS,
    );
  });

  it('still takes reports after all that, in memory for the workers it knows', {
    timeout: 60_000,
  }, async () => {
    expect(await post(await wholeReport())).toBe(200);
    const { length } = receiver.workers();
    expect(receiver.workers().filter(({ id }) => id === 'witness')).toHaveLength(1);
    expect(heapUsed() - heapBefore).toBeLessThan(64 * KIB * KIB + length * 25 * KIB);
  });
});

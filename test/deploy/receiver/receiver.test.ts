import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as names from '../../../src/attributes.js';
import {
  assessDeploy,
  type MetricPoint,
  type Receiver,
  type ReceiverOptions,
  startReceiver,
} from '../../../src/deploy/index.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const MIB = 1024 * 1024;
const WORKER = { [names.POOL_NAME]: 'voice', [names.WORKER_ID]: 'w-1', [names.WORKER_VERSION]: '1.5.0' };

class Reader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

/** A worker as the SDK reports it. */
async function report(
  gauges: readonly (readonly [names.Metric, number, object?])[],
  counters: typeof gauges = [],
) {
  const reader = new Reader();
  const resource = resourceFromAttributes({ 'service.name': 'calls' });
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter(names.SCOPE_NAME);
  for (const [{ name, unit }, value, more] of gauges) {
    meter.createGauge(name, { unit }).record(value, { ...WORKER, ...more });
  }
  for (const [{ name, unit }, value, more] of counters) {
    meter.createCounter(name, { unit }).add(value, { ...WORKER, ...more });
  }
  return (await reader.collect()).resourceMetrics;
}

const runningReport = () =>
  report(
    [
      [names.METRICS.active, 3],
      [names.METRICS.draining, 1],
      [names.METRICS.running, 1],
      [names.METRICS.dropped, 0],
      [names.METRICS.startTime, 1_700_000_000.5],
      [names.METRICS.interval, 5],
      [names.METRICS.drainElapsed, 12.5],
      [names.METRICS.drainTimeout, 3600],
      [names.METRICS.tenants, 2, { [names.TENANT_ID]: 'acme' }],
      [names.METRICS.tenants, 1, { [names.TENANT_ID]: '__proto__' }],
    ],
    [
      [names.METRICS.started, 9],
      [names.METRICS.ended, 6, { [names.SESSION_OUTCOME]: 'success' }],
      [names.METRICS.ended, 0, { [names.SESSION_OUTCOME]: 'dropped' }],
      [names.METRICS.rejected, 4, { [names.REJECTION_REASON]: 'draining' }],
    ],
  );

const protobuf = (metrics: ResourceMetrics) =>
  ProtobufMetricsSerializer.serializeRequest(metrics) ?? expect.unreachable();
const json = (metrics: ResourceMetrics) =>
  JsonMetricsSerializer.serializeRequest(metrics) ?? expect.unreachable();

let clock = 1_000_000;
const received: MetricPoint[] = [];
const options: ReceiverOptions = {
  now: () => clock,
  onMetrics: (points) => received.push(...points),
};
let receiver: Receiver;

beforeEach(async () => {
  clock = 1_000_000;
  received.length = 0;
  receiver = await startReceiver(options);
});
afterEach(() => receiver.close());

function post(body: Uint8Array | string, headers: Record<string, string> = {}, path = '/v1/metrics') {
  return fetch(receiver.url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { 'content-type': JSON_TYPE, ...headers },
  });
}

describe('a report', () => {
  it.each([
    [PROTOBUF, 'identity', ''],
    [PROTOBUF, 'gzip', ''],
    [JSON_TYPE, 'identity', '{}'],
    [JSON_TYPE, 'gzip', '{}'],
  ])('in %s, %s, becomes the facts of its worker', async (contentType, encoding, answer) => {
    const metrics = await runningReport();
    const body = contentType === PROTOBUF ? protobuf(metrics) : json(metrics);
    clock = 2_000_000;
    const response = await post(encoding === 'gzip' ? gzipSync(body) : body, {
      'content-type': contentType,
      'content-encoding': encoding,
    });

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(contentType);
    expect(await response.text()).toBe(answer);
    expect(receiver.coveredSince).toBe(1_000_000);
    expect(receiver.workers()).toEqual([
      {
        pool: 'voice',
        id: 'w-1',
        version: '1.5.0',
        // Its clock is ahead of the receiver's.
        startedAt: expect.any(Number),
        clock: 'ahead',
        isContradictory: false,
        missing: [],
        firstReportAt: 2_000_000,
        lastReportAt: 2_000_000,
        reportsSince: 2_000_000,
        intervalSeconds: 5,
        active: 3,
        earlier: { at: 2_000_000, active: 3 },
        draining: true,
        drainingSince: 1_987_500,
        drainTimeoutSeconds: 3600,
        dropped: 0,
        droppedBefore: 0,
        exited: false,
        tenants: Object.fromEntries([
          ['acme', 2],
          ['__proto__', 1],
        ]),
        started: 9,
        ended: { success: 6, dropped: 0 },
        rejected: { draining: 4 },
      },
    ]);
    expect(received).toHaveLength(14);
  });

  it('that is a goodbye is terminal, whatever arrives later', async () => {
    const running = protobuf(await runningReport());
    await post(running, { 'content-type': PROTOBUF });
    const goodbye = await report([
      [names.METRICS.running, 0],
      [names.METRICS.active, 0],
      [names.METRICS.dropped, 3],
    ]);
    await post(json(goodbye));
    clock += 60_000;
    await post(protobuf(await runningReport()), { 'content-type': PROTOBUF });
    expect(receiver.workers()).toMatchObject([
      { exited: true, active: 0, dropped: 3, lastReportAt: 1_060_000 },
    ]);
    expect(receiver.workers()[0]?.tenants).toEqual({});
  });

  it('of something else is given to onMetrics, and no worker', async () => {
    const meter = { name: 'queue.length', gauge: { dataPoints: [{ asInt: 4 }] } };
    await post(JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [meter] }] }] }));
    expect(received).toMatchObject([{ name: 'queue.length', value: 4 }]);
    expect(receiver.workers()).toEqual([]);
  });

  it.each([
    [PROTOBUF, 'identity', ''],
    [PROTOBUF, 'gzip', ''],
    [JSON_TYPE, 'identity', '{}'],
    [JSON_TYPE, 'gzip', '{}'],
  ])('of spans in %s, %s, is accepted, and dropped whatever it holds', async (type, encoding, answer) => {
    const headers = { 'content-type': type, 'content-encoding': encoding };
    const response = await post(Buffer.from('no spans'), headers, '/v1/traces');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toBe(answer);
    expect(receiver.workers()).toEqual([]);
    expect(received).toEqual([]);
  });
});

describe('a callback', () => {
  it('that throws or rejects changes no answer, and is warned of', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const broken = [
      () => {
        throw new Error('synchronous');
      },
      async () => {
        throw new Error('asynchronous');
      },
    ];
    for (const onMetrics of broken) {
      await using receiver = await startReceiver({ onMetrics });
      const init = { method: 'POST', body: '{}', headers: { 'content-type': JSON_TYPE } };
      expect((await fetch(`${receiver.url}/v1/metrics`, init)).status).toBe(200);
    }
    expect(warned.mock.calls.map(([warning]) => String(warning).split('\n')[0])).toEqual([
      "The OTLP receiver's onMetrics threw: Error: synchronous",
      "The OTLP receiver's onMetrics threw: Error: asynchronous",
    ]);
    warned.mockRestore();
  });
});

describe('a bad request', () => {
  const spaces = (bytes: number) => `{${' '.repeat(bytes - 2)}}`;

  it.each<[number, string, string | Uint8Array, Record<string, string>, string?]>([
    [404, 'to another path', '{}', {}, '/v1/logs'],
    [403, 'of a web page', '{}', { origin: 'http://example.com' }],
    [415, 'of another type', '{}', { 'content-type': 'text/plain' }],
    [415, 'of another encoding', '{}', { 'content-encoding': 'br' }],
    [400, 'that is no JSON', '{"resourceMetrics"', {}],
    [400, 'that is no protobuf', new Uint8Array([0x0a, 0xff]), { 'content-type': PROTOBUF }],
    [400, 'that is not gzip', '{}', { 'content-encoding': 'gzip' }],
    [400, 'that is half a gzip', gzipSync('{}').subarray(0, 12), { 'content-encoding': 'gzip' }],
    [413, 'that is too large', spaces(4 * MIB + 1), {}],
    [413, 'of spans that is too large', spaces(4 * MIB + 1), {}, '/v1/traces'],
    [415, 'of spans of another type', '{}', { 'content-type': 'text/plain' }, '/v1/traces'],
    [415, 'of spans of another encoding', '{}', { 'content-encoding': 'br' }, '/v1/traces'],
    [403, 'of spans of a web page', '{}', { origin: 'http://example.com' }, '/v1/traces'],
    [413, 'that is a gzip bomb', gzipSync(Buffer.alloc(64 * MIB)), { 'content-encoding': 'gzip' }],
  ])('gets %i: one %s', async (status, _, body, headers, path) => {
    const response = await post(body, headers, path);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toMatch(/^.{5,200}$/);
    expect((await post('{}')).status).toBe(200);
  });

  it('gets 405 with the method to use', async () => {
    const response = await fetch(`${receiver.url}/v1/metrics`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('is not one with parameters, capitals, or just the largest body', async () => {
    expect((await post('{}', { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(200);
    expect((await post('{}', {}, '/v1/metrics?key=1')).status).toBe(200);
    expect((await post(spaces(4 * MIB))).status).toBe(200);
    expect((await post(gzipSync(spaces(16 * MIB)), { 'content-encoding': 'GZIP' })).status).toBe(200);
  });
});

describe('startReceiver', () => {
  it('listens on loopback alone, unless it is told', async () => {
    const reach = async (address: string, { url }: Receiver) => {
      const socket = connect(Number(new URL(url).port), address);
      await once(socket, 'connect').finally(() => socket.destroy());
    };
    expect(new URL(receiver.url).hostname).toBe('127.0.0.1');
    // Where only 127.0.0.1 is an address of this machine, this fails as well.
    await expect(reach('127.0.0.2', receiver)).rejects.toThrow(/ECONNREFUSED|EADDRNOTAVAIL|ETIMEDOUT/);
    await using open = await startReceiver({ host: '0.0.0.0' });
    await reach('127.0.0.1', open);
  });

  it('says where it can not listen', async () => {
    const port = Number(new URL(receiver.url).port);
    await expect(startReceiver({ port })).rejects.toThrow(
      `The OTLP receiver cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
  });

  it.each([
    [{ port: 70_000 }, 'option port: expected a port from 0 to 65535, got 70000'],
    [{ host: '' }, "option host: expected a host name or address, got ''"],
    [{ onMetrics: 1 }, 'option onMetrics: expected a function, got 1'],
    [{ prot: 1 }, 'option prot: expected one of host, port, onMetrics, now'],
  ])('refuses %j', async (wrong, message) => {
    await expect(startReceiver(wrong as never)).rejects.toThrow(message);
  });

  it('has a clock of its own that is never set back, whatever happens to that of the machine', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await using own = await startReceiver();
      const heard = async (...said: Parameters<typeof report>[0]) => {
        const body = new Uint8Array(protobuf(await report(said)));
        const init = { method: 'POST', body, headers: { 'content-type': PROTOBUF } };
        expect((await fetch(`${own.url}/v1/metrics`, init)).status).toBe(200);
        return own.read({ target: '1.5.0' });
      };
      const { active, draining, dropped, running } = names.METRICS;
      const { now: since } = await heard([active, 5], [draining, 0], [dropped, 0], [running, 1]);
      vi.setSystemTime(Date.now() - 10_000);
      const { now } = await heard([active, 0], [draining, 1], [dropped, 5], [running, 0]);
      expect(now).toBeGreaterThanOrEqual(since);
      const facts = await own.read({ target: '1.5.0', since });
      expect(facts.workers).toMatchObject([{ exited: true, dropped: 5, droppedBefore: 0 }]);
      expect(facts.workers[0]?.lastReportAt).toBeGreaterThanOrEqual(since);
      expect(assessDeploy(facts, { target: '2.0.0' }).dropped.confirmed).toBe(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it('closes at once, and twice', async () => {
    await post('{}');
    const socket = connect(Number(new URL(receiver.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
    await once(socket, 'connect');
    const ended = new Promise((resolve) => socket.on('close', resolve));
    await Promise.all([receiver.close(), receiver[Symbol.asyncDispose](), ended]);
    await expect(post('{}')).rejects.toThrow('fetch failed');
  });
});

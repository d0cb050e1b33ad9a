import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SESSION_ID, SESSION_SPAN, SESSION_START_SPAN } from '../../src/attributes.js';
import type { Telemetry } from '../../src/instrument/handle.js';
import { only } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();
const pipeline = usePipeline();

const start = (): Telemetry => pipeline.instrument(new TestPool(), { deploymentVersion: '1.2.3' });
const named = (name: string) => pipeline.collector.spans.filter((span) => span.name === name);
const hasReported = () => {
  const { collector } = pipeline;
  return vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
};
const hang = (path: string) => (path === '/v1/traces' ? { delayMs: 60_000 } : {});

describe('the spans of a worker', () => {
  it('leave when a session starts and when it ends', async () => {
    const telemetry = start();
    await hasReported();
    const session = telemetry.startSession();
    await vi.waitFor(() => expect(named(SESSION_START_SPAN)).toHaveLength(1));
    expect(named(SESSION_SPAN)).toEqual([]);
    session.end('failed');
    await vi.waitFor(() => expect(named(SESSION_SPAN)).toHaveLength(1));
    const [first, whole] = [only(named(SESSION_START_SPAN)), only(named(SESSION_SPAN))];
    expect(first).toMatchObject({ traceId: whole.traceId, parentSpanId: whole.spanId });
    // On the wire the kinds are counted from 1.
    expect(whole).toMatchObject({ kind: SpanKind.CONSUMER + 1, statusCode: SpanStatusCode.ERROR });
  });

  it('are sent again where they did not arrive, and it is said once', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '200', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '300' });
    pipeline.collector.answer = hang;
    const telemetry = start();
    const { span, end } = telemetry.startSession();
    end();
    await vi.waitFor(async () => expect(await said()).toHaveLength(1), 3_000);
    pipeline.collector.requests.length = 0;
    pipeline.collector.answer = () => ({});
    await vi.waitFor(() => expect(named(SESSION_SPAN)).toHaveLength(1), 3_000);
    expect(only(named(SESSION_SPAN)).spanId).toBe(span.spanContext().spanId);
    await vi.waitFor(async () => expect(await said()).toHaveLength(2), 3_000);
    const url = `${pipeline.collector.url}/v1/traces`;
    expect(await said()).toEqual([
      `spans do not arrive at ${url}: timed out`,
      `spans arrive at ${url} again`,
    ]);
  });

  it('are sent again not in step with those of others', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: '1000', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '300' });
    vi.spyOn(Math, 'random').mockReturnValue(0.99);
    onTestFinished(() => void vi.restoreAllMocks());
    const times: number[] = [];
    pipeline.collector.answer = (path) => {
      if (path !== '/v1/traces') return {};
      times.push(performance.now());
      return { status: 503 };
    };
    start().startSession().end();
    await vi.waitFor(() => expect(times.length).toBeGreaterThan(1), 5_000);
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThan(1_400);
  });

  it('keep the ids that they were given before the SDK was loaded', async () => {
    const telemetry = start();
    const ids = ['a', 'b', 'c'].map((id) => {
      const { span, end } = telemetry.startSession({ id });
      end();
      return [span.spanContext().traceId, span.spanContext().spanId];
    });
    await telemetry.shutdown();
    expect(named(SESSION_SPAN).map(({ traceId, spanId }) => [traceId, spanId])).toEqual(ids);
  });

  it('that can not be sent leave no rejection behind', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    pipeline.environment({ OTEL_BSP_EXPORT_TIMEOUT: '100', OTEL_BSP_SCHEDULE_DELAY: '60000' });
    pipeline.collector.answer = hang;
    const telemetry = start();
    telemetry.startSession().end();
    await hasReported();
    const goodbye = telemetry.shutdown();
    await sleep(50);
    telemetry.startSession().end();
    await goodbye;
    await sleep(500);
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });

  it('of one bad session do not keep those of the others back', async () => {
    const telemetry = start();
    telemetry.startSession({ id: 'bad', startedAt: new Date(Number.NaN) }).end();
    telemetry.startSession({ id: 'good' }).end();
    await telemetry.shutdown();
    expect(named(SESSION_SPAN).map(({ attributes }) => attributes[SESSION_ID])).toContain('good');
  });
});

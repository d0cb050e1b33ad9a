import { context } from '@opentelemetry/api';
import { describe, expect, it, vi } from 'vitest';
import {
  ERROR_TYPE,
  METRICS,
  REJECTION_REASON,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_SPAN,
  TENANT_ID,
} from '../../src/attributes.js';
import type { TelemetrySession } from '../../src/instrument/handle.js';
import { SessionSpanProcessor } from '../../src/worker/span-processor.js';
import { TestContextManager } from '../support/context-manager.js';
import { last, only } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { lastOrdinary, valueIn } from '../support/points.js';
import { TestPool } from '../support/pools.js';
import { createSession, createTracing } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';

listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };
const wholeSpans = () => pipeline.collector.spans.filter(({ name }) => name === SESSION_SPAN);

describe('startSession', () => {
  it('makes up what is not known of a session', () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const [one, two] = [telemetry.startSession().info, telemetry.startSession().info];
    expect(one).toMatchObject({ tenant: 'default', deploymentVersion: '1.2.3' });
    expect(one.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(one.id).not.toBe(two.id);
    expect(Math.abs(one.startedAt.getTime() - Date.now())).toBeLessThan(1_000);
  });

  it('keeps what is known of a session', () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const session = createSession({ agentName: 'support', metadata: { a: 1 }, deploymentVersion: '9' });
    expect(telemetry.startSession(session).info).toEqual(session);
  });

  it('takes an undefined field as not known', () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const { info } = telemetry.startSession({
      id: undefined,
      tenant: undefined,
      startedAt: undefined,
    } as object);
    expect(info).toMatchObject({ tenant: 'default', startedAt: expect.any(Date), id: expect.any(String) });
  });

  it('gives the span of the session', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const { span, end } = telemetry.startSession({ id: 's-1', tenant: 'acme' });
    span.setAttribute('turns', 3);
    span.addEvent('greeted');
    end();
    await telemetry.shutdown();
    const sent = only(wholeSpans());
    expect(sent).toMatchObject({ traceId: span.spanContext().traceId, spanId: span.spanContext().spanId });
    expect(sent.attributes).toMatchObject({
      turns: 3,
      [SESSION_ID]: 's-1',
      [TENANT_ID]: 'acme',
      [SESSION_OUTCOME]: 'success',
    });
  });

  it('counts by tenant where the pool does not', async () => {
    const telemetry = pipeline.instrument(new TestPool({ activeSessions: 3, draining: false }), {
      ...VERSION,
      tenantLimit: 1,
    });
    for (const tenant of ['acme', 'acme', 'bolt']) telemetry.startSession({ tenant });
    const { collector } = pipeline;
    await vi.waitFor(() => expect(collector.reports.length).toBeGreaterThan(0), 5_000);
    const report = last(collector.reports);
    expect(valueIn(report, METRICS.tenants, { [TENANT_ID]: 'acme' })).toBe(2);
    expect(valueIn(report, METRICS.tenants, { [TENANT_ID]: 'other' })).toBe(1);
  });

  it('counts one end only', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const session = telemetry.startSession();
    session.end('failed', new RangeError('secret'));
    session.end('success');
    await telemetry.shutdown();
    expect(only(wholeSpans()).attributes).toMatchObject({
      [SESSION_OUTCOME]: 'failed',
      [ERROR_TYPE]: 'RangeError',
    });
    const report = lastOrdinary(pipeline.collector.reports);
    expect(valueIn(report, METRICS.ended, { [SESSION_OUTCOME]: 'failed' })).toBe(1);
    expect(valueIn(report, METRICS.ended, { [SESSION_OUTCOME]: 'success' })).toBe(0);
  });

  it('does not end a later session that has the same id', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const first = telemetry.startSession({ id: 's-1', tenant: 'first' });
    const second = telemetry.startSession({ id: 's-1', tenant: 'second' });
    first.end('success');
    second.end('cancelled');
    await telemetry.shutdown();
    const outcomes = wholeSpans().map(({ attributes }) => [
      attributes[TENANT_ID],
      attributes[SESSION_OUTCOME],
    ]);
    expect(outcomes).toEqual([
      ['first', 'unknown'],
      ['second', 'cancelled'],
    ]);
  });

  it('runs code inside the session', () => {
    context.setGlobalContextManager(new TestContextManager());
    const app = createTracing(new SessionSpanProcessor());
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const session = telemetry.startSession({ id: 's-1' });
    const result = session.run(() => {
      app.tracer.startSpan('work').end();
      return 5;
    });
    context.disable();
    expect(result).toBe(5);
    expect(app.the('work').attributes).toMatchObject({ [SESSION_ID]: 's-1' });
  });

  it('never throws, also after the shutdown', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    await telemetry.shutdown();
    const session = telemetry.startSession();
    expect(session.run(() => 'ran')).toBe('ran');
    expect(() => session.span.setAttribute('a', 1).addEvent('x')).not.toThrow();
    expect(() => session.end('failed', new Error('x'))).not.toThrow();
    expect(() => telemetry.rejectJob('draining')).not.toThrow();
    await expect(telemetry.session({}, () => 'ran')).resolves.toBe('ran');
  });

  it.each([
    ['null', null],
    ['a text', 's-1'],
    ['a number', 5],
    ['an id that is no text', { id: Symbol('s-1') }],
    ['an id that can not be made one', { id: Object.create(null) }],
    ['a tenant that can not be made a text', { tenant: Object.create(null) }],
    ['an agent that can not be made a text', { agentName: Object.create(null) }],
    ['a start that is no date', { startedAt: 'yesterday' }],
  ])('never throws, whatever it is given: %s', (_, info) => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    let session: TelemetrySession | undefined;
    expect(() => {
      session = telemetry.startSession(info as never);
    }).not.toThrow();
    expect(session?.run(() => 'ran')).toBe('ran');
    expect(() => session?.end()).not.toThrow();
  });
});

describe('session', () => {
  /** Runs a session and gives its span. */
  async function run(fn: (session: TelemetrySession) => unknown) {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const result = await telemetry.session({ id: 's-1' }, fn).catch((error: unknown) => error);
    await telemetry.shutdown();
    return { result, attributes: only(wholeSpans()).attributes };
  }

  it.each([
    ['at once', () => 5],
    ['later', async () => 5],
  ])('gives what the code gives: %s', async (_, fn) => {
    const { result, attributes } = await run(fn);
    expect(result).toBe(5);
    expect(attributes).toMatchObject({ [SESSION_ID]: 's-1', [SESSION_OUTCOME]: 'success' });
  });

  it.each([
    ['an error', new RangeError('secret'), 'failed', 'RangeError'],
    ['a text', 'secret', 'failed', 'string'],
    ['nothing', undefined, 'failed', '_OTHER'],
    ['an AbortError', new DOMException('secret', 'AbortError'), 'cancelled', undefined],
    [
      'an AbortError of one’s own',
      Object.assign(new Error('x'), { name: 'AbortError' }),
      'cancelled',
      undefined,
    ],
  ])('passes on what the code throws: %s', async (_, error, outcome, type) => {
    for (const fn of [() => Promise.reject(error), () => fail(error)]) {
      const { result, attributes } = await run(fn);
      expect(result).toBe(error);
      expect(attributes[SESSION_OUTCOME]).toBe(outcome);
      expect(attributes[ERROR_TYPE]).toBe(type);
      pipeline.collector.requests.length = 0;
    }
  });

  it('leaves an outcome that the code told', async () => {
    const { attributes } = await run((session) => session.end('cancelled'));
    expect(attributes[SESSION_OUTCOME]).toBe('cancelled');
  });
});

describe('rejectJob', () => {
  it('counts by reason', async () => {
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    telemetry.rejectJob('at_capacity');
    telemetry.rejectJob('made up' as never);
    await telemetry.shutdown();
    const report = lastOrdinary(pipeline.collector.reports);
    expect(valueIn(report, METRICS.rejected, { [REJECTION_REASON]: 'at_capacity' })).toBe(1);
    expect(valueIn(report, METRICS.rejected, { [REJECTION_REASON]: 'other' })).toBe(1);
  });
});

function fail(error: unknown): never {
  throw error;
}

it('can be used without its object, as in process.once(signal, telemetry.shutdown)', async () => {
  const { startSession, session, rejectJob, shutdown } = pipeline.instrument(new TestPool(), VERSION);
  startSession().end();
  expect(await session({}, () => 'said')).toBe('said');
  rejectJob('draining');
  expect(await (shutdown as (signal: string) => Promise<unknown>)('SIGTERM')).toMatchObject({
    delivered: true,
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import {
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { PendingTracer } from '../../src/worker/pending-tracer.js';
import { last, only } from '../support/lists.js';
import { createTracing } from '../support/spans.js';

const OTHER: SpanContext = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  traceFlags: TraceFlags.SAMPLED,
};

/** Connects to an SDK that gives spans the ids they were given out with. */
function connect(pending: PendingTracer) {
  const exporter = new InMemorySpanExporter();
  let next: SpanContext | undefined;
  const id = (length: number) => Math.random().toString(16).slice(2).padEnd(length, '1').slice(0, length);
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    idGenerator: {
      generateTraceId: () => next?.traceId ?? id(32),
      generateSpanId: () => next?.spanId ?? id(16),
    },
  });
  const tracer = provider.getTracer('test');
  pending.connect(tracer, (ids, ...span) => {
    next = ids;
    const started = tracer.startSpan(...span);
    next = undefined;
    return started;
  });
  return exporter;
}

/** Does something with a span before the SDK is there, and gives what the SDK makes of it. */
function replay(act: (span: Span) => void) {
  const pending = new PendingTracer();
  const span = pending.startSpan('early', {}, ROOT_CONTEXT);
  act(span);
  span.end();
  return only(connect(pending).getFinishedSpans());
}

describe('a span that was started before the SDK is there', () => {
  it('keeps its ids', () => {
    const pending = new PendingTracer();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    const { traceId, spanId, traceFlags } = span.spanContext();
    expect(trace.isSpanContextValid(span.spanContext())).toBe(true);
    expect(traceFlags).toBe(TraceFlags.SAMPLED);
    span.end();
    const real = only(connect(pending).getFinishedSpans());
    expect(real.spanContext()).toMatchObject({ traceId, spanId });
    expect(span.spanContext()).toMatchObject({ traceId, spanId });
  });

  it('keeps its name, its kind, its attributes and its links', () => {
    const pending = new PendingTracer();
    const options = { kind: SpanKind.CONSUMER, attributes: { a: 1 }, links: [{ context: OTHER }] };
    pending.startSpan('early', options, ROOT_CONTEXT).end();
    const real = only(connect(pending).getFinishedSpans());
    expect(real).toMatchObject({ name: 'early', kind: SpanKind.CONSUMER, attributes: { a: 1 } });
    expect(only(real.links).context).toEqual(OTHER);
  });

  it('keeps its times', async () => {
    const pending = new PendingTracer();
    const startTime = new Date(Date.now() - 5_000);
    const span = pending.startSpan('early', { startTime }, ROOT_CONTEXT);
    const before = Date.now();
    span.addEvent('happened', { a: 1 });
    span.recordException(new Error('oops'));
    span.end();
    const after = Date.now();
    await sleep(50);
    const real = only(connect(pending).getFinishedSpans());
    expect(hrTimeToMilliseconds(real.startTime)).toBe(startTime.getTime());
    for (const time of [real.endTime, ...real.events.map((event) => event.time)]) {
      expect(hrTimeToMilliseconds(time)).toBeGreaterThanOrEqual(before);
      expect(hrTimeToMilliseconds(time)).toBeLessThanOrEqual(after);
    }
  });

  it('keeps times that are given', () => {
    const pending = new PendingTracer();
    const at = Date.now();
    const span = pending.startSpan('early', { startTime: at - 9_000 }, ROOT_CONTEXT);
    span.addEvent('one', at - 8_000);
    span.addEvent('two', new Date(at - 7_000));
    span.addEvent('three', { a: 1 }, at - 6_000);
    span.recordException('four', at - 5_000);
    span.end(at - 4_000);
    const real = only(connect(pending).getFinishedSpans());
    expect(real.events.map(({ time }) => hrTimeToMilliseconds(time) - at)).toEqual([
      -8_000, -7_000, -6_000, -5_000,
    ]);
    expect(hrTimeToMilliseconds(real.endTime) - at).toBe(-4_000);
  });

  it('gets its attributes', () => {
    const { attributes } = replay((span) => span.setAttribute('a', 1).setAttributes({ a: 2, b: ['c'] }));
    expect(attributes).toEqual({ a: 2, b: ['c'] });
  });

  it('gets its attributes as they were when they were set', () => {
    const { attributes, events } = replay((span) => {
      const given = { n: 1 };
      span.setAttributes(given);
      span.addEvent('first', given);
      given.n = 2;
      span.addEvent('second', given);
    });
    expect(attributes).toEqual({ n: 1 });
    expect(events.map((event) => event.attributes)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('gets its events', () => {
    const { events } = replay((span) => span.addEvent('one').addEvent('two', { a: 1 }));
    expect(events).toMatchObject([
      { name: 'one', attributes: {} },
      { name: 'two', attributes: { a: 1 } },
    ]);
  });

  it('gets its exceptions', () => {
    const { events } = replay((span) => span.recordException(new RangeError('oops')));
    expect(only(events)).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': 'oops' },
    });
  });

  it('gets its links', () => {
    const { links } = replay((span) =>
      span.addLink({ context: OTHER, attributes: { a: 1 } }).addLinks([{ context: OTHER }]),
    );
    expect(links).toMatchObject([{ context: OTHER, attributes: { a: 1 } }, { context: OTHER }]);
  });

  it('gets its status', () => {
    const { status } = replay((span) => span.setStatus({ code: SpanStatusCode.ERROR, message: 'm' }));
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'm' });
  });

  it('gets its new name', () => {
    expect(replay((span) => span.updateName('late')).name).toBe('late');
  });

  it('records until its end', () => {
    const pending = new PendingTracer();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    expect(span.isRecording()).toBe(true);
    span.end();
    expect(span.isRecording()).toBe(false);
    connect(pending);
    expect(span.isRecording()).toBe(false);
  });

  it('can be changed and ended after the SDK is there', () => {
    const pending = new PendingTracer();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    span.setAttribute('before', true);
    const exporter = connect(pending);
    span.setAttribute('after', true);
    expect(exporter.getFinishedSpans()).toEqual([]);
    span.end();
    expect(only(exporter.getFinishedSpans()).attributes).toEqual({ before: true, after: true });
  });

  it('says it is not recorded where the SDK does not sample it', () => {
    const pending = new PendingTracer();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    pending.connect(new BasicTracerProvider({ sampler: new AlwaysOffSampler() }).getTracer('test'));
    expect(span.isRecording()).toBe(false);
    expect(span.spanContext().traceFlags).toBe(TraceFlags.NONE);
  });
});

describe('a child that was started before the SDK is there', () => {
  it('is in the trace of its parent', () => {
    const pending = new PendingTracer();
    const parent = pending.startSpan('parent', {}, ROOT_CONTEXT);
    const child = pending.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, parent));
    expect(child.spanContext().traceId).toBe(parent.spanContext().traceId);
    const { spanId } = child.spanContext();
    child.end();
    parent.end();
    const spans = connect(pending).getFinishedSpans();
    const realChild = only(spans.filter(({ name }) => name === 'child'));
    const realParent = only(spans.filter(({ name }) => name === 'parent'));
    expect(realChild.spanContext().spanId).toBe(spanId);
    expect(realChild.spanContext().traceId).toBe(realParent.spanContext().traceId);
    expect(realChild.parentSpanContext?.spanId).toBe(realParent.spanContext().spanId);
    expect(realParent.parentSpanContext).toBeUndefined();
  });

  it('is in the trace of a parent that the SDK started', () => {
    const pending = new PendingTracer();
    pending.startSpan('child', {}, trace.setSpanContext(ROOT_CONTEXT, OTHER)).end();
    const real = only(connect(pending).getFinishedSpans());
    expect(real.spanContext().traceId).toBe(OTHER.traceId);
    expect(real.parentSpanContext?.spanId).toBe(OTHER.spanId);
  });
});

describe('a pending tracer', () => {
  it('starts spans of the SDK once that is there', () => {
    const pending = new PendingTracer();
    pending.startSpan('early', {}, ROOT_CONTEXT).end();
    const exporter = connect(pending);
    const parent = trace.setSpanContext(ROOT_CONTEXT, OTHER);
    const span = pending.startSpan('late', { attributes: { a: 1 } }, parent);
    expect(span.isRecording()).toBe(true);
    span.end();
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['early', 'late']);
    expect(last(exporter.getFinishedSpans()).parentSpanContext?.spanId).toBe(OTHER.spanId);
  });

  it('gives spans in the order in which they were started', () => {
    const pending = new PendingTracer();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) pending.startSpan(name, {}, ROOT_CONTEXT).end();
    expect(
      connect(pending)
        .getFinishedSpans()
        .map(({ name }) => name),
    ).toEqual(names);
  });

  it.each<[string, (span: Span) => unknown]>([
    ['a status', (span) => span.setStatus(undefined as never)],
    ['an attribute', (span) => span.setAttribute(undefined as never, 1)],
    ['a link', (span) => span.addLink(undefined as never)],
    ['links', (span) => span.addLinks(undefined as never)],
  ])('is not stopped by what the SDK would have refused with an error: %s', (_, act) => {
    const pending = new PendingTracer();
    const bad = pending.startSpan('bad', {}, ROOT_CONTEXT);
    try {
      act(bad);
    } catch {
      // as the span of the SDK does
    }
    bad.end();
    pending.startSpan('good', {}, ROOT_CONTEXT).end();
    const names = connect(pending)
      .getFinishedSpans()
      .map(({ name }) => name);
    expect(names).toEqual(['bad', 'good']);
  });

  it('can be connected to a tracer that chooses the ids itself', () => {
    const pending = new PendingTracer();
    const { tracer, the } = createTracing();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    span.setAttribute('a', 1);
    pending.connect(tracer);
    span.end();
    expect(the('early').attributes).toEqual({ a: 1 });
    expect(span.spanContext()).toEqual(the('early').spanContext());
  });

  it('comes to nothing with a tracer that does nothing', () => {
    const pending = new PendingTracer();
    const span = pending.startSpan('early', {}, ROOT_CONTEXT);
    span.addEvent('x').end();
    pending.connect(trace.getTracer('nothing'));
    expect(span.isRecording()).toBe(false);
    expect(pending.startSpan('late', {}, context.active()).isRecording()).toBe(false);
  });
});

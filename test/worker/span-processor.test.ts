import { AsyncResource } from 'node:async_hooks';
import { EventEmitter, EventEmitterAsyncResource, once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SESSION_ID, TENANT_ID, WORKER_VERSION } from '../../src/attributes.js';
import { SessionSpanProcessor, tagProcess, withSessionTags } from '../../src/worker/span-processor.js';
import { TestContextManager } from '../support/context-manager.js';
import { createSession, createSessions, createTracing } from '../support/spans.js';

const TAGS = { [SESSION_ID]: 's-1', [TENANT_ID]: 'acme', [WORKER_VERSION]: '1.2.3' };

beforeAll(() => {
  context.setGlobalContextManager(new TestContextManager());
});

afterAll(() => {
  context.disable();
});

/** A live session and the tracing of the app it runs in. */
function createApp() {
  const { sessions } = createSessions();
  const { tracer, the } = createTracing(new SessionSpanProcessor());
  const session = createSession();
  sessions.onSessionStart(session);
  return {
    tracer,
    run: <T>(fn: () => T) => sessions.runSession(session, fn),
    sessions,
    span: (name = 'work') => tracer.startSpan(name).end(),
    tagsOf: (name = 'work') => the(name).attributes,
  };
}

describe('the span processor', () => {
  it('tags a span that is started inside a session', () => {
    const app = createApp();
    app.run(() => app.span());
    expect(app.tagsOf()).toEqual(TAGS);
  });

  it('does not tag a span that is started outside', () => {
    const app = createApp();
    app.span('before');
    app.run(() => {});
    app.span('after');
    expect(app.tagsOf('before')).toEqual({});
    expect(app.tagsOf('after')).toEqual({});
  });

  it('tags across promises', async () => {
    const app = createApp();
    const running = app.run(async () => {
      await nextTurn();
      await Promise.all([sleep(1), Promise.resolve().then(() => app.span('then'))]);
      app.span();
    });
    app.span('meanwhile');
    await running;
    app.span('after');
    expect(app.tagsOf()).toEqual(TAGS);
    expect(app.tagsOf('then')).toEqual(TAGS);
    expect(app.tagsOf('meanwhile')).toEqual({});
    expect(app.tagsOf('after')).toEqual({});
  });

  it('tags across timers', async () => {
    const app = createApp();
    await app.run(
      () => new Promise<void>((resolve) => setTimeout(() => setImmediate(() => resolve(app.span())), 1)),
    );
    expect(app.tagsOf()).toEqual(TAGS);
  });

  it('tags in the listeners of an emitter that is bound to the session', async () => {
    const app = createApp();
    const emitter = app.run(() => new EventEmitterAsyncResource({ name: 'call' }));
    emitter.on('audio', () => app.span());
    emitter.emit('audio');
    expect(app.tagsOf()).toEqual(TAGS);
  });

  it('tags in listeners that are bound to the session, and in no other', async () => {
    const app = createApp();
    const emitter = new EventEmitter();
    app.run(() => {
      emitter.on(
        'audio',
        context.bind(context.active(), () => app.span('bound')),
      );
      emitter.on(
        'audio',
        AsyncResource.bind(() => app.span('resource')),
      );
    });
    emitter.on('audio', () => app.span('other'));
    const heard = once(emitter, 'audio');
    emitter.emit('audio');
    await heard;
    expect(app.tagsOf('bound')).toEqual(TAGS);
    expect(app.tagsOf('resource')).toEqual(TAGS);
    expect(app.tagsOf('other')).toEqual({});
  });

  it('tells two sessions apart that run at the same time', async () => {
    const app = createApp();
    const other = createSession({ id: 's-2', tenant: 'bolt' });
    app.sessions.onSessionStart(other);
    const work = async (name: string) => {
      await sleep(1);
      app.span(name);
    };
    await Promise.all([app.run(() => work('first')), app.sessions.runSession(other, () => work('second'))]);
    expect(app.tagsOf('first')).toEqual(TAGS);
    expect(app.tagsOf('second')).toEqual({ ...TAGS, [SESSION_ID]: 's-2', [TENANT_ID]: 'bolt' });
  });

  it('leaves a span its own trace, its parent and its attributes', () => {
    const app = createApp();
    const parent = app.tracer.startSpan('parent');
    const around = trace.setSpan(context.active(), parent);
    context.with(around, () => app.run(() => app.tracer.startSpan('work', { attributes: { a: 1 } }).end()));
    expect(app.tagsOf()).toEqual({ a: 1, ...TAGS });
    parent.end();
    const span = app.tracer.startSpan('alone');
    expect(span.spanContext().traceId).not.toBe(parent.spanContext().traceId);
  });

  it('does not make a span recorded that is not sampled', () => {
    const app = createApp();
    const provider = new BasicTracerProvider({
      sampler: new AlwaysOffSampler(),
      spanProcessors: [new SessionSpanProcessor()],
    });
    app.run(() => expect(provider.getTracer('test').startSpan('work').isRecording()).toBe(false));
  });

  it('is a span processor of the SDK that can be flushed and shut down', async () => {
    const processor: SpanProcessor = new SessionSpanProcessor();
    await expect(processor.forceFlush()).resolves.toBeUndefined();
    await expect(processor.shutdown()).resolves.toBeUndefined();
  });
});

describe('runSession', () => {
  it('gives what the code gives, and throws what it throws', async () => {
    const app = createApp();
    expect(app.run(() => 5)).toBe(5);
    await expect(app.run(async () => 'later')).resolves.toBe('later');
    const error = new Error('of the code');
    expect(() =>
      app.run(() => {
        throw error;
      }),
    ).toThrow(error);
  });

  it('runs the code of a session that is not known, without tags', () => {
    const app = createApp();
    app.sessions.runSession(createSession({ id: 'unknown' }), () => app.span());
    expect(app.tagsOf()).toEqual({});
  });
});

describe('two copies of the package in one process', () => {
  it('see each other’s sessions', async () => {
    vi.resetModules();
    const copy = await import('../../src/worker/span-processor.js');
    expect(copy.SessionSpanProcessor).not.toBe(SessionSpanProcessor);

    const ours = createTracing(new SessionSpanProcessor());
    context.with(copy.withSessionTags(context.active(), TAGS), () => ours.tracer.startSpan('work').end());
    expect(ours.the('work').attributes).toEqual(TAGS);

    const theirs = createTracing(new copy.SessionSpanProcessor());
    context.with(withSessionTags(context.active(), TAGS), () => theirs.tracer.startSpan('work').end());
    expect(theirs.the('work').attributes).toEqual(TAGS);
  });
});

describe('in a process that runs one session', () => {
  const OWN = { [SESSION_ID]: 'job-1', [TENANT_ID]: 'globex', [WORKER_VERSION]: '2.0.0' };

  afterEach(() => {
    tagProcess({});
  });

  it('every span is tagged, also one that was started before the session was known', () => {
    const { tracer, the } = createTracing(new SessionSpanProcessor());
    const before = tracer.startSpan('before');
    tagProcess(OWN);
    tracer.startSpan('work').end();
    before.end();
    expect(the('work').attributes).toEqual(OWN);
    expect(the('before').attributes).toEqual(OWN);
  });

  it('a span is tagged from its start, so that a processor behind sees it', () => {
    const seen: unknown[] = [];
    const behind: SpanProcessor = {
      onStart: (span) => void seen.push({ ...span.attributes }),
      onEnd: () => {},
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    const { tracer } = createTracing(new SessionSpanProcessor(), behind);
    tagProcess(OWN);
    tracer.startSpan('work').end();
    expect(seen).toEqual([OWN]);
  });
});

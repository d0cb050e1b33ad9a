import { type Attributes, context, SpanKind, type SpanOptions, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AGENT_NAME,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_SPAN,
  SESSION_START_SPAN,
  TENANT_ID,
  WORKER_VERSION,
} from '../../src/attributes.js';
import type { SpanStarter } from '../../src/worker/pending-tracer.js';
import type { SessionInfo } from '../../src/worker/pool.js';
import { TestContextManager } from '../support/context-manager.js';
import { only } from '../support/lists.js';
import { createSession, createSessions, createTracing, WORKER_ATTRIBUTES } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();

beforeAll(() => {
  context.setGlobalContextManager(new TestContextManager());
});

afterAll(() => {
  context.disable();
});

describe('the link of a session', () => {
  it('goes to the span that was active where the session was started', () => {
    const { sessions, the, tracer } = createSessions();
    const request = tracer.startSpan('request', { kind: SpanKind.SERVER });
    context.with(trace.setSpan(context.active(), request), () => sessions.onSessionStart(createSession()));
    sessions.onSessionEnd(createSession(), 'success');
    const span = the(SESSION_SPAN);
    expect(only(span.links).context).toEqual(request.spanContext());
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.spanContext().traceId).not.toBe(request.spanContext().traceId);
  });

  it('is not there where no span was active', () => {
    const { sessions, the } = createSessions();
    sessions.onSessionStart(createSession());
    sessions.onSessionEnd(createSession(), 'success');
    expect(the(SESSION_SPAN).links).toEqual([]);
  });

  it('is not there where the active span is none', () => {
    const { sessions, the } = createSessions();
    const none = trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 });
    context.with(trace.setSpan(context.active(), none), () => sessions.onSessionStart(createSession()));
    sessions.onSessionEnd(createSession(), 'success');
    expect(the(SESSION_SPAN).links).toEqual([]);
  });
});

describe('spanAttributes', () => {
  /** Tells a session with the attributes of the user, and gives those of its spans. */
  function attributesWith(spanAttributes: (session: SessionInfo) => Attributes, session = createSession()) {
    const { sessions, the, totals } = createSessions({ spanAttributes });
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    return {
      totals,
      whole: the(SESSION_SPAN).attributes,
      start: the(SESSION_START_SPAN).attributes,
    };
  }

  it('is given the session and adds to both of its spans', () => {
    const { whole, start } = attributesWith(
      ({ metadata }) => ({ room: String(metadata?.room), n: 1 }),
      createSession({ metadata: { room: 'blue' } }),
    );
    expect(whole).toMatchObject({ room: 'blue', n: 1 });
    expect(start).toMatchObject({ room: 'blue', n: 1 });
  });

  it('can not change what identifies the session and its worker', () => {
    const { whole, start } = attributesWith(
      () => ({
        [SESSION_ID]: 'x',
        [TENANT_ID]: 'x',
        [AGENT_NAME]: 'x',
        [WORKER_VERSION]: 'x',
        [SESSION_OUTCOME]: 'failed',
        region: 'x',
      }),
      createSession({ agentName: 'support' }),
    );
    const own = {
      [SESSION_ID]: 's-1',
      [TENANT_ID]: 'acme',
      [AGENT_NAME]: 'support',
      [WORKER_VERSION]: '1.2.3',
      region: 'eu',
    };
    expect(whole).toEqual({ ...own, [SESSION_OUTCOME]: 'success' });
    expect(start).toEqual(own);
  });

  it('can not give names of openrtc.* that the session has not', () => {
    const { whole } = attributesWith(() => ({ [AGENT_NAME]: 'x', 'openrtc.made.up': 'x' }));
    expect(Object.values(whole)).not.toContain('x');
  });

  it.each([
    ['throws', () => fail(new RangeError('secret'))],
    ['gives null', () => null],
    ['gives a text', () => 'secret'],
    ['gives a promise', () => Promise.resolve({ a: 'secret' })],
    ['gives a promise that is rejected', () => Promise.reject(new Error('secret'))],
    [
      'gives what throws when it is read',
      () => Object.defineProperty({}, 'a', { enumerable: true, get: () => fail('secret') }),
    ],
    ['gives values that are none', () => ({ a: { b: 1 }, c: Symbol('d'), e: () => 1, f: 1n })],
  ])('never keeps a session from being told: it %s', (_, spanAttributes) => {
    const { whole, totals } = attributesWith(spanAttributes as () => Attributes);
    expect(whole).toEqual({
      ...WORKER_ATTRIBUTES,
      [SESSION_ID]: 's-1',
      [TENANT_ID]: 'acme',
      [SESSION_OUTCOME]: 'success',
    });
    expect(totals).toMatchObject({ started: 1, ended: { success: 1 } });
  });

  it('is said once where it throws, with the class of the error', async () => {
    const { sessions } = createSessions({ spanAttributes: () => fail(new RangeError('secret')) });
    for (const id of ['a', 'b', 'c']) sessions.onSessionStart(createSession({ id }));
    expect(await said()).toEqual(['spanAttributes() threw RangeError; spans go without its attributes']);
  });

  it('is said to be well again', async () => {
    let isBroken = true;
    const spanAttributes = () => (isBroken ? fail(new RangeError('secret')) : {});
    const { sessions } = createSessions({ spanAttributes });
    sessions.onSessionStart(createSession({ id: 'a' }));
    isBroken = false;
    for (const id of ['b', 'c']) sessions.onSessionStart(createSession({ id }));
    expect(await said()).toEqual([
      'spanAttributes() threw RangeError; spans go without its attributes',
      'sessions are told well again',
    ]);
  });
});

describe('a pool', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'session'],
    ['no id', {}],
    ['an id that is no text', { id: Symbol('a') }],
    ['a start that is no date', { id: 's-1', startedAt: 'yesterday' }],
    ['a start that is no time', { id: 's-1', startedAt: new Date(Number.NaN) }],
  ])('is never thrown at, whatever it tells: %s', (_, session) => {
    const { sessions } = createSessions();
    const info = session as unknown as SessionInfo;
    expect(() => sessions.onSessionStart(info)).not.toThrow();
    expect(sessions.runSession(info, () => 'ran')).toBe('ran');
    expect(() => sessions.onSessionEnd(info, 'success')).not.toThrow();
    expect(() => sessions.onJobRejected(Symbol('x') as never)).not.toThrow();
  });

  it.each([['yesterday'], [new Date(Number.NaN)], [null]])(
    'that tells a start of %s has the session start now',
    (startedAt) => {
      const { sessions, the, totals } = createSessions();
      const session = createSession({ startedAt: startedAt as Date });
      sessions.onSessionStart(session);
      sessions.onSessionEnd(session, 'success');
      expect(totals).toMatchObject({ started: 1, ended: { success: 1 } });
      expect(the(SESSION_SPAN).startTime[0]).toBeGreaterThan(Date.now() / 1000 - 60);
      expect(the(SESSION_START_SPAN).duration).toEqual([0, 0]);
    },
  );

  it('is not thrown at when spans can not be started, and its sessions are counted', () => {
    const tracer: SpanStarter = { startSpan: () => fail(new Error('secret')) };
    const { sessions, totals } = createSessions({ tracer });
    sessions.onSessionStart(createSession());
    sessions.onSessionEnd(createSession(), 'success');
    expect(totals).toMatchObject({ started: 1, ended: { success: 1 } });
  });

  it('is not thrown at when a span can not be ended', async () => {
    const { tracer } = createTracing();
    const end = () => fail(new Error('secret'));
    const startSpan = (name: string, options: SpanOptions) =>
      Object.assign(tracer.startSpan(name, options), name === SESSION_SPAN && { end });
    const { sessions, totals } = createSessions({ tracer: { startSpan } });
    sessions.onSessionStart(createSession());
    expect(await said()).toEqual([]);
    expect(() => sessions.onSessionEnd(createSession(), 'success')).not.toThrow();
    expect(await said()).toEqual(['a session could not be told: Error']);
    expect(totals.ended.success).toBe(1);
  });
});

describe('live sessions', () => {
  it('are counted, and by tenant', () => {
    const { sessions } = createSessions();
    sessions.onSessionStart(createSession({ id: 'a', tenant: 'acme' }));
    sessions.onSessionStart(createSession({ id: 'b', tenant: '__proto__' }));
    sessions.onSessionStart(createSession({ id: 'c', tenant: 'acme' }));
    expect(sessions.liveCount).toBe(3);
    expect(Object.entries(sessions.countByTenant())).toEqual([
      ['acme', 2],
      ['__proto__', 1],
    ]);
    sessions.onSessionEnd(createSession({ id: 'a' }), 'success');
    expect(sessions.countByTenant()).toMatchObject({ acme: 1 });
  });

  it('end as dropped at the goodbye', () => {
    const { sessions, totals } = createSessions();
    for (const id of ['a', 'b']) sessions.onSessionStart(createSession({ id }));
    sessions.endAll(2);
    expect(totals.ended).toMatchObject({ dropped: 2, unknown: 0 });
    expect(sessions.liveCount).toBe(0);
  });

  it('that the pool does not count end as unknown at the goodbye, the oldest first', () => {
    const { sessions, named } = createSessions();
    for (const id of ['a', 'b', 'c']) sessions.onSessionStart(createSession({ id }));
    sessions.endAll(1);
    expect(named(SESSION_SPAN).map(({ attributes: of }) => [of[SESSION_ID], of[SESSION_OUTCOME]])).toEqual([
      ['a', 'unknown'],
      ['b', 'unknown'],
      ['c', 'dropped'],
    ]);
  });

  it('all end at the goodbye, however many the pool counts', () => {
    const { sessions, totals } = createSessions();
    sessions.onSessionStart(createSession());
    sessions.endAll(7);
    expect(totals.ended.dropped).toBe(1);
  });
});

function fail(error: unknown): never {
  throw error;
}

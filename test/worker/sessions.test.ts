import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import { describe, expect, it } from 'vitest';
import {
  AGENT_NAME,
  ERROR_TYPE,
  REJECTION_REASONS,
  type RejectionReason,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_OUTCOMES,
  SESSION_SPAN,
  SESSION_START_SPAN,
  type SessionOutcome,
  TENANT_ID,
} from '../../src/attributes.js';
import type { SessionInfo } from '../../src/worker/pool.js';
import { last, only } from '../support/lists.js';
import { createSession, createSessions, WORKER_ATTRIBUTES } from '../support/spans.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();

/** Starts and ends one session, and gives its span. */
function endWith(outcome: SessionOutcome, error?: unknown) {
  const { sessions, the, totals } = createSessions();
  sessions.onSessionStart(createSession());
  sessions.onSessionEnd(createSession(), outcome, error);
  return { span: the(SESSION_SPAN), totals };
}

describe('the span of a session', () => {
  it('is exported at its end', () => {
    const { sessions, named } = createSessions();
    sessions.onSessionStart(createSession());
    expect(named(SESSION_SPAN)).toEqual([]);
    sessions.onSessionEnd(createSession(), 'success');
    expect(named(SESSION_SPAN)).toHaveLength(1);
  });

  it('is a root of kind consumer', () => {
    const { span } = endWith('success');
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(span.parentSpanContext).toBeUndefined();
  });

  it('has the kind that the options ask for', () => {
    const { sessions, the } = createSessions({ spanKind: SpanKind.INTERNAL });
    sessions.onSessionStart(createSession());
    sessions.onSessionEnd(createSession(), 'success');
    expect(the(SESSION_SPAN).kind).toBe(SpanKind.INTERNAL);
  });

  it('starts when the session was accepted and ends when it ended', () => {
    const { sessions, the } = createSessions();
    const startedAt = new Date(Date.now() - 60_000);
    sessions.onSessionStart(createSession({ startedAt }));
    const before = Date.now();
    sessions.onSessionEnd(createSession(), 'success');
    const span = the(SESSION_SPAN);
    expect(hrTimeToMilliseconds(span.startTime)).toBe(startedAt.getTime());
    expect(hrTimeToMilliseconds(span.endTime)).toBeGreaterThanOrEqual(before);
    expect(hrTimeToMilliseconds(span.endTime)).toBeLessThanOrEqual(Date.now());
  });

  it('carries the worker, the session, its tenant, its agent and its outcome, and nothing else', () => {
    const { sessions, the } = createSessions();
    const session = createSession({
      agentName: 'support',
      metadata: { phone: 'secret' },
      deploymentVersion: 'secret',
    });
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    expect(the(SESSION_SPAN).attributes).toEqual({
      ...WORKER_ATTRIBUTES,
      [SESSION_ID]: 's-1',
      [TENANT_ID]: 'acme',
      [AGENT_NAME]: 'support',
      [SESSION_OUTCOME]: 'success',
    });
  });

  it('leaves out an agent that is not known', () => {
    expect(endWith('success').span.attributes).not.toHaveProperty([AGENT_NAME]);
  });

  it('has the default tenant where the session names none', () => {
    const { sessions, the } = createSessions();
    const session = { id: 's-1' } as SessionInfo;
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    expect(the(SESSION_SPAN).attributes[TENANT_ID]).toBe('default');
  });

  it('cuts texts of a megabyte', () => {
    const long = 'x'.repeat(1_000_000);
    const { sessions, the } = createSessions();
    const session = createSession({ id: long, tenant: long, agentName: long });
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    const { attributes } = the(SESSION_SPAN);
    for (const name of [SESSION_ID, TENANT_ID, AGENT_NAME]) {
      expect(String(attributes[name])).toHaveLength(255);
    }
  });
});

describe('the start span of a session', () => {
  it('is exported when the session starts, as a child that takes no time', () => {
    const { sessions, the } = createSessions();
    const { span } = sessions.start(createSession({ startedAt: new Date(Date.now() - 60_000) }));
    const start = the(SESSION_START_SPAN);
    expect(start.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
    expect(start.spanContext().traceId).toBe(span.spanContext().traceId);
    expect(start.duration).toEqual([0, 0]);
  });

  it('carries what the span of the session carries', () => {
    const { sessions, the } = createSessions();
    const session = createSession({ agentName: 'support' });
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    const { [SESSION_OUTCOME]: _, ...attributes } = the(SESSION_SPAN).attributes;
    expect(the(SESSION_START_SPAN).attributes).toEqual(attributes);
    expect(the(SESSION_START_SPAN).startTime).toEqual(the(SESSION_SPAN).startTime);
  });

  it('is not made again where an earlier process has told it', () => {
    const { sessions, named, the } = createSessions({ isResumed: () => true });
    const session = createSession();
    sessions.onSessionStart(session);
    sessions.onSessionEnd(session, 'success');
    expect(named(SESSION_START_SPAN)).toEqual([]);
    expect(the(SESSION_SPAN).attributes[SESSION_OUTCOME]).toBe('success');
  });

  it('is told of, so that it leaves soon', () => {
    let starts = 0;
    const { sessions } = createSessions({ onStart: () => starts++ });
    sessions.onSessionStart(createSession());
    expect(starts).toBe(1);
  });
});

describe('the outcome of a session', () => {
  it.each(['success', 'cancelled', 'unknown'] as const)('leaves the status unset: %s', (outcome) => {
    const { span } = endWith(outcome, new Error('secret'));
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.attributes).not.toHaveProperty([ERROR_TYPE]);
    expect(span.attributes[SESSION_OUTCOME]).toBe(outcome);
  });

  it.each([
    ['failed', new RangeError('secret'), 'RangeError'],
    ['failed', 'secret', 'string'],
    ['failed', undefined, '_OTHER'],
    ['dropped', undefined, 'dropped'],
    ['dropped', new RangeError('secret'), 'dropped'],
  ] as const)('is an error: %s with %s', (outcome, error, type) => {
    const { span } = endWith(outcome, error);
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes[ERROR_TYPE]).toBe(type);
    expect(span.attributes[SESSION_OUTCOME]).toBe(outcome);
  });

  it.each(SESSION_OUTCOMES)('is counted: %s', (outcome) => {
    const { totals } = endWith(outcome);
    expect(totals.started).toBe(1);
    expect(totals.ended).toEqual({
      success: 0,
      failed: 0,
      cancelled: 0,
      dropped: 0,
      unknown: 0,
      [outcome]: 1,
    });
  });

  it.each(['exploded', '', null, undefined, '__proto__', {}])('is unknown where it is %s', (given) => {
    const { span, totals } = endWith(given as SessionOutcome);
    expect(span.attributes[SESSION_OUTCOME]).toBe('unknown');
    expect(totals.ended.unknown).toBe(1);
  });

  it.each([
    ['a message', new Error('secret')],
    ['a cause', new Error('x', { cause: new Error('secret') })],
    ['a code', Object.assign(new Error('x'), { code: 'secret' })],
    ['a name with spaces', Object.assign(new Error('x'), { name: 'the secret' })],
    ['fields', Object.assign(new Error('x'), { phone: 'secret', toString: () => 'secret' })],
  ])('keeps to itself what an error holds: %s', (_, error) => {
    for (const outcome of SESSION_OUTCOMES) {
      const { attributes, status, events, links, name } = endWith(outcome, error).span;
      expect(JSON.stringify({ attributes, status, events, links, name })).not.toContain('secret');
      expect(events).toEqual([]);
    }
  });

  it('is told although its error does not let itself be read', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    const { span } = endWith('failed', proxy);
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('counts once, however often it is told', () => {
    const { sessions, totals, named } = createSessions();
    sessions.onSessionStart(createSession());
    sessions.onSessionEnd(createSession(), 'failed');
    sessions.onSessionEnd(createSession(), 'success');
    expect(totals.ended).toMatchObject({ failed: 1, success: 0 });
    expect(only(named(SESSION_SPAN)).attributes[SESSION_OUTCOME]).toBe('failed');
  });

  it('of a session that never started counts for nothing', () => {
    const { sessions, totals, ended } = createSessions();
    sessions.onSessionEnd(createSession(), 'failed');
    expect(totals.ended.failed).toBe(0);
    expect(ended()).toEqual([]);
  });
});

describe('rejected jobs', () => {
  it.each(REJECTION_REASONS)('are counted by reason: %s', (reason) => {
    const { sessions, totals } = createSessions();
    sessions.onJobRejected(reason);
    sessions.onJobRejected(reason);
    expect(totals.rejected[reason]).toBe(2);
  });

  it.each(['busy', undefined, null, 5, '__proto__'])('count as other where the reason is %s', (reason) => {
    const { sessions, totals } = createSessions();
    sessions.onJobRejected(reason as RejectionReason);
    expect(totals.rejected.other).toBe(1);
  });
});

describe('a reused id', () => {
  it('ends the first session as unknown, and it is said', async () => {
    const { sessions, totals, named } = createSessions();
    sessions.onSessionStart(createSession({ tenant: 'first' }));
    sessions.onSessionStart(createSession({ tenant: 'second' }));
    expect(totals).toMatchObject({ started: 2, ended: { unknown: 1 } });
    expect(sessions.liveCount).toBe(1);
    const first = only(named(SESSION_SPAN));
    expect(first.attributes).toMatchObject({ [TENANT_ID]: 'first', [SESSION_OUTCOME]: 'unknown' });
    expect(await said()).toEqual([expect.stringContaining('the id of a live one')]);
    sessions.onSessionEnd(createSession(), 'success');
    expect(last(named(SESSION_SPAN)).attributes).toMatchObject({ [TENANT_ID]: 'second' });
  });

  it('is no trouble after the first session ended', async () => {
    const { sessions, totals } = createSessions();
    for (let i = 0; i < 2; i++) {
      sessions.onSessionStart(createSession());
      sessions.onSessionEnd(createSession(), 'success');
    }
    expect(totals).toMatchObject({ started: 2, ended: { success: 2, unknown: 0 } });
    expect(await said()).toEqual([]);
  });
});

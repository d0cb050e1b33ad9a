import { type Attributes, isSpanContextValid, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  AGENT_NAME,
  ERROR_TYPE,
  SCOPE_NAME,
  SCOPE_VERSION,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_SPAN,
  type SessionOutcome,
  TENANT_ID,
} from '../attributes.js';
import { sendFinalReport } from '../otlp/final-report.js';
import { workerResource } from '../otlp/resource.js';
import { createSpansSender, type Failure } from '../otlp/sender.js';
import type { Environment } from '../worker/environment.js';
import type { JournaledSession } from './records.js';
import type { LastKnown } from './replay.js';

/** To encode more spans at a time would hold up the calls of a worker that recovers another. */
const MOST_IN_A_BATCH = 128;

/** Sends the goodbye of a dead worker on the series of its reports. @param at when it said goodbye, in Unix ms */
export function deliverGoodbye(
  { worker: { identity, resource }, last }: LastKnown,
  at: number,
  environment: Environment,
): Promise<Failure | undefined> {
  const report = {
    resource: workerResource(identity, resource),
    attributes: identity.attributes,
    last,
    at,
  };
  return sendFinalReport(report, environment);
}

/** Sends the spans of the sessions that a dead worker lost: each ends when it was last known to be live. */
export async function deliverSpans(known: LastKnown, environment: Environment): Promise<Failure | undefined> {
  const sender = createSpansSender(environment);
  const batchSize = Math.min(environment.batches.batchSize, MOST_IN_A_BATCH);
  try {
    for (let sent = 0; sent < known.sessions.length; sent += batchSize) {
      const spans = lostSpans(known, sent, sent + batchSize);
      const failure = spans.length > 0 ? await sender.send(spans) : undefined;
      if (failure) return failure;
    }
    return undefined;
  } finally {
    sender.close();
  }
}

function lostSpans(known: LastKnown, from: number, to: number): ReadableSpan[] {
  const resource = workerResource(known.worker.identity, known.worker.resource);
  const { active = known.sessions.length } = known.last;
  const unknown = known.sessions.length - active - from;
  return known.sessions
    .slice(from, to)
    .map((session, index) => sessionSpan(session, index < unknown ? 'unknown' : 'dropped', known, resource))
    .filter((span) => isSpanContextValid(span.spanContext()) && span.spanContext().traceFlags !== 0);
}

function sessionSpan(
  session: JournaledSession,
  outcome: Extract<SessionOutcome, 'dropped' | 'unknown'>,
  { worker, lastSign }: LastKnown,
  resource: Resource,
): ReadableSpan {
  const { traceId, spanId, isSampled, startedAt } = session;
  const isDropped = outcome === 'dropped';
  const ids = { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  const attributes: Attributes = {
    ...worker.identity.attributes,
    [SESSION_ID]: session.id,
    [TENANT_ID]: session.tenant,
    ...(session.agentName !== undefined && { [AGENT_NAME]: session.agentName }),
    [SESSION_OUTCOME]: outcome,
    ...(isDropped && { [ERROR_TYPE]: outcome }),
  };
  const endedAt = Math.max(startedAt, lastSign);
  return {
    name: SESSION_SPAN,
    kind: worker.spanKind,
    spanContext: () => ids,
    startTime: millisToHrTime(startedAt),
    endTime: millisToHrTime(endedAt),
    duration: millisToHrTime(endedAt - startedAt),
    ended: true,
    status: { code: isDropped ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes,
    links: [],
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    resource,
    instrumentationScope: { name: SCOPE_NAME, version: SCOPE_VERSION },
  };
}

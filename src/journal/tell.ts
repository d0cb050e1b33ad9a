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
import type { Environment } from '../environment.js';
import { Datapoints } from '../gauges.js';
import { sendGoodbye } from '../goodbye.js';
import { sumTemporality, workerResource } from '../otlp.js';
import { createSpansSender, type Failure } from '../otlp-exporters.js';
import { lastReport } from '../worker.js';
import type { JournaledSession } from './records.js';
import { activeIn, finalReport, type LastKnown } from './replay.js';

/** Says the goodbye of a dead worker on the series of its reports. @param at when it is said, in Unix ms */
export function tellGoodbye(
  known: LastKnown,
  at: number,
  environment: Environment,
): Promise<Failure | undefined> {
  const { identity, resource, temporality, countedBefore } = known.worker;
  return sendGoodbye(
    {
      resource: workerResource(identity, resource),
      datapoints: new Datapoints(identity),
      report: lastReport(finalReport(known)),
      temporality: sumTemporality(temporality),
      countedBefore,
      told: known.told,
      at,
    },
    environment,
  );
}

/** Sends the spans of the sessions that a dead worker lost: each ends when it was last known to be live. */
export async function tellSpans(known: LastKnown, environment: Environment): Promise<Failure | undefined> {
  const spans = lostSpans(known);
  const sender = createSpansSender(environment);
  const { batchSize } = environment.batches;
  try {
    for (let sent = 0; sent < spans.length; sent += batchSize) {
      const failure = await sender.send(spans.slice(sent, sent + batchSize));
      if (failure) return failure;
    }
    return undefined;
  } finally {
    sender.close();
  }
}

function lostSpans(known: LastKnown): ReadableSpan[] {
  const resource = workerResource(known.worker.identity, known.worker.resource);
  const unknown = known.sessions.length - activeIn(known);
  return known.sessions
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

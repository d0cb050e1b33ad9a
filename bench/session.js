import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { instrument } from 'openrtc-otel';
import * as names from '../dist/attributes.js';
import { noTotals } from '../dist/worker/worker.js';
import { identity, judged, measureInTurns, median, medianRatio, microseconds, times } from './support.js';

/** @typedef {import('openrtc-otel').SessionInfo} SessionInfo */
/** @typedef {import('openrtc-otel').SessionObserver} SessionObserver */
/** @typedef {import('@opentelemetry/api').Tracer} Tracer */

const RATIO_GOAL = 1.5;
const GOAL_NS = 15_000;

/** A real provider of the SDK whose spans go nowhere. */
const createTracerProvider = () =>
  new BasicTracerProvider({
    spanProcessors: [{ onStart() {}, onEnd() {}, async forceFlush() {}, async shutdown() {} }],
  });

let serial = 0;
/** @returns {SessionInfo & { readonly agentName: string }} */
const createInfo = () => ({
  id: `session-${serial++}`,
  tenant: 'acme',
  agentName: 'support',
  startedAt: new Date(),
});

/** An instrumented pool, told of sessions as `SessionPool` tells of them, and by the manual calls. */
function createOurs() {
  /** @type {SessionObserver | undefined} */
  let observer;
  const pool = {
    runtimeSnapshot: () => ({ activeSessions: 0, draining: false }),
    observe: (/** @type {SessionObserver} */ given) => {
      observer = given;
    },
  };
  const telemetry = instrument(pool, {
    poolName: identity.poolName,
    workerId: identity.workerId,
    deploymentVersion: identity.version,
    tracerProvider: createTracerProvider(),
    meterProvider: new MeterProvider(),
  });
  return {
    telemetry,
    observed: () => {
      const info = createInfo();
      observer?.onSessionStart?.(info);
      observer?.onSessionEnd?.(info, 'success');
    },
    manual: () => telemetry.startSession(createInfo()).end('success'),
  };
}

/**
 * The same spans, by hand.
 * @param {Tracer} tracer @param {() => void} countStart @param {() => void} countEnd
 */
function runByHand(tracer, countStart, countEnd) {
  const { id, tenant, agentName, startedAt: startTime } = createInfo();
  countStart();
  const attributes = {
    [names.POOL_NAME]: identity.poolName,
    [names.WORKER_ID]: identity.workerId,
    [names.WORKER_VERSION]: identity.version,
    [names.SESSION_ID]: id,
    [names.TENANT_ID]: tenant,
    [names.AGENT_NAME]: agentName,
  };
  const span = tracer.startSpan(
    names.SESSION_SPAN,
    { kind: SpanKind.CONSUMER, startTime, attributes },
    ROOT_CONTEXT,
  );
  tracer
    .startSpan(names.SESSION_START_SPAN, { startTime, attributes }, trace.setSpan(ROOT_CONTEXT, span))
    .end(startTime);
  countEnd();
  span.setAttribute(names.SESSION_OUTCOME, 'success');
  span.end();
}

/** By hand with the tallies that we keep too, for counters that are observed. */
function createTallied() {
  const tracer = createTracerProvider().getTracer(names.SCOPE_NAME);
  const totals = noTotals();
  const countStart = () => totals.started++;
  const countEnd = () => totals.ended.success++;
  return () => runByHand(tracer, countStart, countEnd);
}

/** By hand with counters of the SDK. */
function createCounted() {
  const tracer = createTracerProvider().getTracer(names.SCOPE_NAME);
  const meter = new MeterProvider().getMeter(names.SCOPE_NAME);
  const started = meter.createCounter(names.METRICS.started.name);
  const ended = meter.createCounter(names.METRICS.ended.name);
  const base = identity.attributes;
  const success = { ...base, [names.SESSION_OUTCOME]: 'success' };
  const countStart = () => started.add(1, base);
  const countEnd = () => ended.add(1, success);
  return () => runByHand(tracer, countStart, countEnd);
}

/** @type {import('./support.js').Topic} */
export const session = {
  title: 'The telemetry of a whole session, start and end, against the same SDK calls by hand',
  run: async () => {
    const { telemetry, observed, manual } = createOurs();
    const [ours = [], byCalls = [], tallied = [], counted = []] = await measureInTurns([
      observed,
      manual,
      createTallied(),
      createCounted(),
    ]);
    await telemetry.shutdown({ now: true });
    const value = `${microseconds(median(tallied))}, ${microseconds(median(counted))}`;
    return [
      judged('an observed pool', median(ours), GOAL_NS, microseconds),
      judged('startSession() and end()', median(byCalls), GOAL_NS, microseconds),
      { label: 'by hand: with tallies, with SDK counters', value },
      judged('an observed pool : with SDK counters', medianRatio(ours, counted), RATIO_GOAL, times),
      judged('startSession() : with SDK counters', medianRatio(byCalls, counted), RATIO_GOAL, times),
      judged('an observed pool : with tallies', medianRatio(ours, tallied), RATIO_GOAL, times),
      judged('startSession() : with tallies', medianRatio(byCalls, tallied), RATIO_GOAL, times),
    ];
  },
};

import type { Attributes } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { WORKER_VERSION } from '../../src/attributes.js';
import type { SessionInfo } from '../../src/worker/pool.js';
import { Sessions, type SessionsOptions } from '../../src/worker/sessions.js';
import { noTotals } from '../../src/worker/worker.js';
import { only } from './lists.js';

/** A tracer provider that keeps the spans that ended. */
export function createTracing(...processors: SpanProcessor[]) {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [...processors, new SimpleSpanProcessor(exporter)],
  });
  const named = (name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);
  return {
    provider,
    tracer: provider.getTracer('test'),
    ended: () => exporter.getFinishedSpans(),
    named,
    the: (name: string) => only(named(name)),
  };
}

export const WORKER_ATTRIBUTES: Attributes = { [WORKER_VERSION]: '1.2.3', region: 'eu' };

/** Sessions whose spans a test can read. */
export function createSessions(options: Partial<SessionsOptions> = {}) {
  const tracing = createTracing();
  const totals = noTotals();
  const sessions = new Sessions({
    tracer: tracing.tracer,
    workerAttributes: WORKER_ATTRIBUTES,
    spanKind: undefined,
    spanAttributes: undefined,
    totals,
    onStart: () => {},
    onEnd: () => {},
    isResumed: () => false,
    ...options,
  });
  return { sessions, totals, ...tracing };
}

export function createSession(info: Partial<SessionInfo> = {}): SessionInfo {
  return { id: 's-1', tenant: 'acme', startedAt: new Date(), ...info };
}

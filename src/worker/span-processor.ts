import type { Attributes, Context, Span } from '@opentelemetry/api';

// Shared by symbol name, so that two copies of this package in one process see each other's sessions.
const SESSION_TAGS = Symbol.for('openrtc-otel.session-tags');

/** A context in which {@link SessionSpanProcessor} tags the spans that are started. */
export function withSessionTags(context: Context, tags: Attributes): Context {
  return context.setValue(SESSION_TAGS, tags);
}

const globals = globalThis as Record<symbol, Attributes | undefined>;

/** Tags every span of a process that runs one session, whatever the context it is started in. */
export function tagProcess(tags: Attributes): void {
  globals[SESSION_TAGS] = tags;
}

/**
 * Tags every span that is started inside a session with the session's id, its tenant and the worker's version. The
 * spans keep their own traces and sampling.
 *
 * Add it to your SDK beside the processor that exports: `new NodeSDK({ spanProcessors: [...] })` replaces
 * the exporter that the environment configures.
 *
 * @example
 * new NodeSDK({
 *   spanProcessors: [new SessionSpanProcessor(), new BatchSpanProcessor(new OTLPTraceExporter())],
 * });
 */
export class SessionSpanProcessor {
  onStart(span: Span, parentContext: Context): void {
    const tags = parentContext.getValue(SESSION_TAGS) ?? globals[SESSION_TAGS];
    if (tags) span.setAttributes(tags as Attributes);
  }

  /** A span that was started before its process knew its session. */
  onEnding(span: Span): void {
    const tags = globals[SESSION_TAGS];
    if (tags) span.setAttributes(tags);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

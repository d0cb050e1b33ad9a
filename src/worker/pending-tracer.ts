import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Exception,
  type Link,
  ProxyTracerProvider,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

import { SCOPE_NAME } from '../attributes.js';

/** Starts a span of the SDK with ids that were given out before the SDK was there. */
export type StartSpan = (ids: SpanContext, name: string, options: SpanOptions, context: Context) => Span;
export type SpanStarter = Pick<Tracer, 'startSpan'>;

/**
 * The tracer of the moments before the SDK is loaded. It gives out spans at once, remembers what is done with
 * them, and does it again on the SDK's spans when `connect` brings them.
 */
export class PendingTracer implements SpanStarter {
  #tracer: SpanStarter | undefined;
  /** All that was done, in its order. */
  #done: Array<(start: StartSpan) => void> = [];

  startSpan(name: string, options: SpanOptions, context: Context): Span {
    if (this.#tracer) return this.#tracer.startSpan(name, options, context);
    const ids: SpanContext = {
      traceId: trace.getSpanContext(context)?.traceId ?? randomHex(32),
      spanId: randomHex(16),
      traceFlags: TraceFlags.SAMPLED,
    };
    const span = new PendingSpan(ids, (act) => this.#done.push(() => act()));
    this.#done.push((start) => span.connect(start(ids, name, options, context)));
    return span;
  }

  /** There will be no SDK: the spans come to nothing. */
  discard(): void {
    this.connect(new ProxyTracerProvider().getTracer(SCOPE_NAME));
  }

  /** @param start starts a span with the ids that were given out; without it the tracer chooses them. */
  connect(tracer: SpanStarter, start: StartSpan = (_, ...span) => tracer.startSpan(...span)): void {
    this.#tracer = tracer;
    for (const act of this.#done) {
      try {
        act(start);
      } catch {
        // The SDK refuses it; the caller is long gone, and the other spans are not to blame.
      }
    }
    this.#done = [];
  }
}

class PendingSpan implements Span {
  #real: Span | undefined;
  #hasEnded = false;

  constructor(
    readonly ids: SpanContext,
    readonly later: (act: () => void) => void,
  ) {}

  connect(span: Span): void {
    this.#real = span;
  }

  spanContext(): SpanContext {
    return this.#real?.spanContext() ?? this.ids;
  }

  isRecording(): boolean {
    return this.#real?.isRecording() ?? !this.#hasEnded;
  }

  setAttribute(key: string, value: AttributeValue): this {
    return this.#do((span) => span.setAttribute(key, value));
  }

  setAttributes(attributes: Attributes): this {
    const given = { ...attributes };
    return this.#do((span) => span.setAttributes(given));
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (isTime(attributesOrTime)) return this.#do((span) => span.addEvent(name, attributesOrTime));
    const [attributes, at] = [{ ...attributesOrTime }, time ?? Date.now()];
    return this.#do((span) => span.addEvent(name, attributes, at));
  }

  addLink(link: Link): this {
    return this.addLinks([link]);
  }

  addLinks(links: Link[]): this {
    return this.#do((span) => span.addLinks(links));
  }

  setStatus(status: SpanStatus): this {
    return this.#do((span) => span.setStatus(status));
  }

  updateName(name: string): this {
    return this.#do((span) => span.updateName(name));
  }

  recordException(exception: Exception, time: TimeInput = Date.now()): void {
    this.#do((span) => span.recordException(exception, time));
  }

  end(time: TimeInput = Date.now()): void {
    this.#do((span) => span.end(time));
    this.#hasEnded = true;
  }

  #do(act: (span: Span) => void): this {
    if (this.#real) act(this.#real);
    else this.later(() => this.#real && act(this.#real));
    return this;
  }
}

/** `node:crypto` takes longer to load than the rest of this package. */
function randomHex(digits: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(digits / 2));
  return Buffer.from(bytes).toString('hex');
}

function isTime(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || Array.isArray(value);
}

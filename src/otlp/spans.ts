import { TraceFlags } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  type IdGenerator,
  RandomIdGenerator,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { jittered } from '../lib/jitter.js';
import { unref } from '../lib/timer.js';
import { Trouble } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import type { SpansOutput } from '../worker/outputs.js';
import type { PendingTracer } from '../worker/pending-tracer.js';
import type { WorkerIdentity } from '../worker/worker.js';
import { workerResource } from './resource.js';
import { createSpansSender, type Sender } from './sender.js';

/** Exports a worker's spans on a pipeline of its own, and those that `pending` gave out before it was there. */
export function startSpans(
  identity: WorkerIdentity,
  environment: Environment,
  pending: PendingTracer,
): SpansOutput {
  const queue = new SpanQueue(environment);
  const resource = workerResource(identity, environment.resource);
  const ids = new GivenIds();
  const provider = new BasicTracerProvider({ resource, spanProcessors: [queue], idGenerator: ids });
  const tracer = provider.getTracer(SCOPE_NAME, SCOPE_VERSION);
  pending.connect(tracer, ({ traceId, spanId }, name, options, context) => {
    ids.next = { traceId, spanId };
    try {
      return tracer.startSpan(name, options, context);
    } finally {
      ids.next = undefined;
    }
  });
  return {
    sessionStarted: () => {},
    flush: () => queue.sendLast(),
    close: () => {
      queue.close();
      provider.shutdown().catch(() => {});
    },
  };
}

/** Random ids, but for the span whose ids were given out before the SDK was loaded. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  next: { readonly traceId: string; readonly spanId: string } | undefined;

  generateTraceId(): string {
    return this.next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.next?.spanId ?? this.#random.generateSpanId();
  }
}

/** Keeps spans until they are delivered, and sends them again: a session's span is made only once. */
class SpanQueue implements SpanProcessor {
  readonly #sender: Sender<ReadableSpan[]>;
  readonly #environment: Environment;
  readonly #trouble: Trouble;
  #waiting: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<boolean> | undefined;
  #hasFailed = false;
  #isClosed = false;

  constructor(environment: Environment) {
    this.#sender = createSpansSender(environment);
    this.#environment = environment;
    this.#trouble = new Trouble(`spans arrive at ${this.#sender.url} again`);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const isSampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
    if (!isSampled || this.#isClosed) return;
    const { delayMs, queueSize, batchSize } = this.#environment.batches;
    this.#waiting.push(span);
    if (this.#waiting.length > queueSize) this.#waiting.shift();
    if (this.#waiting.length < batchSize || this.#hasFailed) this.#sendIn(delayMs);
    else void this.#send();
  }

  /** Sends all there is, and does not wait for the pauses between attempts. Tells whether nothing is kept. */
  async sendLast(): Promise<boolean> {
    this.#sender.hurry();
    await this.#sending;
    return this.#send();
  }

  #sendIn(ms: number): void {
    this.#timer ??= unref(setTimeout(() => void this.#send(), ms));
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #send(): Promise<boolean> {
    this.#stopTimer();
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<boolean> {
    const { queueSize, batchSize } = this.#environment.batches;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSize);
      const failure = await this.#sender.send(batch);
      // What is given up from here on is no trouble.
      if (failure && this.#isClosed) return false;
      this.#hasFailed = failure?.canRetry === true;
      if (!failure) this.#trouble.healed();
      else this.#trouble.broke(`spans do not arrive at ${this.#sender.url}: ${failure.reason}`);
      if (!this.#hasFailed) continue;
      this.#waiting = [...batch, ...this.#waiting].slice(-queueSize);
      this.#stopTimer();
      this.#sendIn(jittered(this.#environment.intervalMs));
      return false;
    }
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer();
    this.#sender.close();
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

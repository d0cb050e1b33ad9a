import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { SCOPE_NAME, SCOPE_VERSION } from './attributes.js';
import type { Environment } from './environment.js';
import { createSpansSender, type Sender } from './otlp-exporters.js';
import type { SpansOutput } from './outputs.js';
import type { PendingTracer } from './pending-tracer.js';
import { Trouble } from './say.js';

/** Exports a worker's spans on a pipeline of its own, and those that `pending` gave out before it was there. */
export function startSpans(
  resource: Resource,
  environment: Environment,
  pending: PendingTracer,
): SpansOutput {
  const { delayMs, timeoutMs, queueSize, batchSize } = environment.batches;
  const exporter = new KeepingExporter(createSpansSender(environment), batchSize, queueSize);
  const processor = new BatchSpanProcessor(exporter, {
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: timeoutMs,
    maxQueueSize: queueSize,
    maxExportBatchSize: batchSize,
  });
  const ids = new GivenIds();
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor], idGenerator: ids });
  const tracer = provider.getTracer(SCOPE_NAME, SCOPE_VERSION);
  const retry = setInterval(() => exporter.retry(), environment.intervalMs).unref();
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
    flush: async () => {
      provider.forceFlush().catch(() => {});
      return exporter.sendLast();
    },
    close: () => {
      clearInterval(retry);
      exporter.close();
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

/** Keeps the spans that could not be delivered and sends them again: a session's span is made only once. */
class KeepingExporter implements SpanExporter {
  readonly #sender: Sender<ReadableSpan[]>;
  readonly #trouble: Trouble;
  readonly #underWay = new Set<Promise<boolean>>();
  #kept: ReadableSpan[] = [];
  #retrying: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    sender: Sender<ReadableSpan[]>,
    readonly batchSize: number,
    readonly mostKept: number,
  ) {
    this.#sender = sender;
    this.#trouble = new Trouble(`spans arrive at ${sender.url} again`);
  }

  async export(spans: ReadableSpan[], done: (result: ExportResult) => void): Promise<void> {
    await this.#send(spans);
    // The failure has been said; the processor would say it again for each batch.
    done({ code: ExportResultCode.SUCCESS });
  }

  /** Sends all there is, and does not wait for the pauses between attempts. Tells whether nothing is kept. */
  async sendLast(): Promise<boolean> {
    this.#sender.hurry();
    await Promise.all(this.#underWay);
    await this.retry();
    return this.#kept.length === 0;
  }

  /** Sends again what did not arrive. */
  retry(): Promise<void> {
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = undefined;
    });
    return this.#retrying;
  }

  async #retry(): Promise<void> {
    while (this.#kept.length > 0) {
      const spans = this.#kept.splice(0, this.batchSize);
      if (!(await this.#send(spans))) return;
    }
  }

  #send(spans: ReadableSpan[]): Promise<boolean> {
    const sending = this.#deliver(spans).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
    return sending;
  }

  async #deliver(spans: ReadableSpan[]): Promise<boolean> {
    const failure = await this.#sender.send(spans);
    if (failure && !this.#isClosed) {
      this.#trouble.broke(`spans do not arrive at ${this.#sender.url}: ${failure.reason}`);
      if (failure.canRetry) this.#keep(spans);
    }
    if (!failure) this.#trouble.healed();
    return failure === undefined;
  }

  #keep(spans: ReadableSpan[]): void {
    this.#kept = this.#kept.concat(spans).slice(-this.mostKept);
  }

  /** What is given up from here on is no trouble. */
  close(): void {
    this.#isClosed = true;
    this.#sender.close();
  }

  async shutdown(): Promise<void> {}
}

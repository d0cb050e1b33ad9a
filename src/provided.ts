import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { SCOPE_NAME, SCOPE_VERSION } from './attributes.js';
import type { Cadence } from './cadence.js';
import { type Datapoints, registerGauges, sumsFrom } from './gauges.js';
import type { MetricsOutput, SpansOutput } from './outputs.js';
import type { Report, Totals } from './worker.js';

const FLUSH_EVERY_MS = 1_000;

/** Reports a worker's metrics on a provider that was passed in. */
export function provideMetrics(
  provider: MeterProvider,
  datapoints: Datapoints,
  read: () => Report,
  countedBefore: Totals,
  cadence: Cadence,
): MetricsOutput {
  let flushes = 0;
  let collections = 0;
  let goodbye: Report | undefined;
  const sums = sumsFrom(countedBefore, read);
  const unregister = registerGauges(provider.getMeter(SCOPE_NAME, SCOPE_VERSION), datapoints, () => {
    collections++;
    // A flush of ours says nothing about the provider's own rhythm.
    if (flushes === 0) cadence.collected();
    return goodbye ?? sums.read();
  });
  const flush = async () => {
    flushes++;
    await forceFlush(provider);
    flushes--;
  };
  sums.start(flush);
  return {
    flush,
    goodbye: async (report) => {
      goodbye = report;
      const before = collections;
      await flush();
      return collections > before ? undefined : false;
    },
    close: unregister,
  };
}

/** Flushes a tracer provider that was passed in, so that start spans do not wait for the end of a batch. */
export function provideSpans(provider: TracerProvider): SpansOutput {
  let timer: NodeJS.Timeout | undefined;
  const flush = async () => {
    await forceFlush(provider);
    return true;
  };
  return {
    flush,
    sessionStarted: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void flush();
      }, FLUSH_EVERY_MS).unref();
    },
    close: () => clearTimeout(timer),
  };
}

interface Flushable {
  forceFlush?(): Promise<void>;
  /** The API's proxy hides the provider that can be flushed. */
  getDelegate?(): Flushable;
}

async function forceFlush(provider: MeterProvider | TracerProvider): Promise<void> {
  const flushable = provider as Flushable;
  try {
    await (flushable.getDelegate?.() ?? flushable).forceFlush?.();
  } catch {
    // The provider is its owner's, and so is the news of what it could not send.
  }
}

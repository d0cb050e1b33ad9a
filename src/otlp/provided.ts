import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { type Report, SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import { unref } from '../lib/timer.js';
import { Datapoints, registerGauges } from '../worker/gauges.js';
import type { MetricsOutput, SpansOutput } from '../worker/outputs.js';
import type { WorkerIdentity } from '../worker/worker.js';
import { goodbyeOf } from '../worker/worker.js';
import { Cadence } from './cadence.js';

const FLUSH_EVERY_MS = 1_000;

/** Reports a worker's metrics on a provider that was passed in. */
export function provideMetrics(
  provider: MeterProvider,
  { attributes }: WorkerIdentity,
  read: () => Report,
): MetricsOutput {
  const cadence = new Cadence();
  let flushes = 0;
  let collections = 0;
  let goodbye: Partial<Report> | undefined;
  const meter = provider.getMeter(SCOPE_NAME, SCOPE_VERSION);
  const unregister = registerGauges(meter, new Datapoints(attributes), () => {
    collections++;
    // A flush of ours says nothing about the provider's own rhythm.
    if (flushes === 0) cadence.collected();
    return goodbye ?? read();
  });
  const flush = async () => {
    flushes++;
    await forceFlush(provider);
    flushes--;
  };
  void flush();
  return {
    get intervalSeconds() {
      return cadence.seconds;
    },
    lastReportAt: 0,
    flush,
    goodbye: async (last) => {
      goodbye = goodbyeOf(last);
      const before = collections;
      await flush();
      if (collections > before) return { delivered: undefined };
      return { delivered: false, problem: 'the goodbye did not leave: the meterProvider did not collect it' };
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
      timer ??= unref(
        setTimeout(() => {
          timer = undefined;
          void flush();
        }, FLUSH_EVERY_MS),
      );
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

import { expect, it, vi } from 'vitest';
import { Stage } from '../../examples/scenarios/stage.js';
import {
  ERROR_TYPE,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_SPAN,
  SESSION_START_SPAN,
  TENANT_ID,
  WORKER_ID,
  WORKER_VERSION,
} from '../../src/attributes.js';
import { SpanReceiver } from '../support/span-receiver.js';
import { Collector } from './support/collector.js';

const DRAIN_TIMEOUT = 4;
const soon = (assertion: () => void) => vi.waitFor(assertion, { timeout: 30_000, interval: 50 });

it('spans of real sessions come through a Collector: starts at once, sessions when they end', async () => {
  await using sink = await SpanReceiver.start();
  const { spans } = sink;
  const named = (name: string) => spans.filter((span) => span.name === name);
  const env = { METRICS_OTLP_URL: sink.url, TRACES_OTLP_URL: sink.url };
  await using collector = await Collector.start(['prometheus', 'otlp'], env);
  const stage = await Stage.open({
    pool: 'spans',
    sources: [],
    alsoTo: [collector.url],
    env: { OTEL_TRACES_EXPORTER: 'otlp' },
    intervalSeconds: 1,
  });
  try {
    const servers = await stage.start('v1', 1, { drainTimeout: DRAIN_TIMEOUT });
    const [first = ''] = await stage.call(servers, 3);
    await soon(() => expect(named(SESSION_START_SPAN)).toHaveLength(3));
    expect(named(SESSION_SPAN)).toEqual([]);

    await soon(() => expect(sink.workers()).toHaveLength(1));
    const [worker] = sink.workers();
    const identity = { [WORKER_VERSION]: 'v1', [WORKER_ID]: worker?.id };
    for (const { attributes } of spans) {
      expect(attributes).toMatchObject(identity);
      expect(attributes[TENANT_ID]).toEqual(expect.any(String));
    }
    expect(new Set(spans.map(({ attributes }) => attributes[SESSION_ID])).size).toBe(3);

    await stage.hangUp([first]);
    await soon(() => expect(named(SESSION_SPAN)).toHaveLength(1));
    const [ended] = named(SESSION_SPAN);
    expect(ended).toMatchObject({ statusCode: 'unset', attributes: { [SESSION_OUTCOME]: 'success' } });

    // The drain timeout cuts the others off.
    stage.signal('SIGTERM', servers);
    await stage.gone(servers);
    await soon(() => expect(named(SESSION_SPAN)).toHaveLength(3));
    for (const dropped of named(SESSION_SPAN).slice(1)) {
      expect(dropped).toMatchObject({
        statusCode: 'error',
        attributes: { ...identity, [SESSION_OUTCOME]: 'dropped', [ERROR_TYPE]: 'dropped' },
      });
    }
    // Each start is the child of its session, with the same session and tenant.
    for (const session of named(SESSION_SPAN)) {
      const { [SESSION_ID]: id, [TENANT_ID]: tenant } = session.attributes;
      const [start, ...more] = named(SESSION_START_SPAN).filter(
        ({ parentSpanId }) => parentSpanId === session.spanId,
      );
      expect(start).toMatchObject({
        traceId: session.traceId,
        attributes: { [SESSION_ID]: id, [TENANT_ID]: tenant },
      });
      expect(more).toEqual([]);
    }
  } finally {
    await stage.close();
  }
});

import { describe, expect, it, vi } from 'vitest';
import { SESSION_SPAN, SESSION_START_SPAN } from '../../src/attributes.js';
import { last } from '../support/lists.js';
import { usePipeline } from '../support/pipeline.js';
import { TestPool } from '../support/pools.js';
import { createMeterProvider } from '../support/provided-sdk.js';
import { listenToWarnings } from '../support/warnings.js';

const said = listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };

/** Runs a worker with one session through its life and gives its goodbye. */
async function live(options = {}) {
  const telemetry = pipeline.instrument(new TestPool({ activeSessions: 0, draining: true }), {
    ...VERSION,
    ...options,
  });
  telemetry.startSession().end();
  return telemetry.shutdown();
}

const paths = () => new Set(pipeline.collector.requests.map(({ path }) => path));

describe('the environment of a worker', () => {
  it('has metrics and spans sent', async () => {
    expect(await live()).toEqual({ delivered: true, droppedSessions: 0 });
    expect(paths()).toEqual(new Set(['/v1/metrics', '/v1/traces']));
    expect(await said()).toEqual([]);
  });

  it.each([
    ['OTEL_SDK_DISABLED=true', { OTEL_SDK_DISABLED: 'true' }, []],
    ['no metrics', { OTEL_METRICS_EXPORTER: 'none' }, ['/v1/traces']],
    ['neither', { OTEL_METRICS_EXPORTER: 'none', OTEL_TRACES_EXPORTER: 'none' }, []],
  ])('has no metrics sent, and so no goodbye delivered, with %s', async (_, variables, sent) => {
    pipeline.environment(variables);
    expect(await live()).toEqual({ delivered: false, droppedSessions: 0 });
    expect(paths()).toEqual(new Set(sent));
    expect(await said()).toEqual([]);
  });

  it('has no spans sent with OTEL_TRACES_EXPORTER=none', async () => {
    pipeline.environment({ OTEL_TRACES_EXPORTER: 'none' });
    expect(await live()).toEqual({ delivered: true, droppedSessions: 0 });
    expect(paths()).toEqual(new Set(['/v1/metrics']));
  });

  it('makes spans that do nothing where none are sent', async () => {
    pipeline.environment({ OTEL_SDK_DISABLED: 'true' });
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    const { span, run, end } = telemetry.startSession();
    await vi.waitFor(() => expect(span.isRecording()).toBe(false));
    expect(run(() => 5)).toBe(5);
    end();
  });

  it('has each wrong value said once', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: 'soon', OTEL_TRACES_SAMPLER: 'some' });
    await live();
    await live();
    expect(await said()).toEqual([
      expect.stringMatching(/^OTEL_METRIC_EXPORT_INTERVAL: expected .*, got "soon"; using 15000$/),
      expect.stringContaining('OTEL_TRACES_SAMPLER: expected '),
    ]);
  });

  it('is not complained about where it is not used', async () => {
    pipeline.environment({ OTEL_METRIC_EXPORT_INTERVAL: 'soon', OTEL_SDK_DISABLED: 'true' });
    await live();
    expect(await said()).toEqual([]);
  });

  it('still has the spans sent where a meter provider is passed in', async () => {
    const { provider, reports } = createMeterProvider();
    expect((await live({ meterProvider: provider })).delivered).toBeUndefined();
    expect(paths()).toEqual(new Set(['/v1/traces']));
    expect(last(reports()).length).toBeGreaterThan(0);
    expect(new Set(pipeline.collector.spans.map(({ name }) => name))).toEqual(
      new Set([SESSION_START_SPAN, SESSION_SPAN]),
    );
  });

  it('is said where the SDK can not be started, and nothing is thrown', async () => {
    const meterProvider = {
      getMeter: () => {
        throw new RangeError('secret');
      },
    };
    expect(await live({ meterProvider })).toEqual({ delivered: false, droppedSessions: 0 });
    expect(await said()).toEqual([
      'the OpenTelemetry SDK could not be started (RangeError): nothing is reported',
    ]);
  });
});

import { metrics, ProxyTracerProvider, trace } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { warnOfUnusedSdk } from '../../src/instrument/global-api.js';
import { readEnvironment } from '../../src/worker/environment.js';
import { usePipeline } from '../support/pipeline.js';
import { TestPool } from '../support/pools.js';
import { listenToWarnings } from '../support/warnings.js';

const API = Symbol.for('opentelemetry.js.api.1');
const globals = globalThis as Record<symbol, unknown>;
const said = listenToWarnings();
const pipeline = usePipeline();
const VERSION = { deploymentVersion: '1.2.3' };
const NO_ENDPOINT = readEnvironment({});
const ENDPOINT = readEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://host' });

const registered = expect.stringMatching(
  /an OpenTelemetry SDK is registered.*http:\/\/localhost:4318.*set OTEL_EXPORTER_OTLP_ENDPOINT.*meterProvider/,
);
const misfit = (version: string) => expect.stringContaining(`registered @opentelemetry/api ${version}`);

let before: unknown;

beforeEach(() => {
  before = globals[API];
  globals[API] = undefined;
});

afterEach(() => {
  globals[API] = before;
});

describe('an SDK that the app registered', () => {
  it('is no news where there is none', async () => {
    warnOfUnusedSdk(NO_ENDPOINT);
    expect(await said()).toEqual([]);
  });

  it.each([
    ['traces', () => trace.setGlobalTracerProvider(new BasicTracerProvider())],
    ['metrics', () => metrics.setGlobalMeterProvider(new MeterProvider())],
  ])('is said to have no part in the reports where no endpoint is set: %s', async (_, register) => {
    register();
    warnOfUnusedSdk(NO_ENDPOINT);
    expect(await said()).toEqual([registered]);
  });

  it('is no news where an endpoint is set', async () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    metrics.setGlobalMeterProvider(new MeterProvider());
    warnOfUnusedSdk(ENDPOINT);
    expect(await said()).toEqual([]);
  });

  it('is said once by instrument, however many pools there are', async () => {
    // Without an endpoint and without metrics nothing is sent anywhere.
    pipeline.environment({ OTEL_METRICS_EXPORTER: 'none' });
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', undefined);
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    for (let i = 0; i < 2; i++) await pipeline.instrument(new TestPool(), VERSION).shutdown();
    expect(await said()).toEqual([registered]);
  });

  it('that is registered right after instrument is seen too', async () => {
    pipeline.environment({ OTEL_METRICS_EXPORTER: 'none' });
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', undefined);
    const telemetry = pipeline.instrument(new TestPool(), VERSION);
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    await telemetry.shutdown();
    expect(await said()).toEqual([registered]);
  });

  it('is no news where both of its providers are passed in', async () => {
    pipeline.environment();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', undefined);
    const [meterProvider, tracerProvider] = [new MeterProvider(), new BasicTracerProvider()];
    trace.setGlobalTracerProvider(tracerProvider);
    metrics.setGlobalMeterProvider(meterProvider);
    await pipeline.instrument(new TestPool(), { ...VERSION, meterProvider, tracerProvider }).shutdown();
    expect((await said()).filter((message) => message.includes('SDK'))).toEqual([]);
  });

  it('is left as it was', async () => {
    const provider = new BasicTracerProvider();
    trace.setGlobalTracerProvider(provider);
    const global = globals[API];
    const keys = Object.keys(global as object);
    const shutdown = vi.spyOn(provider, 'shutdown');
    await pipeline.instrument(new TestPool(), VERSION).shutdown();
    expect(globals[API]).toBe(global);
    expect(Object.keys(global as object)).toEqual(keys);
    expect(shutdown).not.toHaveBeenCalled();
  });

  it('is not registered by us where there is none', async () => {
    await pipeline.instrument(new TestPool(), VERSION).shutdown();
    expect(globals[API]).toBeUndefined();
  });
});

describe('two copies of the API that do not fit', () => {
  it.each(['2.0.0', '1.0.0'])('are said: %s', async (version) => {
    globals[API] = { version, trace: new ProxyTracerProvider() };
    warnOfUnusedSdk(ENDPOINT);
    expect(await said()).toEqual([misfit(version)]);
  });

  it('are said beside the endpoint that is missing', async () => {
    globals[API] = { version: '2.0.0', trace: new ProxyTracerProvider() };
    warnOfUnusedSdk(NO_ENDPOINT);
    expect(await said()).toEqual([registered, misfit('2.0.0')]);
  });

  it('are no news where a newer one was registered that fits', async () => {
    globals[API] = { version: '1.99.0', trace: new ProxyTracerProvider() };
    warnOfUnusedSdk(ENDPOINT);
    expect(await said()).toEqual([]);
  });

  it('are said once by instrument, however many pools there are', async () => {
    globals[API] = { version: '1.0.0', trace: new ProxyTracerProvider() };
    for (let i = 0; i < 2; i++) await pipeline.instrument(new TestPool(), VERSION).shutdown();
    expect(await said()).toEqual([misfit('1.0.0')]);
  });
});

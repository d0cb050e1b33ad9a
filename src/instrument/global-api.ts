import { trace } from '@opentelemetry/api';
import { warn } from '../lib/warn.js';
import { DEFAULT_ENDPOINT, type Environment } from '../worker/environment.js';

/** What copies of `@opentelemetry/api` share in a process, as far as it is read here. */
interface GlobalApi {
  readonly version?: string;
  readonly metrics?: unknown;
  readonly trace?: unknown;
}

const spokenOf = new WeakSet<GlobalApi>();

/** Says once what an SDK that the app registered has to do with this package's reports. */
export function warnOfUnusedSdk({ hasEndpoint }: Environment): void {
  const registered: GlobalApi =
    (globalThis as Record<symbol, GlobalApi | undefined>)[Symbol.for('opentelemetry.js.api.1')] ?? {};
  if ((!registered.metrics && !registered.trace) || spokenOf.has(registered)) return;
  spokenOf.add(registered);
  if (!hasEndpoint) {
    warn(
      `an OpenTelemetry SDK is registered, but reports go to ${DEFAULT_ENDPOINT} on a pipeline of their own: ` +
        'set OTEL_EXPORTER_OTLP_ENDPOINT, or pass meterProvider and tracerProvider',
    );
  }
  if (registered.trace && trace.getTracerProvider() !== registered.trace) {
    warn(
      `the registered @opentelemetry/api ${registered.version} and the copy this package loads do not fit: spans ` +
        'made inside sessions are not tagged. Install one version of @opentelemetry/api',
    );
  }
}

import type { Backend } from './backend.js';

export const ENCODINGS = ['http/json', 'http/protobuf'] as const;

/** The environment of a worker that reports to a backend, often enough for a test. */
export function reportingTo(
  backend: Pick<Backend, 'url'>,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: backend.url,
    OTEL_METRIC_EXPORT_INTERVAL: '200',
    ...more,
  };
}

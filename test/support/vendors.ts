import type { IncomingHttpHeaders } from 'node:http';
import type { MetricPoint } from '../../src/deploy/receiver/decode.js';
import type { OtlpContentType } from '../../src/deploy/receiver/message.js';

/** What a vendor's endpoint takes of one signal. */
export interface SignalRules {
  readonly path: string;
  readonly contentTypes: readonly OtlpContentType[];
  /** Of a body that is not compressed, and of one that is, when it is inflated. */
  readonly mostBytes: number;
  readonly mostInflated: number;
  /** The status of what it takes. */
  readonly success: number;
}

interface MetricRules extends SignalRules {
  readonly mostPoints: number;
  /** Why a datapoint is not stored as it is; undefined when it is. */
  readonly rejects: (point: MetricPoint) => string | undefined;
  /** Whether the rest of such a request is stored. */
  readonly takesTheRest: boolean;
}

/** What a vendor documents of its OTLP/HTTP endpoints. The sources are in docs/backends.md. */
export interface Vendor {
  readonly name: string;
  readonly metrics: MetricRules;
  readonly traces: SignalRules;
  /** The status without a key, and whether there is one. */
  readonly authorized: readonly [number, (headers: IncomingHttpHeaders) => boolean];
}

const KB = 1_000;
const MB = 1_000 * KB;
const PROTOBUF = ['application/x-protobuf'] as const;

const isCumulative = ({ kind, monotonic, temporality }: MetricPoint) =>
  kind === 'sum' && monotonic && temporality !== 'delta';

export const DYNATRACE: Vendor = {
  name: 'Dynatrace',
  authorized: [401, ({ authorization = '' }) => /^Api-Token \S+$/.test(authorization)],
  metrics: {
    path: '/api/v2/otlp/v1/metrics',
    contentTypes: PROTOBUF,
    mostBytes: 4 * MB,
    mostInflated: 4 * MB,
    mostPoints: 15_000,
    success: 200,
    takesTheRest: true,
    rejects: (point) => {
      const { name, unit, description, attributes, resource } = point;
      if (isCumulative(point)) return 'UNSUPPORTED_METRIC_TYPE_MONOTONIC_CUMULATIVE_SUM';
      const dimensions = Object.entries({ ...resource, ...attributes });
      if (dimensions.length > 50) return 'DIMENSION_COUNT_EXCEEDED';
      // Longer or other ones are cut off or written in another way.
      if (!/^[a-zA-Z][\w.-]{1,254}$/.test(name)) return 'the name would be changed';
      if (unit.length > 63 || description.length > 1023) return 'unit or description would be cut off';
      const isKept = ([key, value]: [string, unknown]) =>
        /^[a-z][a-z0-9_.-]{0,99}$/.test(key) && String(value).length <= 255;
      const changed = dimensions.find((dimension) => !isKept(dimension));
      return changed && `the dimension ${changed[0]} would be changed`;
    },
  },
  traces: {
    path: '/api/v2/otlp/v1/traces',
    contentTypes: PROTOBUF,
    mostBytes: 8 * MB,
    mostInflated: 8 * MB,
    success: 200,
  },
};

export const DATADOG: Vendor = {
  name: 'Datadog',
  authorized: [403, (headers) => Boolean(headers['dd-api-key'])],
  metrics: {
    path: '/v1/metrics',
    contentTypes: ['application/x-protobuf', 'application/json'],
    mostBytes: 500 * KB,
    mostInflated: 5 * MB,
    mostPoints: Number.POSITIVE_INFINITY,
    success: 202,
    takesTheRest: false,
    rejects: (point) => (isCumulative(point) ? 'only delta is accepted' : undefined),
  },
  traces: {
    path: '/v1/traces',
    contentTypes: PROTOBUF,
    mostBytes: 3.2 * MB,
    mostInflated: 3.2 * MB,
    success: 202,
  },
};

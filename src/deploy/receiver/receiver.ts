import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { checkOptions, isFunction, type Rule, type Rules } from '../../lib/validate.js';
import { type FactsQuery, type FactsSource, SourceError, type WorkerFacts } from '../facts.js';
import { decodeMetrics, type MetricPoint } from './decode.js';
import { createOtlpServer, type Take } from './server.js';
import { WorkerTable } from './worker-table.js';

export interface ReceiverOptions {
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default 0, the system chooses */
  readonly port?: number;
  /** Gets the datapoints of every request, of workers or not. What it throws becomes a process warning. */
  onMetrics?(points: readonly MetricPoint[]): void;
  /**
   * The clock, in Unix ms.
   *
   * @default a clock that is right at the start of the process, and never set back
   */
  now?(): number;
}

export interface Receiver extends FactsSource {
  /** What to put in `OTEL_EXPORTER_OTLP_ENDPOINT`, such as `http://127.0.0.1:4318`. */
  readonly url: string;
  /** From when on it knows everything, in Unix ms. Moves on when workers are forgotten. */
  readonly coveredSince: number;
  /**
   * One row for each worker that reported, in the order of their first reports. At most 20,000: beyond that the
   * oldest exited ones are forgotten, then those silent for the longest time.
   */
  workers(): WorkerFacts[];
  /** Stops at once; a request in flight is cut off. */
  close(): Promise<void>;
}

const isPort = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const CALLBACK: Rule = ['a function', isFunction];
const RULES: Rules<keyof ReceiverOptions> = {
  host: ['a host name or address', (value) => typeof value === 'string' && value !== ''],
  port: ['a port from 0 to 65535', isPort],
  onMetrics: CALLBACK,
  now: CALLBACK,
};

/** Starts as the clock does, and is never set back: the order of reports is that of their arrival. */
const monotonicNow = () => performance.timeOrigin + performance.now();

/** Reading it takes no time. */
const POLL_MS = 100;

/**
 * Starts an OTLP/HTTP server (`/v1/metrics` and `/v1/traces`, JSON and protobuf, gzip or not) that keeps a table of
 * the workers that report to it, in memory. Spans are accepted and dropped. It has no authentication: meant for one
 * machine.
 *
 * @throws TypeError for an unknown or a wrong option.
 * @throws Error when it cannot listen: the message names the address.
 */
export function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  return openReceiver(options);
}

/** The same; `onIgnored` hears what of this package's metrics says nothing of a worker, each once. */
export async function openReceiver(
  options: ReceiverOptions,
  onIgnored?: (what: string) => void,
): Promise<Receiver> {
  checkOptions(options, RULES);
  const { host = '127.0.0.1', port = 0, now = monotonicNow } = options;
  const routes = new Map<string, Take | undefined>();
  const server = createOtlpServer(routes);
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Error(`The OTLP receiver cannot listen on ${host}:${port}: ${reason}`, { cause: error });
  }
  // A connection that cannot be accepted (too many open files) must not end the process.
  server.on('error', () => {});

  // Not before it listens: until then it misses what is reported.
  const table = new WorkerTable(now());
  if (onIgnored) table.onIgnored = onIgnored;
  routes.set('/v1/metrics', (body, contentType) => {
    const points = decodeMetrics(body, contentType);
    table.add(points, now());
    void notify(points, options);
  });
  // A worker that sends its spans to the same endpoint must not be refused.
  routes.set('/v1/traces', undefined);

  const { address, family, port: boundPort } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${boundPort}`,
    get coveredSince() {
      return table.coveredSince;
    },
    pollMs: POLL_MS,
    workers: () => table.rows(),
    async pools(query = {}) {
      refusePast(query);
      return table.pools();
    },
    async read(query) {
      refusePast(query);
      return table.read(query, now());
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function refusePast({ at }: Pick<FactsQuery, 'at'>): void {
  if (at === undefined) return;
  throw new SourceError('a receiver knows only the present: ask a Prometheus for a past moment');
}

/** Async, so that the promise of an async callback is caught too. */
async function notify(points: readonly MetricPoint[], options: ReceiverOptions): Promise<void> {
  try {
    await options.onMetrics?.(points);
  } catch (error) {
    process.emitWarning(`The OTLP receiver's onMetrics threw: ${inspect(error)}`);
  }
}

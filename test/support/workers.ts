import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import { Datapoints, registerGauges } from '../../src/worker/gauges.js';
import type { PoolLike } from '../../src/worker/pool.js';
import { Worker, type WorkerIdentity } from '../../src/worker/worker.js';
import { ManualReader } from './points.js';

export const IDENTITY: WorkerIdentity = {
  poolName: 'voice',
  workerId: 'w-1',
  version: '1.2.3',
  startedAt: 1_700_000_000_500,
  attributes: { region: 'eu', [POOL_NAME]: 'voice', [WORKER_ID]: 'w-1', [WORKER_VERSION]: '1.2.3' },
};

type Options = Worker['options'];

export function createWorker(pool: PoolLike, options: Partial<Options> = {}): Worker {
  return new Worker(pool, {
    startedAt: IDENTITY.startedAt,
    drainTimeoutSeconds: undefined,
    tenantLimit: undefined,
    intervalSeconds: () => 15,
    sessionsByTenant: () => ({}),
    ...options,
  });
}

/** A worker whose gauges are registered on a provider of the SDK. */
export function createGauges(pool: PoolLike, options: Partial<Options> = {}) {
  const worker = createWorker(pool, options);
  const reader = new ManualReader();
  const provider = new MeterProvider({ readers: [reader] });
  const unregister = registerGauges(provider.getMeter('test'), new Datapoints(IDENTITY.attributes), () =>
    worker.read(),
  );
  return { worker, reader, unregister };
}

import { hostname } from 'node:os';
import {
  attributeValue,
  LONGEST_VALUE,
  POOL_NAME,
  UNVERSIONED,
  WORKER_ID,
  WORKER_VERSION,
} from '../attributes.js';
import { ignoreRejection, isSeconds } from '../lib/validate.js';
import { warn } from '../lib/warn.js';
import type { Environment } from '../worker/environment.js';
import type { PoolLike, RuntimeSnapshot } from '../worker/pool.js';
import type { WorkerIdentity } from '../worker/worker.js';
import type { InstrumentOptions } from './options.js';

/** Who the worker is, from the options, else its first snapshot, else the environment. */
export function identify(
  pool: PoolLike,
  options: InstrumentOptions,
  environment: Environment,
): WorkerIdentity {
  const facts = firstFactsOf(pool);
  const version = options.deploymentVersion ?? versionOf(facts) ?? environment.serviceVersion;
  if (version === undefined) {
    warn(`no deployment version: set the option deploymentVersion; the worker reports "${UNVERSIONED}"`);
  } else if (version !== attributeValue(version)) {
    warn(
      `the deployment version has ${version.length} characters; the worker reports the first ${LONGEST_VALUE}`,
    );
  }
  const names = {
    poolName: attributeValue(options.poolName ?? environment.serviceName ?? 'default'),
    workerId: options.workerId ?? `${hostname()}-${crypto.randomUUID().slice(0, 8)}`,
    version: attributeValue(version ?? UNVERSIONED),
  };
  return {
    ...names,
    startedAt: startOf(facts),
    attributes: {
      ...options.attributes,
      [POOL_NAME]: names.poolName,
      [WORKER_ID]: names.workerId,
      [WORKER_VERSION]: names.version,
    },
  };
}

type FirstFacts = Partial<
  Record<keyof Pick<RuntimeSnapshot, 'deploymentVersion' | 'timestamp' | 'uptimeSeconds'>, unknown>
>;

function firstFactsOf(pool: PoolLike): FirstFacts {
  try {
    const snapshot = pool.runtimeSnapshot();
    ignoreRejection(snapshot);
    const { deploymentVersion, timestamp, uptimeSeconds } = snapshot;
    return { deploymentVersion, timestamp, uptimeSeconds };
  } catch {
    return {}; // the first report says it
  }
}

function versionOf({ deploymentVersion }: FirstFacts): string | undefined {
  return typeof deploymentVersion === 'string' && deploymentVersion !== '' ? deploymentVersion : undefined;
}

/** When the pool started, in Unix milliseconds: a pool can be older than its telemetry. */
function startOf({ timestamp, uptimeSeconds }: FirstFacts): number {
  // With a fraction of a ms: two that were given one id must not have one start.
  const now = Date.now() + (performance.now() % 1);
  if (!isSeconds(timestamp) || !isSeconds(uptimeSeconds) || uptimeSeconds > timestamp) return now;
  return Math.min(now, Math.round((timestamp - uptimeSeconds) * 1000));
}

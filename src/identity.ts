import { hostname } from 'node:os';
import { LONGEST_VALUE, label, POOL_NAME, UNVERSIONED, WORKER_ID, WORKER_VERSION } from './attributes.js';
import type { Environment } from './environment.js';
import type { InstrumentOptions } from './options.js';
import type { PoolLike } from './pool.js';
import { silence } from './rules.js';
import { say } from './say.js';
import type { WorkerIdentity } from './worker.js';

/** Who the worker is, from the options, else its first snapshot, else the environment. */
export function identify(
  pool: PoolLike,
  options: InstrumentOptions,
  environment: Environment,
): WorkerIdentity {
  const version = options.deploymentVersion ?? versionOf(pool) ?? environment.serviceVersion;
  if (version === undefined) {
    say(`no deployment version: set the option deploymentVersion; the worker reports "${UNVERSIONED}"`);
  } else if (version !== label(version)) {
    say(
      `the deployment version has ${version.length} characters; the worker reports the first ${LONGEST_VALUE}`,
    );
  }
  const names = {
    poolName: label(options.poolName ?? environment.serviceName ?? 'default'),
    workerId: options.workerId ?? `${hostname()}-${crypto.randomUUID().slice(0, 8)}`,
    version: label(version ?? UNVERSIONED),
  };
  return {
    ...names,
    startedAt: Date.now(),
    attributes: {
      ...options.attributes,
      [POOL_NAME]: names.poolName,
      [WORKER_ID]: names.workerId,
      [WORKER_VERSION]: names.version,
    },
  };
}

function versionOf(pool: PoolLike): string | undefined {
  try {
    const snapshot = pool.runtimeSnapshot();
    silence(snapshot);
    const version: unknown = snapshot.deploymentVersion;
    return typeof version === 'string' && version !== '' ? version : undefined;
  } catch {
    return undefined; // the first report says it
  }
}

import type { Attributes } from '@opentelemetry/api';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import type { WorkerIdentity } from '../worker/worker.js';

const SERVICE_NAME = 'service.name' satisfies typeof ATTR_SERVICE_NAME;
const SERVICE_VERSION = 'service.version' satisfies typeof ATTR_SERVICE_VERSION;
const SERVICE_INSTANCE_ID = 'service.instance.id' satisfies typeof ATTR_SERVICE_INSTANCE_ID;

/** The resource of the worker's reports. What its environment says goes over what the worker says. */
export function workerResource(
  { poolName, version, workerId }: WorkerIdentity,
  fromEnvironment: Attributes,
): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        [SERVICE_NAME]: poolName,
        [SERVICE_VERSION]: version,
        [SERVICE_INSTANCE_ID]: workerId,
      }),
    )
    .merge(resourceFromAttributes(fromEnvironment));
}

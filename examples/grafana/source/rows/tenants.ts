import type { Panel } from '@grafana/schema';
import { METRICS, TENANT_ID } from '../../../../src/attributes.js';
import { labelName } from '../../../../src/deploy/prometheus/promql.js';
import { exploreTenant } from '../links.js';
import { table, timeseries } from '../panels.js';
import { overTime, rows } from '../queries.js';
import { accepting, except, last, running, TARGET, VERSION, WORKER } from '../workers.js';

const TENANT = labelName(TENANT_ID);
const sessions = `max by (${TENANT}, ${WORKER}) (${last(METRICS.tenants)})`;
const byTenant = (workers: string) =>
  `sum by (${TENANT}, ${VERSION}) (${sessions} and on (${WORKER}) ${workers})`;
const old = `(${except(running(), accepting({ matchers: TARGET }))})`;
const NOT_REPORTED = 'Tenants are reported with the option tenantLimit';

/** Row "Tenants" */
export const TENANTS: Panel[] = [
  timeseries({
    title: 'Active sessions by tenant and version',
    description: `Reported by workers with the option \`tenantLimit\`; all tenants beyond it are \`other\`.

**Good:** each tenant moves to the target.

**Not:** a tenant that stays on an old version has long sessions, or is routed to it.`,
    queries: [overTime(byTenant(running()), `{{${TENANT}}} {{${VERSION}}}`)],
    width: 12,
    height: 9,
    noValue: NOT_REPORTED,
    unit: 'short',
    stacked: true,
  }),
  table({
    title: 'Tenants still on old workers',
    description: `Sessions of now on running workers, except those of the target that accept. A tenant's name leads to its session spans in Tempo.

**Good:** nobody.

**Not:** these are the tenants to ask before a drain is cut short.`,
    queries: [rows(`${byTenant(old)} > 0`)],
    width: 12,
    height: 9,
    noValue: 'No tenant, or tenants are not reported',
    unit: 'short',
    sortBy: ['Sessions'],
    transformations: [
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true },
          renameByName: { [TENANT]: 'Tenant', [VERSION]: 'Version', Value: 'Sessions' },
        },
      },
    ],
    overrides: [
      {
        matcher: { id: 'byName', options: 'Tenant' },
        properties: [{ id: 'links', value: [exploreTenant()] }],
      },
    ],
  }),
];

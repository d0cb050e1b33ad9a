import type { Panel } from '@grafana/schema';
import { exploreWorker } from './links.js';
import { nothing, words } from './panels.js';
import { STATES } from './phases.js';
import { VERSION, WORKER_NAME } from './workers.js';

/** A row a worker, whose queries are columns with these names. */
export const workerColumns = (
  names: readonly string[],
): { transformations: Panel['transformations'] & object } => ({
  transformations: [
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: {
          [WORKER_NAME]: 'Worker',
          [VERSION]: 'Version',
          ...Object.fromEntries(
            names.map((name, index) => [`Value #${String.fromCharCode(65 + index)}`, name]),
          ),
        },
      },
    },
  ],
});

const column = (name: string, ...properties: { id: string; value: unknown }[]) => ({
  matcher: { id: 'byName', options: name },
  properties,
});
/** Many workers have no value of it. */
const optional = (name: string, width: number, unit: string) =>
  column(
    name,
    { id: 'unit', value: unit },
    { id: 'mappings', value: [nothing('–')] },
    { id: 'custom.width', value: width },
  );

/** How the columns look. */
export const workerOverrides = () => [
  // Ids differ at their ends.
  column('Worker', { id: 'links', value: [exploreWorker()] }, { id: 'custom.width', value: 300 }),
  column(
    'State',
    { id: 'mappings', value: [words(STATES)] },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    { id: 'custom.width', value: 90 },
  ),
  optional('Sessions', 90, 'short'),
  optional('Draining for', 110, 's'),
  optional('Drain timeout', 110, 's'),
  optional('Last report', 110, 's'),
];

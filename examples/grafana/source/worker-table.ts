import type { Panel, ValueMapping } from '@grafana/schema';
import { exploreWorker } from './links.js';
import { GREY, nothing, words } from './panels.js';
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
const optional = (name: string, width: number, unit: string, ...mappings: ValueMapping[]) =>
  column(
    name,
    { id: 'unit', value: unit },
    { id: 'mappings', value: [...mappings, nothing(NONE)] },
    { id: 'custom.width', value: width },
  );
const NONE = '–';
const NO_DRAIN = words({ none: { value: 0, text: NONE, color: GREY } });

/** A value of the drains of these workers: 0 where there is none, else its column would come and go. */
export const ofDrain = (value: string, workers: string): string => `${value} or 0 * ${workers}`;

/**
 * How the columns look.
 * @param more - Room in each header, in pixels: where rows can be filtered it has a button.
 */
export const workerOverrides = (more = 0) => [
  // Ids differ at their ends.
  column('Worker', { id: 'links', value: [exploreWorker()] }, { id: 'custom.width', value: 315 }),
  column('Version', { id: 'custom.minWidth', value: 80 }),
  column(
    'State',
    { id: 'mappings', value: [words(STATES)] },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    { id: 'custom.width', value: 75 + more },
  ),
  optional('Sessions', 90 + more, 'none'),
  optional('Draining', 80 + more, 'dthms', NO_DRAIN),
  optional('Timeout', 80 + more, 'dthms', NO_DRAIN),
  optional('Last report', 100 + more, 'dthms'),
];

import type { Panel, ValueMapping } from '@grafana/schema';
import { exploreWorker } from './links.js';
import { GREY, matching, nothing, words } from './panels.js';
import { PHASES, STATES } from './phases.js';
import { VERSION, WORKER_NAME } from './workers.js';

/** The column of a query that answers alone: it says why no worker stands there. */
export const NOBODY = 'Workers';
/** A long id, by what tells it from others. */
export const LONG_ID = { pattern: '.{9,}(.{12})', text: '…$1' };

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
          Value: NOBODY,
          ...Object.fromEntries(
            names.map((name, index) => [`Value #${String.fromCharCode(65 + index)}`, name]),
          ),
        },
      },
    },
  ],
});

export const column = (name: string, ...properties: { id: string; value: unknown }[]) => ({
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
const NO_VALUE = words({ none: { value: 0, text: NONE, color: GREY } });

/** A value that few of these workers have: 0 where there is none, else its column would come and go. */
export const ofSome = (value: string, workers: string): string => `${value} or 0 * ${workers}`;

interface Look {
  /** Room in each header, in pixels: where rows can be filtered it has a button. */
  readonly more?: number;
  /** Whether ids are whole. */
  readonly isWhole?: true;
  /** What the numbers of states mean. */
  readonly states?: Parameters<typeof words>[0];
}

/** How the columns look. */
export const workerOverrides = ({ more = 0, isWhole, states = STATES }: Look) => [
  column(
    'Worker',
    { id: 'links', value: [exploreWorker()] },
    { id: 'mappings', value: isWhole ? [] : [matching(LONG_ID)] },
    { id: 'custom.width', value: isWhole ? 315 : 190 },
  ),
  column('Version', { id: 'custom.minWidth', value: 80 }),
  column(
    'State',
    { id: 'mappings', value: [words(states)] },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
    { id: 'custom.width', value: 85 + more },
  ),
  optional('Sessions', 90 + more, 'none'),
  optional('Dropped', 95 + more, 'none', NO_VALUE),
  {
    matcher: { id: 'byName', options: 'Dropped' },
    properties: [
      { id: 'color', value: { mode: 'fixed', fixedColor: PHASES.dropped.color } },
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
    ],
  },
  optional('Draining', 80 + more, 'dthms', NO_VALUE),
  optional('Timeout', 80 + more, 'dthms', NO_VALUE),
  optional('Last report', 100 + more, 'dthms'),
];

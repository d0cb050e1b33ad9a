import { count, time } from '../../lib/format.js';
import { type Line, span } from '../terminal/lines.js';
import type { Size } from '../terminal/screen.js';
import { wrap } from '../terminal/text.js';
import type { Fleet } from './fleet.js';
import { verdictLines } from './verdict-lines.js';
import { versionLines } from './version-lines.js';
import { SORTS, type SortKey, workerLines } from './worker-lines.js';

const FEWEST_WORKER_LINES = 6;

/** The fleet as lines, as many as there is room for; `source` is where the facts come from, in words. Pure. */
export function frame(fleet: Fleet, source: string, sort: SortKey, { columns, rows }: Size): Line[] {
  const { at, pools, trends, trouble } = fleet;
  const lines: Line[] = [[span('openrtc-otel top', 'bold'), span(`  ${time(at)}  ${source}`, 'gray')], []];
  if (trouble !== undefined) {
    const after = pools.length > 0 ? '. What follows is the last that was known.' : '';
    lines.push(...wrap(`Unknown: ${trouble}${after}`, columns).map((text): Line => [span(text, 'red')]), []);
  } else if (pools.length === 0) {
    lines.push([span('Waiting for a first report.')], []);
  }
  for (const status of pools) {
    // What is not known now must not look green.
    lines.push(...(trouble ? [[span(status.pool, 'bold')]] : verdictLines(status, columns)), []);
    lines.push(...versionLines(status.pool, status.workers, trends, columns), []);
  }
  const workers = pools.flatMap((status) => status.workers);
  if (workers.length === 0) return lines.slice(0, rows);
  const head = shorten(lines, rows - Math.min(FEWEST_WORKER_LINES, workers.length + 1));
  return [...head, ...workerLines(workers, sort, columns, rows - head.length)].slice(0, rows);
}

/** Many pools must not leave the workers without a line. */
function shorten(lines: readonly Line[], room: number): readonly Line[] {
  if (lines.length <= room) return lines;
  const kept = Math.max(0, room - 1);
  return [
    ...lines.slice(0, kept),
    [span(`  ${count(lines.length - kept, 'line')} of pools not shown`, 'gray')],
  ];
}

/** The keys, with the one that sorts now marked. */
export function keyLine(sort: SortKey): Line {
  const sorts = Object.entries(SORTS).flatMap(([key, { name }]) =>
    key === sort
      ? [span(' '), span(`${key} ${name}`, 'inverse')]
      : [span(' '), span(key, 'bold'), span(` ${name}`, 'gray')],
  );
  return [span('q', 'bold'), span(' quit  sort:', 'gray'), ...sorts];
}

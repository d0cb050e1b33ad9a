import type { Fleet } from './fleet.js';
import { type Line, span } from './lines.js';
import { wrap } from './text.js';
import { verdictLines } from './verdict-lines.js';
import { versionLines } from './version-rows.js';
import { SORTS, type SortKey, workerLines } from './worker-rows.js';

/** What there is room for, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const FEWEST_WORKER_LINES = 6;

/** The fleet as lines, as many as there is room for; `source` tells where it is known from. Pure. */
export function frame(fleet: Fleet, source: string, sort: SortKey, { columns, rows }: Size): Line[] {
  const { at, views, trends, trouble } = fleet;
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  const lines: Line[] = [[span('openrtc-otel top', 'bold'), span(`  ${time}  ${source}`, 'gray')], []];
  if (trouble !== undefined) {
    const after = views.length > 0 ? '. What follows is the last that was known.' : '';
    lines.push(...wrap(`Unknown: ${trouble}${after}`, columns).map((text): Line => [span(text, 'red')]), []);
  } else if (views.length === 0) {
    lines.push([span('Waiting for a first report.')], []);
  }
  for (const { pool, verdict, isGuess, rows: workers } of views) {
    // What is not known now must not look green.
    lines.push(...(trouble ? [[span(pool, 'bold')]] : verdictLines(pool, verdict, isGuess, columns)), []);
    lines.push(...versionLines(pool, workers, trends, columns), []);
  }
  const workers = views.flatMap(({ rows }) => rows);
  if (workers.length === 0) return lines.slice(0, rows);
  const head = shorten(lines, rows - Math.min(FEWEST_WORKER_LINES, workers.length + 1));
  return [...head, ...workerLines(workers, sort, columns, rows - head.length)].slice(0, rows);
}

/** Many pools must not leave the workers without a line. */
function shorten(lines: readonly Line[], room: number): Line[] {
  if (lines.length <= room) return [...lines];
  const kept = Math.max(0, room - 1);
  return [...lines.slice(0, kept), [span(`  ${lines.length - kept} lines of pools not shown`, 'gray')]];
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

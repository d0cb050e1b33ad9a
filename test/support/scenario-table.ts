import type { Result } from '../../examples/scenarios/play.js';

/** A scenario that was played, and what became of it. */
export interface Played {
  readonly name: string;
  readonly result: Result;
}

/** Scenario x step x source: when each gate said it, in s since the scenario began, and how it ended. */
export function scenarioTable(played: readonly Played[]): string {
  const sources = [...new Set(played.flatMap(({ result }) => result.ends.map(({ source }) => source)))];
  const rows = played.flatMap(({ name, result }) => [
    ...stepRows(result, sources).map(([step = '', ...times], index) => [
      index === 0 ? name : '',
      step,
      ...times,
    ]),
    [
      '',
      `end; callers saw ${result.callers.dropped} of ${result.callers.calls} calls dropped`,
      ...sources.map((source) => endOf(result, source)),
    ],
  ]);
  return aligned([['scenario', 'step', ...sources], ...rows]);
}

/** How long what was measured took, by source. */
export function measureTable(played: readonly Played[]): string {
  const rows = played.flatMap(({ name, result }) =>
    result.measures.map(({ what, source, seconds }) => [name, what, source, `${seconds.toFixed(2)} s`]),
  );
  return aligned([['scenario', 'from ... to', 'source', 'took'], ...rows]);
}

/** A gate sees its steps in the order in which all do. */
function stepRows({ seen }: Result, sources: readonly string[]): string[][] {
  const [first = [], ...others] = sources.map((source) => seen.filter((step) => step.source === source));
  return first.map(({ step, seconds }, index) => {
    const times = [seconds, ...others.map((steps) => steps[index]?.seconds ?? Number.NaN)];
    return [step, ...times.map((time) => `${time.toFixed(1)} s`)];
  });
}

function endOf({ ends }: Result, source: string): string {
  const { exitCode, verdict } = ends.find((end) => end.source === source) ?? {};
  const { confirmed = 0, presumed = 0 } = verdict?.dropped ?? {};
  return `exit ${exitCode}, dropped ${confirmed}+${presumed}`;
}

/** Rows as columns of text. */
export function aligned(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

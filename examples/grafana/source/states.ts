import { METRICS } from '../../../src/attributes.js';
import { STATES } from './phases.js';
import { draining, except, exited, folded, LATE, last, reported, where } from './workers.js';

/** The number of each worker's state, from {@link STATES}, of those seen in a window. */
export function states(window: string): string {
  const seen = { window };
  const gone = exited(seen);
  const known = [
    [gone, STATES.exited],
    [except(reported(seen), reported()), STATES.silent],
    [where(draining(), `(${last(METRICS.active)} == 0)`), STATES.drained],
    [LATE, STATES.late],
    [draining(), STATES.draining],
    [reported(), STATES.accepting],
  ] as const;
  return known.map(([workers, { value }]) => `(0 * ${folded('max', workers)} + ${value})`).join(' or ');
}

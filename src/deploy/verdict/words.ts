import type { Metric } from '../../attributes.js';
import { duration } from '../../lib/format.js';
import type { WorkerFacts } from '../facts.js';
import type { Assessment } from './assessment.js';

/** Names beyond this many are counted. */
const MOST_NAMES = 3;

/** The parts that apply, each as a sentence. */
export function sentences(...parts: (string | false)[]): string {
  return parts
    .filter((part) => part !== false)
    .map((part) => `${part}.`)
    .join(' ');
}

/** Workers by id and version. */
export function named(workers: readonly Pick<WorkerFacts, 'id' | 'version'>[]): string {
  const names = workers.slice(0, MOST_NAMES).map(({ id, version }) => `${id} (${version})`);
  const more = workers.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The form of a verb for so many. */
export const verb = (number: number, one: string, many: string): string => (number === 1 ? one : many);

/** Why nothing can be known of the pool, if so. */
export function blindness({ hasWitness, hasBegun, since = 0, now, silence }: Assessment): string | undefined {
  if (!hasBegun) return `Unknown: the window begins in ${duration((since - now) / 1000)}`;
  if (hasWitness) return undefined;
  return `Unknown: no worker of the pool has reported through the last ${duration(silence / 1000)}`;
}

/** The workers that do not report one of the gauges that a check needs, and those whose id is used twice. */
export function gaps(
  { incomplete, contradictory }: Assessment,
  ...needed: readonly Metric[]
): string | undefined {
  const names = needed.map(({ name }) => name);
  const lacking = names.flatMap((name) => {
    const without = incomplete.filter(({ missing }) => missing.includes(name));
    return without.length > 0
      ? [`${named(without)} ${verb(without.length, 'does', 'do')} not report ${name}`]
      : [];
  });
  const twice =
    contradictory.length > 0
      ? [
          `${named(contradictory)} had another start, or ${verb(contradictory.length, 'runs', 'run')} after the goodbye: an id is used twice`,
        ]
      : [];
  const all = [...lacking, ...twice];
  return all.length > 0 ? `Unknown: ${all.join('; ')}` : undefined;
}

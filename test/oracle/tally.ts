import { groupBy } from './group.js';
import type { Moment } from './play.js';
import { storyOf } from './story.js';
import { HARMLESS } from './world/world.js';

const STORIES = Number(process.env.ORACLE_STORIES ?? 12);

/** What came out of many worlds. */
export interface Tally {
  readonly judged: number;
  readonly complete: number;
  /** The same of worlds to which nothing bad happens. */
  readonly clean: { readonly judged: number; readonly complete: number; readonly demanded: number };
  readonly wrong: readonly Moment[];
}

export function tallyOf(moments: readonly Moment[]): Tally {
  const clean = moments.filter(({ world }) => world.ills.every((ill) => HARMLESS.includes(ill)));
  const complete = (some: readonly Moment[]) => some.filter(({ phase }) => phase === 'complete').length;
  return {
    judged: moments.length,
    complete: complete(moments),
    clean: {
      judged: clean.length,
      complete: complete(clean),
      demanded: clean.filter(({ demanded }) => demanded === 'complete').length,
    },
    wrong: moments.filter(({ complaints }) => complaints.length > 0),
  };
}

/** The numbers, the kinds of what went wrong with their seeds, and a story of each kind. */
export function report({ judged, complete, clean, wrong }: Tally, phases: readonly Moment[]): string {
  const kinds = groupBy(
    wrong.flatMap((moment) => moment.complaints.map(({ kind }) => ({ kind, moment }))),
    ({ kind }) => kind,
  );
  const byPhase = groupBy(phases, ({ phase }) => phase);
  const lines = [
    `${complete} of ${judged} verdicts are complete; in clean worlds ${clean.complete} of ${clean.judged}` +
      `, where ${clean.demanded} must be`,
    Array.from(byPhase, ([phase, some]) => `${phase} ${some.length}`).join(', '),
  ];
  const sorted = [...kinds].sort(([, a], [, b]) => b.length - a.length);
  for (const [kind, found] of sorted) {
    const seeds = [...new Set(found.map(({ moment }) => moment.world.seed))];
    lines.push(`${found.length} x ${kind}: seeds ${seeds.slice(0, 8).join(' ')}`);
  }
  for (const [, found] of sorted.slice(0, STORIES)) {
    const simplest = found.toSorted((a, b) => weight(a.moment) - weight(b.moment))[0];
    if (simplest) lines.push('', storyOf(simplest.moment));
  }
  return lines.join('\n');
}

/** Few ills and few workers are easy to understand. */
const weight = ({ world }: Moment) => world.ills.length * 100 + world.lives.length;

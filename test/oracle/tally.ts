import { groupBy } from './group.js';
import type { Moment } from './play.js';
import { storyOf } from './story.js';
import { HARMLESS } from './world/world.js';

const STORIES = 12;

/** What came out of many worlds. Only what is wrong is kept. */
export class Tally {
  judged = 0;
  complete = 0;
  /** The same of worlds to which nothing bad happens. */
  readonly clean = { judged: 0, complete: 0, demanded: 0 };
  readonly phases = new Map<string, number>();
  readonly wrong: Moment[] = [];

  add(moments: readonly Moment[]): void {
    for (const moment of moments) {
      const { world, phase, demanded, complaints } = moment;
      const isComplete = Number(phase === 'complete');
      this.judged++;
      this.complete += isComplete;
      this.phases.set(phase, (this.phases.get(phase) ?? 0) + 1);
      if (complaints.length > 0) this.wrong.push(moment);
      if (!world.ills.every((ill) => HARMLESS.includes(ill))) continue;
      this.clean.judged++;
      this.clean.complete += isComplete;
      this.clean.demanded += Number(demanded === 'complete');
    }
  }

  /** The numbers in a line. */
  get summary(): string {
    const { judged, complete, clean, phases } = this;
    return (
      `${complete} of ${judged} verdicts are complete; in clean worlds ${clean.complete} of ${clean.judged}` +
      `, where ${clean.demanded} must be (${Array.from(phases, ([phase, times]) => `${phase} ${times}`).join(', ')})`
    );
  }

  /** The kinds of what went wrong with their seeds, and a story of each kind. */
  get faults(): string {
    const kinds = groupBy(
      this.wrong.flatMap((moment) => moment.complaints.map(({ kind }) => ({ kind, moment }))),
      ({ kind }) => kind,
    );
    const lines: string[] = [];
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
}

/** Few ills and few workers are easy to understand. */
const weight = ({ world }: Moment) => world.ills.length * 100 + world.lives.length;

import { count } from '../../lib/format.js';
import type { Assessment } from './assessment.js';
import { named, verb } from './words.js';

/** What does not decide, and must not stay unseen: other pools, what matchers cut out, clocks. */
export function notesOf({ elsewhere, workers }: Assessment): string[] {
  const others = elsewhere.map(({ pool, version, workers: running, sessions }) => {
    const who = `${count(running, 'worker')} of ${pool} (${version})`;
    return `Not judged here: ${who} with ${count(sessions, 'session')}.`;
  });
  const withClock = (clock: 'ahead' | 'set back') => workers.filter((worker) => worker.clock === clock);
  const [ahead, setBack] = [withClock('ahead'), withClock('set back')];
  return [
    ...others,
    ...(ahead.length > 0 ? [`The clock of ${named(ahead)} is ahead.`] : []),
    ...(setBack.length > 0
      ? [
          `The clock of ${named(setBack)} was set back: the order of ${verb(setBack.length, 'its', 'their')} reports is that of their arrival.`,
        ]
      : []),
  ];
}

import type { Question } from '../world/world.js';
import { firstSighting, longestSilence, poolTimes, type Seen, SLACK, type View } from './view.js';

/** How long a presumption lasts. */
export const PRESUMED_MS = 300_000;

/** The time that a verdict is about, in ms of the world. */
export interface Window {
  readonly since: number;
  readonly isGiven: boolean;
  /**
   * Who vanished after this belongs to the deploy in any case. A given start is exact; without one, whoever vanished
   * shortly before the first sighting of the target does too.
   */
  vanishedSince(worker: Seen): number;
}

/**
 * The window of a question, undefined where it has none. `told` is the start that the facts have: by default, a first
 * sighting within a silence window of the oracle's own is as good.
 */
export function windowOf(view: View, question: Question, told?: number): Window | undefined {
  if (question.since !== undefined) {
    const { since } = question;
    return { since, isGiven: true, vanishedSince: () => since };
  }
  const sighting = firstSighting(view, question.target);
  if (sighting === undefined) return undefined;
  const isNear = told !== undefined && Math.abs(told - sighting) <= longestSilence(view);
  const since = isNear ? told : sighting;
  return { since, isGiven: false, vanishedSince: ({ silence }) => since - PRESUMED_MS - silence.least };
}

/** Whether nobody of the pool reported from a worker's last report until after the start of the window. */
export function isDarkAtStart(view: View, { since }: Window, worker: Seen, lastAt: number): boolean {
  if (lastAt >= since) return false;
  const next = poolTimes(view).find((at) => at > lastAt);
  return next !== undefined && next - lastAt > worker.silence.most + SLACK && next > since + SLACK;
}

/** Whether a worker is one that a restart, or the deploy of another version, is to replace. */
export function isOld(worker: Seen, { target, restart }: Question, { since }: Window): boolean | 'perhaps' {
  if (worker.version !== target) return true;
  if (!restart) return false;
  const { firstAt, startsAt = firstAt, lives } = worker;
  const [earlier, later] = [Math.min(firstAt, startsAt), Math.max(firstAt, startsAt)];
  const wasThere = lives.some(({ bornAt }) => bornAt < since);
  // By a clock that is ahead it seems new, by one that is behind a new one seems old.
  if (earlier < since - SLACK) return wasThere ? true : 'perhaps';
  return later > since + SLACK && !wasThere ? false : 'perhaps';
}

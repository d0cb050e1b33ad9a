import { assessDeploy, type DeployFacts } from '../../src/deploy/index.js';
import { type Answer, type Judged, judge } from './judge.js';
import type { SourceKind } from './truth/track.js';
import { type View, viewsOf } from './truth/view.js';
import type { Question, World } from './world/world.js';

/** A world at a moment, what was asked, and what came out. */
export interface Moment extends Judged {
  readonly world: World;
  readonly source: SourceKind;
  readonly view: View;
  readonly question: Question;
  readonly answer: Answer;
  readonly epoch: number;
}

/** What a gate asks a source for; the times are Unix ms. */
export interface Asked {
  readonly pool: string;
  readonly target: string;
  readonly since?: number;
}

/** Asks every question of a world at a moment, and holds the answers against the truth. */
export async function judgeMoment(
  world: World,
  source: SourceKind,
  now: number,
  epoch: number,
  read: (asked: Asked, question: Question) => Promise<DeployFacts>,
): Promise<Moment[]> {
  const view = viewsOf(world, source)(now);
  const moments: Moment[] = [];
  for (const question of world.questions) {
    const answer = await ask(question, (asked) => read({ pool: world.pool, ...asked }, question), epoch);
    const judged = judge(view, question, answer, epoch);
    moments.push({ world, source, view, question, answer, epoch, ...judged });
  }
  return moments;
}

async function ask(
  { target, since, expected, restart }: Question,
  read: (asked: Omit<Asked, 'pool'>) => Promise<DeployFacts>,
  epoch: number,
): Promise<Answer> {
  try {
    const facts = await read({ target, ...(since !== undefined && { since: epoch + since }) });
    try {
      const options = { target, ...(expected && { expected }), ...(restart && { restart }) };
      return { facts, verdict: assessDeploy(facts, options) };
    } catch (error) {
      return { facts, error };
    }
  } catch (error) {
    return { error };
  }
}

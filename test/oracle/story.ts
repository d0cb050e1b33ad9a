import type { Moment } from './play.js';
import type { Seen } from './truth/view.js';
import { type Life, lostAlone, lostAtEnd } from './world/life.js';
import type { World } from './world/world.js';

const seconds = (ms: number) => `${Math.round(ms / 100) / 10}`;

/** A moment of a world as a person reads it. Times in s of the world. */
export function storyOf(moment: Moment): string {
  const { world, question, answer, complaints, view, source, epoch } = moment;
  const { verdict, facts, error } = answer;
  const since = question.since === undefined ? 'the first sighting' : seconds(question.since);
  return [
    ...complaints.map(({ kind, detail }) => `${kind}${detail && `: ${detail}`}`),
    `  seed ${world.seed}, ${source}, ${world.plan.kind}; befallen by ${world.ills.join(', ') || 'nothing'}`,
    ...world.lives.map((life) => `    ${lifeStory(life)}`),
    ...(world.sourceStartsAt > 0 ? [`    the source begins at ${seconds(world.sourceStartsAt)}`] : []),
    `  judged at ${seconds(view.now)}: target ${question.target}, since ${since}, ` +
      `expected ${question.expected ?? 'not said'}${question.restart ? ', restart' : ''}`,
    ...view.workers.map((worker) => `    ${seenStory(worker)}`),
    verdict
      ? `  it is ${verdict.phase}, dropped ${JSON.stringify(verdict.dropped)}, since ${facts?.since === undefined ? '-' : seconds(facts.since - epoch)}` +
        `, covered since ${seconds((facts?.coveredSince ?? 0) - epoch)}`
      : `  it throws ${error}`,
    ...Object.values(verdict?.checks ?? {}).map(({ state, sentence }) => `    ${state}: ${sentence}`),
    `  again: ${replay(world, source)}`,
  ].join('\n');
}

const FILES = { receiver: 'test/oracle/receiver.test.ts', prometheus: 'test/e2e/oracle' };

function replay({ seed }: World, source: Moment['source']): string {
  const config = source === 'prometheus' ? ' --config vitest.e2e.config.ts' : '';
  return `ORACLE_SEEDS=${seed} npx vitest run${config} ${FILES[source]}`;
}

function lifeStory(life: Life): string {
  const { id, version, bornAt, intervalMs, drainAt, drainTimeoutMs, end, clock, cutAt, isSecond, toldStart } =
    life;
  const alone = lostAlone(life, Number.POSITIVE_INFINITY);
  return [
    `${id} ${version}${isSecond ? ' again' : ''} from ${seconds(bornAt)}, each ${seconds(intervalMs)} s`,
    toldStart === undefined ? '' : `says it started at ${seconds(toldStart)}`,
    drainAt === undefined ? '' : `drains from ${seconds(drainAt)}`,
    drainTimeoutMs === undefined ? '' : `for ${seconds(drainTimeoutMs)} s at most`,
    ...clock.map(({ from, offset }) => `clock off by ${seconds(offset)} s from ${seconds(from)}`),
    cutAt === undefined ? '' : `cut off at ${seconds(cutAt)}`,
    alone > 0 ? `${alone} die alone` : '',
    end === undefined
      ? 'lives'
      : `${end.how} at ${seconds(end.at)} with ${lostAtEnd(life)} sessions` +
        (end.how === 'kill' && end.recoveredAt ? `, recovered at ${seconds(end.recoveredAt)}` : ''),
  ]
    .filter(Boolean)
    .join(', ');
}

function seenStory({ id, version, firstAt, readings, missing, isContradictory }: Seen): string {
  const read = readings.map(({ lastAt, active, isDraining, isExited, isWhole }) => {
    const state = isExited ? `exited${isWhole ? '' : ' by half'}` : isDraining ? 'draining' : 'accepting';
    return `last ${seconds(lastAt)} ${state} ${active}`;
  });
  const more = [...missing.map((gauge) => `no ${gauge}`), ...(isContradictory ? ['contradictory'] : [])];
  return [`seen: ${id} ${version}, first ${seconds(firstAt)}`, [...new Set(read)].join(' or '), ...more].join(
    '; ',
  );
}

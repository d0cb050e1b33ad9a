import { describePlan } from './describe.js';
import { planOf } from './plan.js';
import { Play } from './play.js';

/**
 * A machine that starves a process for seconds makes weather of its own: a goodbye without a journal is lost, a worker
 * that runs looks silent. Then the seed is played again, this often at most.
 */
const MOST_PLAYS = 3;

/** @typedef {import('./play.js').Result & { plays: number }} Result */

/**
 * @typedef {object} Options
 * @property {number} seed The first one; each seed is a fleet with 1 to 4 deploys in a row.
 * @property {number} deploys How many in all.
 * @property {number} concurrency Fleets at a time.
 * @property {import('./play.js').Backend} backend
 * @property {(result: Result) => void} onResult
 */

/** Plays seed after seed until there were so many deploys. @param {Options} options */
export async function playAll({ seed, deploys, concurrency, backend, onResult }) {
  const runs = runsOf(seed, deploys);
  /** @type {Result[]} */
  const results = [];
  const lane = async () => {
    for (let run = runs.shift(); run; run = runs.shift()) {
      const result = await playOne(run, backend);
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return results;
}

/** @param {{ seed: number, deploys: number }} run @param {import('./play.js').Backend} backend */
async function playOne({ seed, deploys }, backend) {
  for (let plays = 1; ; plays++) {
    const result = await Play.run(seed, deploys, backend);
    if (result.problems.length === 0 || !result.isStarved || plays === MOST_PLAYS)
      return { ...result, plays };
  }
}

/** @param {number} first @param {number} deploys */
function runsOf(first, deploys) {
  const runs = [];
  for (let seed = first, left = deploys; left > 0; seed++) {
    const { steps } = planOf(seed, left);
    runs.push({ seed, deploys: steps.length });
    left -= steps.length;
  }
  return runs;
}

/** What went wrong with a seed, its plan, and how to play it again. @param {Result} result @param {string} source */
export function describeFailure({ seed, deploys, problems }, source) {
  return [
    ...problems,
    describePlan(planOf(seed, deploys)),
    `again: npm run chaos -- --seed ${seed} --deploys ${deploys} --source ${source}`,
  ].join('\n');
}

/** @param {Result} result */
export function describeResult({ seed, deploys, workers, calls, dropped, problems, skipped, plays }) {
  const outcome = problems.length === 0 ? 'told as it was' : `${problems.length} problems`;
  const played = `${deploys} deploys, ${workers} workers, ${calls} calls, ${dropped} dropped`;
  const again = plays > 1 ? [`played ${plays} times, for the machine was too slow`] : [];
  return [`seed ${seed}: ${played}: ${outcome}`, ...again, ...skipped].join('; ');
}

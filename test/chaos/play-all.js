import { describePlan } from './describe.js';
import { planOf } from './plan.js';
import { Play } from './play.js';

/** @typedef {import('./play.js').Result} Result */

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
      const result = await Play.run(run.seed, run.deploys, backend);
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return results;
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
export function describeResult({ seed, deploys, workers, calls, dropped, problems, skipped }) {
  const outcome = problems.length === 0 ? 'told as it was' : `${problems.length} problems`;
  const played = `${deploys} deploys, ${workers} workers, ${calls} calls, ${dropped} dropped`;
  return [`seed ${seed}: ${played}: ${outcome}`, ...skipped].join('; ');
}

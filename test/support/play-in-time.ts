import type { Scenario } from '../../examples/scenarios/index.js';
import { play, type Result } from '../../examples/scenarios/play.js';
import type { StageOptions } from '../../examples/scenarios/stage.js';

/** How often a scenario is played at most where the machine holds reports up. */
const MOST_PLAYS = 3;
/** A silence window is 4 intervals: whoever reports that often is seen in each third of it. */
const MOST_INTERVALS = 4 / 3;

/** What is wrong with a result of a scenario that began at a moment, in Unix ms. */
type Judge = (
  result: Result,
  pool: string,
  begunAt: number,
) => readonly string[] | Promise<readonly string[]>;

/**
 * Plays a scenario, in a pool of its name, and judges it. A machine that is busy with something else may hold reports
 * up for so long that workers look silent: what goes wrong then is played again, in another pool.
 */
export async function playInTime(
  scenario: Scenario,
  options: Omit<StageOptions, 'pool' | 'onReport'>,
  judge: Judge,
): Promise<{ readonly result: Result; readonly problems: readonly string[] }> {
  for (let plays = 1; ; plays++) {
    const pool = plays === 1 ? scenario.name : `${scenario.name}-${plays}`;
    const begunAt = Date.now();
    let isPunctual = true;
    const onReport = (gapSeconds: number) => {
      isPunctual &&= gapSeconds <= MOST_INTERVALS * options.intervalSeconds;
    };
    try {
      const result = await play(scenario, { ...options, pool, onReport });
      const problems = await judge(result, pool, begunAt);
      if (problems.length === 0 || isPunctual || plays === MOST_PLAYS) return { result, problems };
    } catch (error) {
      if (isPunctual || plays === MOST_PLAYS) throw error;
    }
  }
}

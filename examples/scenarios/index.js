import { readFileSync } from 'node:fs';
import { clean, leftover, outage, recreate, restart, rolling } from './cut-overs.js';
import { forced, kill, oom, stuck } from './losses.js';
import { crashloop, missing, rollback, superseded } from './setbacks.js';

/**
 * A deploy with real processes and real signals: what happens, and what a gate must say at each step.
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} title
 * @property {string} target The version that is deployed.
 * @property {number} exitCode Of the gate.
 * @property {(stage: import('./stage.js').Stage) => Promise<void>} play
 */

const PLAYS = {
  clean,
  rolling,
  recreate,
  restart,
  outage,
  leftover,
  kill,
  oom,
  forced,
  stuck,
  missing,
  crashloop,
  rollback,
  superseded,
};

/** @type {readonly (Omit<Scenario, 'play' | 'name'> & { name: keyof typeof PLAYS })[]} */
const LIST = JSON.parse(readFileSync(new URL('list.json', import.meta.url), 'utf8'));

/** @type {readonly Scenario[]} */
export const SCENARIOS = LIST.map((scenario) => ({ ...scenario, play: PLAYS[scenario.name] }));

export { prometheus, RECEIVER } from './gate.js';
export { play } from './play.js';

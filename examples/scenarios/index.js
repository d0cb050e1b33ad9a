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

/** @type {readonly Scenario[]} */
export const SCENARIOS = [
  {
    name: 'clean',
    title: 'blue-green: v2 comes up beside v1, v1 drains and exits',
    target: 'v2',
    exitCode: 0,
    play: clean,
  },
  { name: 'rolling', title: 'one worker after the other', target: 'v2', exitCode: 0, play: rolling },
  {
    name: 'recreate',
    title: 'all of v1 leave before v2 comes up',
    target: 'v2',
    exitCode: 0,
    play: recreate,
  },
  {
    name: 'restart',
    title: 'the same version, with new processes',
    target: 'v1',
    exitCode: 0,
    play: restart,
  },
  {
    name: 'outage',
    title: 'no report arrives for three intervals, in the middle of the drain',
    target: 'v2',
    exitCode: 0,
    play: outage,
  },
  {
    name: 'leftover',
    title: 'a v1 comes up again after the cut-over',
    target: 'v2',
    exitCode: 0,
    play: leftover,
  },
  {
    name: 'kill',
    title: 'a draining worker is killed with its calls',
    target: 'v2',
    exitCode: 10,
    play: kill,
  },
  { name: 'oom', title: 'a worker runs out of memory with its calls', target: 'v2', exitCode: 10, play: oom },
  { name: 'forced', title: 'the drain timeout cuts calls off', target: 'v2', exitCode: 10, play: forced },
  {
    name: 'stuck',
    title: 'a call never ends, and nothing cuts it off',
    target: 'v2',
    exitCode: 11,
    play: stuck,
  },
  { name: 'missing', title: 'one worker of v2 never comes up', target: 'v2', exitCode: 11, play: missing },
  {
    name: 'crashloop',
    title: 'one worker of v2 crashes again and again',
    target: 'v2',
    exitCode: 11,
    play: crashloop,
  },
  {
    name: 'rollback',
    title: 'back to v1 in the middle of the drain',
    target: 'v2',
    exitCode: 13,
    play: rollback,
  },
  {
    name: 'superseded',
    title: 'v3 comes up before v2 is done',
    target: 'v2',
    exitCode: 13,
    play: superseded,
  },
];

export { prometheus, RECEIVER } from './gate.js';
export { play } from './play.js';

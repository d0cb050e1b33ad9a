/** What the verdict's number means, and how it is shown. Green is for done alone. */
export const PHASES = {
  unknown: { value: 0, text: 'Unknown', color: '#808080' },
  done: { value: 1, text: 'Done', color: 'green' },
  notDone: { value: 2, text: 'Not done', color: 'blue' },
  stuck: { value: 3, text: 'Stuck', color: 'orange' },
  dropped: { value: 4, text: 'Sessions dropped', color: 'red' },
  noDeploy: { value: 5, text: 'No deploy', color: '#5a6b8c' },
} as const;

/** With one version there is nothing to check: the checks are as neutral as the verdict. */
export const UNJUDGED = { noDeploy: { ...PHASES.noDeploy, value: -1 } };

export type PhaseName = keyof typeof PHASES;

/** What the number of a worker's state means, and how it is shown. */
export const STATES = {
  accepting: { value: 1, text: 'accepting', color: 'green' },
  draining: { value: 2, text: 'draining', color: 'blue' },
  late: { value: 6, text: 'late', color: 'orange' },
  drained: { value: 3, text: 'drained', color: 'light-blue' },
  exited: { value: 4, text: 'exited', color: '#5a6b8c' },
  silent: { value: 5, text: 'silent', color: 'red' },
} as const;

/** The same of a worker that the deploy waits for: where it accepts, that is no good news. */
export const HELD_STATES = { ...STATES, accepting: { ...STATES.accepting, color: PHASES.notDone.color } };

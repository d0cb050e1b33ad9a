/** What the verdict's number means, and how it is shown. Green is for done alone. */
export const PHASES = {
  unknown: { value: 0, text: 'Unknown', color: '#808080' },
  done: { value: 1, text: 'Done', color: 'green' },
  notDone: { value: 2, text: 'Not done', color: 'blue' },
  stuck: { value: 3, text: 'Stuck', color: 'orange' },
  dropped: { value: 4, text: 'Sessions dropped', color: 'red' },
  noDeploy: { value: 5, text: 'No deploy', color: '#5a6b8c' },
} as const;

export type PhaseName = keyof typeof PHASES;

/** What the number of a worker's state means, and how it is shown. */
export const STATES = {
  accepting: { value: 1, text: 'accepting', color: 'green' },
  draining: { value: 2, text: 'draining', color: 'blue' },
  drained: { value: 3, text: 'drained', color: 'light-blue' },
  exited: { value: 4, text: 'exited', color: '#5a6b8c' },
  silent: { value: 5, text: 'silent', color: 'red' },
} as const;

/** What the verdict's number means, and how it is shown. Green is for done alone. */
export const PHASES = {
  unknown: { value: 0, text: 'Unknown', color: '#808080' },
  done: { value: 1, text: 'Done', color: 'green' },
  waiting: { value: 2, text: 'Waiting for the target', color: 'blue' },
  rolling: { value: 3, text: 'Rolling', color: 'blue' },
  draining: { value: 4, text: 'Draining', color: 'blue' },
  stuck: { value: 5, text: 'Stuck', color: 'orange' },
  dropped: { value: 6, text: 'Sessions dropped', color: 'red' },
  superseded: { value: 7, text: 'Superseded', color: 'purple' },
} as const;

export type PhaseName = keyof typeof PHASES;

/** What the number of a worker's state means, and how it is shown. */
export const STATES = {
  accepting: { value: 1, text: 'accepting', color: 'green' },
  draining: { value: 2, text: 'draining', color: 'yellow' },
  drained: { value: 3, text: 'drained', color: 'blue' },
  exited: { value: 4, text: 'exited', color: '#808080' },
  silent: { value: 5, text: 'silent', color: 'red' },
} as const;

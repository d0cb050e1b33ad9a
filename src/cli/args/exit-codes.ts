/** What the commands exit with. */
export const EXIT = {
  complete: 0,
  failed: 1,
  dropped: 10,
  notDone: 11,
  unknown: 12,
  superseded: 13,
  usage: 64,
  interrupted: 130,
  terminated: 143,
} as const;

import { spawnSync } from 'node:child_process';

/** Whether a program is on this machine. */
export const isInstalled = (program: string): boolean =>
  // Go has no option --version.
  spawnSync(program, [program === 'go' ? 'version' : '--version']).error === undefined;

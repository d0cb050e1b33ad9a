import { defineConfig } from 'vitest/config';
import { isInstalled } from './test/e2e/support/programs.js';
import { longestFirst } from './test/support/longest-first.js';

/** The programs that a machine may lack, and the tests that need them; all else is installed. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  go: [
    'chaos',
    'collector*',
    'deploys*',
    'grafana',
    'journal-prometheus',
    'livekit*',
    'nothing-known',
    'openrtc-python',
    'oracle',
    'prometheus*',
    'provisioning',
    'rules',
    'scenarios-prometheus',
  ],
  python3: ['openrtc-python'],
};

const leftOut = Object.entries(NEEDS).flatMap(([program, tests]) => {
  if (isInstalled(program)) return [];
  console.log(`left out, because ${program} is not on this machine: ${tests.join(', ')}`);
  return tests;
});

/** They judge in seconds what processes by the dozen do: nothing that computes for long may run beside them. */
const TIMED = ['scenarios-prometheus', 'livekit*', 'openrtc-python', 'chaos', 'collector*', 'grafana'];
const filesOf = (names: readonly string[]) => names.map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    globalSetup: 'test/e2e/support/tools.ts',
    // The first run on a machine installs the rarer tools.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'timed',
          include: filesOf(TIMED),
          exclude: filesOf(leftOut),
          maxWorkers: 2,
          sequence: {
            groupOrder: 0,
            sequencer: longestFirst(
              'e2e/scenarios-prometheus',
              'e2e/livekit',
              'e2e/chaos',
              'e2e/openrtc-python',
            ),
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'rest',
          include: ['test/e2e/**/*.test.ts'],
          exclude: filesOf([...TIMED, ...leftOut]),
          maxWorkers: 2,
          sequence: { groupOrder: 1, sequencer: longestFirst('e2e/versions') },
        },
      },
    ],
  },
});

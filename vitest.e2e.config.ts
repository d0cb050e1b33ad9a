import { spawnSync } from 'node:child_process';
import { defineConfig } from 'vitest/config';

/** The programs that a machine may lack, and the tests that need them; all else is installed. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  go: [
    'chaos',
    'collector*',
    'grafana',
    'journal-prometheus',
    'livekit*',
    'openrtc-python',
    'prometheus*',
    'provisioning',
    'rules',
    'scenarios-prometheus',
  ],
  python3: ['openrtc-python'],
};

const leftOut = Object.entries(NEEDS).flatMap(([program, tests]) => {
  // Go has no option --version.
  if (!spawnSync(program, [program === 'go' ? 'version' : '--version']).error) return [];
  console.log(`left out, because ${program} is not on this machine: ${tests.join(', ')}`);
  return tests;
});

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    exclude: leftOut.map((name) => `test/e2e/${name}.test.ts`),
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});

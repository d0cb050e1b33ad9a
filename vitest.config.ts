import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';

/** They compute for long: those that judge in seconds what processes do must not run beside them. */
const COMPUTED = ['test/oracle/*.test.ts', 'test/deploy/receiver/fuzz.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'timed',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...COMPUTED],
          // Most of them wait for processes, and those that wait for long run beside all others.
          maxWorkers: 3,
          sequence: {
            groupOrder: 0,
            sequencer: longestFirst(
              'scenarios',
              'bridge/run',
              'bridge/warnings',
              'wire/collector-faults',
              'bridge/processes',
              'cli/watch',
              'wire/secrets',
              'wire/environment',
              'cli/demo',
              'otlp/metrics',
              'otlp/provided',
              'cli/top',
              'wire/journal-recovery',
            ),
          },
        },
      },
      {
        extends: true,
        test: { name: 'computed', include: COMPUTED, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Their tests run them as processes, whose lines are not counted.
      exclude: [
        'src/cli/{main,watch,report,top,demo}.ts',
        'src/cli/args/sources.ts',
        'src/cli/terminal/screen.ts',
      ],
      reporter: ['text', 'json-summary'],
      thresholds: { lines: 95 },
    },
  },
});

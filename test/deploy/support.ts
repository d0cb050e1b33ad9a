import type { DeployFacts, WorkerFacts } from '../../src/deploy/facts.js';
import { assessDeploy } from '../../src/deploy/verdict/assess.js';
import type { AssessOptions } from '../../src/deploy/verdict/assessment.js';
import type { Verdict } from '../../src/deploy/verdict/verdict.js';

/** The moment of every assessment, in Unix ms; the window began ten minutes before. The silence window is 60 s. */
export const NOW = 1_800_000_000_000;
export const SINCE = NOW - 600_000;

/** So many seconds before now, in Unix ms. */
export const ago = (seconds: number) => NOW - seconds * 1000;

export type Given = Partial<Omit<WorkerFacts, 'startedAt' | 'firstReportAt' | 'lastReportAt'>> & {
  /** When it came up, in seconds before now. */
  readonly up?: number;
  /** When it last reported, in seconds before now. */
  readonly heard?: number;
};

/** A worker that has run for an hour on v1 and reported 5 s ago. */
export function worker({ up = 3600, heard = 5, ...given }: Given = {}): WorkerFacts {
  return {
    pool: 'voice',
    id: 'w-1',
    version: 'v1',
    startedAt: ago(up),
    firstReportAt: ago(up),
    lastReportAt: ago(heard),
    reportsSince: ago(up),
    intervalSeconds: 15,
    active: 0,
    earlier: { at: ago(Math.min(up, 300)), active: given.active ?? 0 },
    draining: false,
    dropped: 0,
    droppedBefore: 0,
    exited: false,
    isContradictory: false,
    missing: [],
    tenants: {},
    started: 0,
    ended: {},
    rejected: {},
    ...given,
  };
}

/** Workers of a version that came up together. */
export const fleet = (version: string, size: number, given: Given = {}): WorkerFacts[] =>
  Array.from({ length: size }, (_, index) => worker({ id: `${version}-${index}`, version, ...given }));

/** The old version, gone as it should be: exited two minutes ago. */
export const exited = (version: string, size: number, given: Given = {}): WorkerFacts[] =>
  fleet(version, size, { exited: true, draining: true, drainingSince: ago(400), heard: 120, ...given });

/** The new version, up since the start of the window. */
export const green = (size = 3, given: Given = {}): WorkerFacts[] => fleet('v2', size, { up: 590, ...given });

export const facts = (workers: readonly WorkerFacts[], given: Partial<DeployFacts> = {}): DeployFacts => ({
  now: NOW,
  since: SINCE,
  isSinceGiven: true,
  coveredSince: ago(86_400),
  workers,
  ...given,
});

export function assess(
  workers: readonly WorkerFacts[],
  { options, ...given }: Partial<DeployFacts> & { readonly options?: Partial<AssessOptions> } = {},
): Verdict {
  return assessDeploy(facts(workers, given), { target: 'v2', ...options });
}

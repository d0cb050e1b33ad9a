import { METRICS, type MetricKey, POOL_NAME, WORKER_ID, WORKER_VERSION } from '../../src/attributes.js';
import { WorkerTable } from '../../src/deploy/receiver/worker-table.js';
import { assessDeploy } from '../../src/deploy/verdict/assess.js';
import type { AssessOptions } from '../../src/deploy/verdict/assessment.js';
import type { Verdict } from '../../src/deploy/verdict/verdict.js';
import { point } from './receiver/points.js';

/** Unix ms of the time 0 of a story. */
export const T0 = 1_800_000_000_000;
/** Long before all of it: the source has seen everything. */
const LISTENING_SINCE = T0 - 86_400_000;

type Values = Readonly<Partial<Record<MetricKey, number>>>;

/** A worker of a story. Times in s after 0. */
export interface Played {
  readonly id: string;
  readonly version: string;
  readonly pool?: string;
  /** When it started. */
  readonly start?: number;
  /** From its first report to its last. */
  readonly reports: readonly [from: number, to: number];
  /** How often, in s. @default 15 */
  readonly every?: number;
  readonly active?: number | ((at: number) => number);
  readonly draining?: number | ((at: number) => number);
  /** How long it has drained. @default not reported */
  readonly drainElapsed?: (at: number) => number;
  /** How long it may drain, in s. @default not reported */
  readonly drainTimeout?: number;
  /** Sessions that it reports to have dropped. */
  readonly dropped?: number | ((at: number) => number);
  /** Its goodbye: when, and how many it dropped. */
  readonly goodbye?: { readonly at: number; readonly dropped?: number };
  /** Gauges that never arrive. */
  readonly without?: readonly MetricKey[];
  /** How far its clock is ahead, in s. */
  readonly ahead?: number | ((at: number) => number);
}

/** What arrives of a worker at one moment, in s. */
interface Request {
  readonly at: number;
  readonly worker: Played;
  readonly values: Values;
}

const valueAt = (value: number | ((at: number) => number) | undefined, at: number) =>
  typeof value === 'function' ? value(at) : (value ?? 0);

/** When a report is made by the worker's own clock, in s after 0. */
export const madeAt = ({ ahead }: Played, at: number): number => at + valueAt(ahead, at);

/** Its reports, the oldest first. */
export function requestsOf(worker: Played): Request[] {
  const { reports, every = 15, start = reports[0] - 5, goodbye, without = [], drainTimeout } = worker;
  const requests: Request[] = [];
  const add = (at: number, values: Values) => {
    const kept = Object.entries(values).filter(([key]) => !without.includes(key as MetricKey));
    requests.push({ at, worker, values: Object.fromEntries(kept) });
  };
  const always = {
    interval: every,
    startTime: T0 / 1000 + madeAt(worker, start),
    ...(drainTimeout !== undefined && { drainTimeout }),
  };
  for (let at = reports[0]; at <= reports[1]; at += every) {
    const [active, draining, dropped] = [worker.active, worker.draining, worker.dropped].map((value) =>
      valueAt(value, at),
    );
    const drain = worker.drainElapsed && { drainElapsed: worker.drainElapsed(at) };
    add(at, { active, draining, dropped, running: 1, ...drain, ...always } as Values);
  }
  if (goodbye) {
    const { at, dropped = 0 } = goodbye;
    add(at, { active: 0, draining: 1, dropped, running: 0, ...always });
  }
  return requests;
}

/** Plays workers into a receiver's table, and judges at a moment. */
export function playedPool(...workers: readonly Played[]) {
  const requests = workers.flatMap(requestsOf).sort((a, b) => a.at - b.at);
  const tableAt = (moment: number) => {
    const table = new WorkerTable(LISTENING_SINCE);
    for (const { at, worker, values } of requests.filter((request) => request.at <= moment)) {
      const attributes = {
        [POOL_NAME]: worker.pool ?? 'voice-prod',
        [WORKER_ID]: worker.id,
        [WORKER_VERSION]: worker.version,
      };
      const timeUnixMs = T0 + madeAt(worker, at) * 1000;
      const points = Object.entries(values).map(([key, value]) =>
        point(METRICS[key as MetricKey], value, { at: timeUnixMs, attributes }),
      );
      table.add(points, T0 + at * 1000);
    }
    return table;
  };
  return {
    judge(
      moment: number,
      options: Partial<AssessOptions> & { readonly since?: number; readonly pool?: string } = {},
    ): Verdict {
      const { since, pool = 'voice-prod', target = 'v2', ...more } = options;
      const given = since === undefined ? {} : { since: T0 + since * 1000 };
      const facts = tableAt(moment).read({ pool, target, ...given }, T0 + moment * 1000);
      return assessDeploy(facts, { target, ...more });
    },
  };
}

import { silenceWindow, type WorkerFacts } from './facts.js';

/** Replicas and relabelled copies of a worker as one row: a goodbye wins, else the maximum. */
export function foldCopies(workers: readonly WorkerFacts[]): WorkerFacts[] {
  const folded = new Map<string, WorkerFacts>();
  for (const worker of workers) {
    // With a length in front, no two identities have one key.
    const key = `${worker.id.length} ${worker.version.length} ${worker.id}${worker.version}${worker.pool}`;
    const other = folded.get(key);
    folded.set(key, other ? fold(other, worker) : worker);
  }
  return [...folded.values()];
}

function fold(a: WorkerFacts, b: WorkerFacts): WorkerFacts {
  const exited = a.exited || b.exited;
  const drainingSince = least(a.drainingSince, b.drainingSince);
  const drainTimeoutSeconds = most(a.drainTimeoutSeconds, b.drainTimeoutSeconds);
  return {
    pool: a.pool,
    id: a.id,
    version: a.version,
    startedAt: Math.min(a.startedAt, b.startedAt),
    firstReportAt: Math.min(a.firstReportAt, b.firstReportAt),
    lastReportAt: Math.max(a.lastReportAt, b.lastReportAt),
    reportsSince: reportsSince(a, b),
    intervalSeconds: Math.max(a.intervalSeconds, b.intervalSeconds),
    active: exited ? 0 : Math.max(a.active, b.active),
    earlier: a.earlier.active >= b.earlier.active ? a.earlier : b.earlier,
    draining: a.draining || b.draining,
    ...(drainingSince !== undefined && { drainingSince }),
    ...(drainTimeoutSeconds !== undefined && { drainTimeoutSeconds }),
    dropped: Math.max(a.dropped, b.dropped),
    droppedBefore: Math.max(a.droppedBefore, b.droppedBefore),
    exited,
    tenants: exited ? {} : mostOfEach(a.tenants, b.tenants),
    started: Math.max(a.started, b.started),
    ended: mostOfEach(a.ended, b.ended),
    rejected: mostOfEach(a.rejected, b.rejected),
  };
}

/** Since when one of the two has reported, where the later one took over without a gap. */
function reportsSince(a: WorkerFacts, b: WorkerFacts): number {
  const [earlier, later] = a.lastReportAt <= b.lastReportAt ? [a, b] : [b, a];
  const gap = later.reportsSince - earlier.lastReportAt;
  return gap <= silenceWindow(later) / 2
    ? Math.min(earlier.reportsSince, later.reportsSince)
    : later.reportsSince;
}

const given = (values: readonly (number | undefined)[]) => values.filter((value) => value !== undefined);
const least = (...values: (number | undefined)[]) =>
  given(values).length > 0 ? Math.min(...given(values)) : undefined;
const most = (...values: (number | undefined)[]) =>
  given(values).length > 0 ? Math.max(...given(values)) : undefined;

function mostOfEach(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((key) => [key, Math.max(own(a, key), own(b, key))]));
}

/** A tenant can be named as what every object inherits. */
const own = (counts: Readonly<Record<string, number>>, key: string) =>
  Object.hasOwn(counts, key) ? (counts[key] ?? 0) : 0;

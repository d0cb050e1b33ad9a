import { METRICS } from '../../attributes.js';
import { METRIC_OF_FACT, silenceWindow, type WorkerFacts } from '../facts.js';

const NEVER = Number.POSITIVE_INFINITY;

/** Replicas and relabelled copies of a worker as one row: a goodbye wins, values fold as their metrics do. */
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
  const isContradictory = a.isContradictory || b.isContradictory;
  const exited = (a.exited || b.exited) && !isContradictory;
  const drainingSince = Math.min(a.drainingSince ?? NEVER, b.drainingSince ?? NEVER);
  return {
    ...a,
    ...foldValues(a, b),
    firstReportAt: Math.min(a.firstReportAt, b.firstReportAt),
    lastReportAt: Math.max(a.lastReportAt, b.lastReportAt),
    reportsSince: reportsSince(a, b),
    earlier: a.earlier.active >= b.earlier.active ? a.earlier : b.earlier,
    draining: a.draining || b.draining,
    ...(drainingSince < NEVER && { drainingSince }),
    exited,
    isContradictory,
    missing: missingInBoth(a, b),
    ...(exited && { active: 0, tenants: {} }),
  };
}

/** A gauge that one copy has is not absent; but a goodbye must be whole in itself. */
function missingInBoth(a: WorkerFacts, b: WorkerFacts): readonly string[] {
  if (a.exited !== b.exited) return a.exited ? a.missing : b.missing;
  return a.missing.filter((name) => b.missing.includes(name));
}

/** Since when one of the two has reported, where the later one took over without a gap. */
function reportsSince(a: WorkerFacts, b: WorkerFacts): number {
  const [earlier, later] = a.lastReportAt <= b.lastReportAt ? [a, b] : [b, a];
  const gap = later.reportsSince - earlier.lastReportAt;
  return gap <= silenceWindow(later) / 2
    ? Math.min(earlier.reportsSince, later.reportsSince)
    : later.reportsSince;
}

function foldValues(a: WorkerFacts, b: WorkerFacts): Partial<WorkerFacts> {
  const facts = Object.keys(METRIC_OF_FACT) as (keyof typeof METRIC_OF_FACT)[];
  const folded = facts.map((fact) => [fact, foldValue(METRICS[METRIC_OF_FACT[fact]].fold, a[fact], b[fact])]);
  return Object.fromEntries(folded.filter(([, value]) => value !== undefined));
}

type Counts = Readonly<Record<string, number>>;
type How = 'max' | 'min';

function foldValue(how: How, a?: number | Counts, b?: number | Counts): number | Counts | undefined {
  if (typeof a !== 'object' || typeof b !== 'object') return foldNumbers(how, [a, b]);
  const labels = new Set([...Object.keys(a), ...Object.keys(b)]);
  // A tenant can be named as what every object inherits.
  const own = (counts: Counts, label: string) => (Object.hasOwn(counts, label) ? counts[label] : undefined);
  return Object.fromEntries(
    [...labels].map((label) => [label, foldNumbers(how, [own(a, label), own(b, label)]) ?? 0]),
  );
}

function foldNumbers(how: How, values: readonly unknown[]): number | undefined {
  const known = values.filter((value) => typeof value === 'number');
  return known.length > 0 ? Math[how](...known) : undefined;
}

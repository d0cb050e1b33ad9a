import type { Attributes } from '@opentelemetry/api';
import {
  label,
  OTHER_TENANTS,
  REJECTION_REASONS,
  type RejectionReason,
  SESSION_OUTCOMES,
  type SessionOutcome,
} from './attributes.js';
import type { PoolLike } from './pool.js';
import { isCount, isRecord, isSeconds, silence } from './rules.js';
import { errorClass, Trouble } from './say.js';

/** Who a worker is. Fixed for its life. */
export interface WorkerIdentity {
  readonly poolName: string;
  readonly workerId: string;
  readonly version: string;
  /** Unix time in milliseconds. */
  readonly startedAt: number;
  /** What every datapoint carries: the three names above and the user's own. */
  readonly attributes: Attributes;
}

/** What happened in a worker's life so far. */
export interface Totals {
  started: number;
  readonly ended: Record<SessionOutcome, number>;
  readonly rejected: Record<RejectionReason, number>;
}

const zeros = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;

export const noTotals = (): Totals => ({
  started: 0,
  ended: zeros(SESSION_OUTCOMES),
  rejected: zeros(REJECTION_REASONS),
});

export const copyTotals = (totals: Totals): Totals => ({
  started: totals.started,
  ended: { ...totals.ended },
  rejected: { ...totals.rejected },
});

export const subtractTotals = (totals: Totals, before: Totals): Totals => ({
  started: totals.started - before.started,
  ended: subtract(totals.ended, before.ended),
  rejected: subtract(totals.rejected, before.rejected),
});

function subtract<K extends string>(counts: Record<K, number>, before: Record<K, number>): Record<K, number> {
  const rest = { ...counts };
  for (const key of Object.keys(before) as K[]) rest[key] -= before[key];
  return rest;
}

/** The facts of one moment: what a report tells. A fact that the pool never told is undefined. */
export interface Report {
  /** False only in the goodbye. */
  readonly running: boolean;
  /** Whether the snapshot was bad, so that facts are those of an earlier one. */
  readonly isStale: boolean;
  readonly active: number | undefined;
  readonly draining: boolean | undefined;
  readonly dropped: number;
  readonly intervalSeconds: number;
  readonly drainElapsedSeconds: number;
  readonly drainTimeoutSeconds: number | undefined;
  readonly tenants: ReadonlyMap<string, number>;
  readonly totals: Totals;
}

interface WorkerOptions {
  readonly drainTimeoutSeconds: number | undefined;
  readonly tenantLimit: number | undefined;
  intervalSeconds(): number;
  /** Live sessions by tenant, for a pool whose snapshot does not tell. */
  sessionsByTenant(): Record<string, number>;
}

/** Reads a pool's snapshots. A bad one is said once and the last good value of each fact stands. */
export class Worker {
  readonly totals = noTotals();
  /** What the pool had counted before it was first asked: an earlier process may have told it. */
  countedBefore = noTotals();
  readonly #tenants = new Map<string, number>();
  readonly #trouble = new Trouble('the pool gives good snapshots again');
  #active: number | undefined;
  #draining: boolean | undefined;
  #drainTimeoutSeconds: number | undefined;
  #drainingSince: number | undefined;
  #hasTotals = false;

  constructor(
    readonly pool: PoolLike,
    readonly options: WorkerOptions,
  ) {
    this.#drainTimeoutSeconds = options.drainTimeoutSeconds;
  }

  /** Never throws. */
  read(): Report {
    const fault = this.#readSnapshot();
    if (fault) this.#trouble.broke(`bad snapshot of the pool: ${fault}; its last good values stand`);
    else this.#trouble.healed();
    return {
      running: true,
      isStale: fault !== undefined,
      active: this.#active,
      draining: this.#draining,
      dropped: this.totals.ended.dropped,
      intervalSeconds: this.options.intervalSeconds(),
      drainElapsedSeconds:
        this.#drainingSince === undefined ? 0 : (performance.now() - this.#drainingSince) / 1000,
      drainTimeoutSeconds: this.#drainTimeoutSeconds,
      tenants: this.#tenants,
      totals: this.totals,
    };
  }

  /** Takes what is good of a snapshot, and tells what is not. */
  #readSnapshot(): string | undefined {
    try {
      const snapshot = this.pool.runtimeSnapshot();
      silence(snapshot);
      const { activeSessions, draining, drainTimeoutSeconds, sessionsByTenant, sessionsEnded } = snapshot;
      const faults: string[] = [];
      const expect = (isGood: boolean, name: string, expected: string, given: unknown) => {
        if (!isGood) faults.push(`${name}: expected ${expected}, got ${kind(given)}`);
        return isGood;
      };
      const isTold = drainTimeoutSeconds !== undefined && drainTimeoutSeconds !== null;
      if (expect(isCount(activeSessions), 'activeSessions', 'a whole number', activeSessions)) {
        this.#active = activeSessions;
      }
      if (expect(typeof draining === 'boolean', 'draining', 'a boolean', draining))
        this.#noteDraining(draining);
      if (
        isTold &&
        expect(isSeconds(drainTimeoutSeconds), 'drainTimeoutSeconds', 'seconds', drainTimeoutSeconds)
      ) {
        this.#drainTimeoutSeconds = this.options.drainTimeoutSeconds ?? drainTimeoutSeconds;
      }
      if (sessionsEnded !== undefined) {
        const { totalSessionsStarted: started } = snapshot;
        const expected = 'a record of whole numbers, with totalSessionsStarted';
        expect(this.#takeTotals(started, sessionsEnded), 'sessionsEnded', expected, sessionsEnded);
      }
      if (this.options.tenantLimit !== undefined) {
        const counts = sessionsByTenant ?? this.options.sessionsByTenant();
        expect(this.#countTenants(counts), 'sessionsByTenant', 'a record of whole numbers', counts);
      }
      return faults[0];
    } catch (error) {
      return `runtimeSnapshot() threw ${errorClass(error)}`;
    }
  }

  /** What the pool counts goes over what its observer was told. */
  #takeTotals(started: unknown, ended: unknown): boolean {
    if (!isCount(started) || !isRecord(ended) || !Object.values(ended).every(isCount)) return false;
    this.totals.started = started;
    for (const outcome of SESSION_OUTCOMES) this.totals.ended[outcome] = Number(ended[outcome] ?? 0);
    if (!this.#hasTotals) this.countedBefore = copyTotals(this.totals);
    this.#hasTotals = true;
    return true;
  }

  #noteDraining(draining: boolean): void {
    this.#draining = draining;
    if (!draining) this.#drainingSince = undefined;
    else this.#drainingSince ??= performance.now();
  }

  /** A tenant keeps its series, so one that is gone counts 0; one whose count is bad keeps its last. */
  #countTenants(counts: unknown): boolean {
    if (!isRecord(counts)) return false;
    const now = new Map<string, number>();
    const bad = new Set<string>();
    for (const [tenant, count] of Object.entries(counts)) {
      const series = this.#tenantSeries(label(tenant));
      if (isCount(count)) now.set(series, (now.get(series) ?? 0) + count);
      else bad.add(series);
    }
    for (const series of this.#tenants.keys()) {
      if (!bad.has(series)) this.#tenants.set(series, now.get(series) ?? 0);
    }
    return bad.size === 0;
  }

  #tenantSeries(tenant: string): string {
    const limit = (this.options.tenantLimit ?? 0) + Number(this.#tenants.has(OTHER_TENANTS));
    const series = this.#tenants.has(tenant) || this.#tenants.size < limit ? tenant : OTHER_TENANTS;
    if (!this.#tenants.has(series)) this.#tenants.set(series, 0);
    return series;
  }
}

/** What a report becomes when it is the last: nothing is active any more, and what was is dropped. */
export function lastReport(report: Report): Report {
  return {
    ...report,
    running: false,
    active: 0,
    dropped: report.dropped + (report.active ?? 0),
    tenants: new Map([...report.tenants.keys()].map((tenant) => [tenant, 0])),
  };
}

/** What was given, without the value: it can be anything. */
function kind(value: unknown): string {
  return typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value;
}

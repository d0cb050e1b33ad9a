import type { Attributes } from '@opentelemetry/api';
import {
  OTHER_TENANTS,
  REJECTION_REASONS,
  type RejectionReason,
  SESSION_OUTCOMES,
  type SessionOutcome,
} from './attributes.js';
import type { PoolLike } from './pool.js';
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

/** The facts of one moment: what a report tells. A fact that the pool never told is undefined. */
export interface Report {
  /** False only in the goodbye. */
  readonly running: boolean;
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

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isSeconds = (value: unknown): value is number => Number.isFinite(value) && Number(value) >= 0;

/** Reads a pool's snapshots. A bad one is said once and the last good value of each fact stands. */
export class Worker {
  readonly totals = noTotals();
  readonly #tenants = new Map<string, number>();
  readonly #trouble = new Trouble('the pool gives good snapshots again');
  #active: number | undefined;
  #draining: boolean | undefined;
  #drainTimeoutSeconds: number | undefined;
  #drainingSince: number | undefined;

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

  #readSnapshot(): string | undefined {
    try {
      const snapshot = this.pool.runtimeSnapshot();
      const { activeSessions, draining, drainTimeoutSeconds, sessionsByTenant } = snapshot;
      if (isCount(activeSessions)) this.#active = activeSessions;
      if (typeof draining === 'boolean') this.#noteDraining(draining);
      if (this.options.drainTimeoutSeconds === undefined && isSeconds(drainTimeoutSeconds)) {
        this.#drainTimeoutSeconds = drainTimeoutSeconds;
      }
      if (this.options.tenantLimit !== undefined)
        this.#countTenants(sessionsByTenant ?? this.options.sessionsByTenant());
      if (!isCount(activeSessions))
        return `activeSessions: expected a whole number, got ${kind(activeSessions)}`;
      if (typeof draining !== 'boolean') return `draining: expected a boolean, got ${kind(draining)}`;
      return undefined;
    } catch (error) {
      return `runtimeSnapshot() threw ${errorClass(error)}`;
    }
  }

  #noteDraining(draining: boolean): void {
    this.#draining = draining;
    if (!draining) this.#drainingSince = undefined;
    else this.#drainingSince ??= performance.now();
  }

  /** A tenant keeps its series, so one that is gone counts 0. */
  #countTenants(counts: Readonly<Record<string, number>>): void {
    for (const tenant of this.#tenants.keys()) this.#tenants.set(tenant, 0);
    for (const [tenant, count] of Object.entries(counts)) {
      if (!isCount(count)) continue;
      const isKnown = this.#tenants.has(tenant) || this.#tenants.size < this.#tenantLimit();
      const series = isKnown ? tenant : OTHER_TENANTS;
      this.#tenants.set(series, (this.#tenants.get(series) ?? 0) + count);
    }
  }

  #tenantLimit(): number {
    const limit = this.options.tenantLimit ?? 0;
    return this.#tenants.has(OTHER_TENANTS) ? limit + 1 : limit;
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

import type { Attributes } from '@opentelemetry/api';
import {
  attributeValue,
  METRIC_KEYS,
  METRICS,
  type Metric,
  OTHER_TENANTS,
  REJECTION_REASONS,
  type RejectionReason,
  type Report,
  SESSION_OUTCOMES,
  type SessionOutcome,
} from '../attributes.js';
import { ignoreRejection, isCount, isRecord, isSeconds } from '../lib/validate.js';
import { errorClass, Trouble } from '../lib/warn.js';
import { internalsOf, type PoolLike, type PoolTotals, type RuntimeSnapshot } from './pool.js';

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

/** What happened in a worker's life so far: the counters. */
export interface Totals {
  started: number;
  readonly ended: Record<SessionOutcome, number>;
  readonly rejected: Record<RejectionReason, number>;
}

const zeros = <Key extends string>(keys: readonly Key[]) =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;

/** A zero for each value that is known beforehand. */
export const noTotals = (): Totals => ({
  started: 0,
  ended: zeros(SESSION_OUTCOMES),
  rejected: zeros(REJECTION_REASONS),
});

interface WorkerOptions {
  /** Unix ms. */
  readonly startedAt: number;
  readonly drainTimeoutSeconds: number | undefined;
  readonly tenantLimit: number | undefined;
  intervalSeconds(): number;
  /** Live sessions by tenant, for a pool whose snapshot does not tell. */
  sessionsByTenant(): Record<string, number>;
}

/**
 * Reads a pool's snapshots. A bad one is warned of once. While they are bad, how many sessions are active and whether the
 * worker drains is not known: old values would be taken for true. Of what decides nothing the last good value stands.
 */
export class Worker {
  readonly totals = noTotals();
  /** Active sessions as of the last snapshot that told. */
  lastActive: number | undefined;
  readonly #tenants = new Map<string, number>();
  readonly #trouble = new Trouble('the pool gives good snapshots again');
  #active: number | undefined;
  #isDraining: boolean | undefined;
  #drainTimeoutSeconds: number | undefined;
  #drainingSince: number | undefined;

  constructor(
    readonly pool: PoolLike,
    readonly options: WorkerOptions,
  ) {
    this.#drainTimeoutSeconds = options.drainTimeoutSeconds;
  }

  /** The values of this moment. Never throws. */
  read(): Report {
    const fault = this.#readSnapshot();
    if (fault) this.#trouble.broke(`bad snapshot of the pool: ${fault}`);
    else this.#trouble.healed();
    return {
      active: this.#active,
      draining: this.#isDraining === undefined ? undefined : Number(this.#isDraining),
      running: 1,
      dropped: this.totals.ended.dropped,
      startTime: this.options.startedAt / 1000,
      interval: this.options.intervalSeconds(),
      drainElapsed: this.#drainingSince === undefined ? 0 : (performance.now() - this.#drainingSince) / 1000,
      drainTimeout: this.#drainTimeoutSeconds,
      tenants: [...this.#tenants],
      started: this.totals.started,
      ended: Object.entries(this.totals.ended),
      rejected: Object.entries(this.totals.rejected),
    };
  }

  /** Takes what is good of a snapshot, each fact by itself, and tells what is not. */
  #readSnapshot(): string | undefined {
    this.#active = undefined;
    this.#isDraining = undefined;
    try {
      const snapshot = this.pool.runtimeSnapshot();
      ignoreRejection(snapshot);
      const facts = new Facts(snapshot);
      this.#active = facts.read('activeSessions', 'a whole number', isCount);
      this.lastActive = this.#active ?? this.lastActive;
      this.#isDraining = facts.read('draining', 'a boolean', isBoolean);
      if (this.#isDraining !== undefined) this.#noteDraining(this.#isDraining);
      const timeout = facts.read('drainTimeoutSeconds', 'seconds', isTimeout);
      const internals = internalsOf(this.pool);
      this.#drainTimeoutSeconds =
        internals?.drainLimitSeconds?.() ??
        this.options.drainTimeoutSeconds ??
        timeout ??
        this.#drainTimeoutSeconds;
      const totals = internals?.totals?.();
      if (totals) this.#takeTotals(totals);
      if (this.options.tenantLimit !== undefined) {
        facts.read('sessionsByTenant', 'a record of whole numbers', (counts) =>
          this.#countTenants(counts ?? this.options.sessionsByTenant()),
        );
      }
      return facts.fault;
    } catch (error) {
      return `runtimeSnapshot() threw ${errorClass(error)}`;
    }
  }

  /** What the pool counts goes over what its observer saw. */
  #takeTotals({ started, ended }: PoolTotals): void {
    this.totals.started = started;
    for (const outcome of SESSION_OUTCOMES) this.totals.ended[outcome] = ended[outcome] ?? 0;
  }

  #noteDraining(draining: boolean): void {
    if (!draining) this.#drainingSince = undefined;
    else this.#drainingSince ??= performance.now();
  }

  /** A tenant keeps its series, so one that is gone counts 0; one whose count is bad keeps its last. */
  #countTenants(counts: unknown): boolean {
    if (!isRecord(counts)) return false;
    const now = new Map<string, number>();
    const bad = new Set<string>();
    for (const [tenant, count] of Object.entries(counts)) {
      const series = this.#tenantSeries(attributeValue(tenant));
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

/** What a goodbye reports, given the last report: gauges only, and only what is known. */
export function goodbyeOf(last: Partial<Report>): Partial<Report> {
  const values = METRIC_KEYS.flatMap((key) => {
    const metric: Metric = METRICS[key];
    const value = last[key];
    if (metric.kind === 'counter' || value === undefined) return [];
    const final = (given: number) => (metric.goodbye ? metric.goodbye(last) : given);
    const isNumber = typeof value === 'number';
    const said = isNumber ? final(value) : value.map(([label, count]) => [label, final(count)]);
    return said === undefined ? [] : [[key, said]];
  });
  return Object.fromEntries(values);
}

const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
/** Not every pool has one. */
const isTimeout = (value: unknown): value is number | null | undefined =>
  value === undefined || value === null || isSeconds(value);

/** The facts of a snapshot. One that is bad, or cannot be read, hides no other. */
class Facts {
  /** The first thing that is wrong. */
  fault: string | undefined;

  constructor(readonly snapshot: RuntimeSnapshot) {}

  /** A fact; undefined where it is bad. */
  read<T>(
    name: keyof RuntimeSnapshot,
    expected: string,
    isGood: ((value: unknown) => value is T) | ((value: unknown) => boolean),
  ): T | undefined {
    let problem: string;
    try {
      const value: unknown = this.snapshot[name];
      if (isGood(value)) return value as T;
      problem = `expected ${expected}, got ${kind(value)}`;
    } catch (error) {
      problem = `reading it threw ${errorClass(error)}`;
    }
    this.fault ??= `${name}: ${problem}`;
    return undefined;
  }
}

/** What was given, without the value: it can be anything. */
function kind(value: unknown): string {
  return typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value;
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Goodbye, Telemetry } from '../instrument/handle.js';
import { instrument } from '../instrument.js';
import { OpenRtcPythonPool } from './openrtc-python.js';

/** What all workers of a bridge have in common. */
export interface LifeOptions {
  readonly poolName?: string | undefined;
  /** Where the worker does not report its version. */
  readonly deploymentVersion?: string | undefined;
  readonly drainTimeoutSeconds?: number | undefined;
  readonly tenantLimit?: number | undefined;
}

interface LifeFacts {
  /** The file, socket or URL by which the worker is known. */
  readonly source: string;
  /** Unix seconds. */
  readonly startedAt: number;
  readonly version: string | undefined;
  readonly hasStream: boolean;
  /** When this process began to look for the worker, in Unix milliseconds. */
  readonly watchedSince: number;
}

const usedIds = new Set<string>();

/** One worker, from its first sign to its goodbye. */
export class WorkerLife {
  readonly pool: OpenRtcPythonPool;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly #facts: LifeFacts;
  #telemetry: Telemetry | undefined;

  constructor(
    facts: LifeFacts,
    readonly options: LifeOptions,
  ) {
    // Whole seconds, so that another process that reads the same worker comes to the same start. Down, because a start
    // that is yet to come would be taken for now.
    const startedAt = Math.floor(facts.startedAt);
    this.#facts = { ...facts, startedAt };
    this.startedAt = startedAt * 1000;
    this.pool = new OpenRtcPythonPool({
      startedAt,
      deploymentVersion: facts.version ?? options.deploymentVersion,
      drainTimeoutSeconds: options.drainTimeoutSeconds,
      hasStream: facts.hasStream,
      watchedSince: facts.watchedSince,
    });
  }

  /** Whether it is reported. */
  get isReported(): boolean {
    return this.#telemetry !== undefined;
  }

  /** What it is reported as. */
  get name(): string {
    const { workerId, deploymentVersion } = this.#telemetry ?? {};
    return `${workerId} (${deploymentVersion})`;
  }

  /** Starts its reports; what the pool counted before is not reported as new. */
  report(): void {
    const { poolName, tenantLimit } = this.options;
    this.#telemetry = instrument(this.pool, {
      workerId: this.#newId(),
      ...(poolName !== undefined && { poolName }),
      ...(tenantLimit !== undefined && { tenantLimit }),
    });
  }

  /** The last report. Whoever calls it has ended the pool. */
  async sayGoodbye(): Promise<Goodbye> {
    return (await this.#telemetry?.shutdown({ now: true })) ?? { delivered: false, droppedSessions: 0 };
  }

  /** The same in every process that reads this worker, so that a bridge that is restarted invents none. */
  #newId(): string {
    for (let life = 1; ; life++) {
      const { source, startedAt } = this.#facts;
      const hash = createHash('sha256').update(`${source} ${startedAt} ${life}`).digest('hex');
      const id = `${hostname()}-${hash.slice(0, 8)}`;
      // A goodbye is for ever: a worker that was given up and comes back is another one.
      if (usedIds.has(id)) continue;
      usedIds.add(id);
      return id;
    }
  }
}

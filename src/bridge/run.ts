import { setTimeout as sleep } from 'node:timers/promises';
import { warn } from '../lib/warn.js';
import { DrainSignal } from './drain-signal.js';
import { filesOf, isPattern } from './streams.js';
import type { LifeOptions, WorkerLife } from './worker-life.js';
import { type Sources, WorkerWatch } from './worker-watch.js';

const UPDATE_EVERY_MS = 250;
/** How often a pattern is matched with the files that there are. */
const SCAN_EVERY_MS = 1_000;

/** Options of {@link runBridge}. */
export interface BridgeOptions extends LifeOptions {
  /** Where workers are read. With a pattern as `jsonl` every file is a worker, and nothing else is read. */
  readonly sources: Sources;
  /** A file whose existence says that the workers drain. */
  readonly drainFile?: string | undefined;
  /** Aborted to end the bridge: the workers drain, and it ends with the last of them. */
  readonly signal: AbortSignal;
  /** Gets a line for each thing that happens. */
  print(line: string): void;
}

/**
 * Reports OpenRTC (Python) workers until `signal`, and then until the last of them is gone.
 *
 * @returns whether every goodbye was delivered
 */
export async function runBridge(options: BridgeOptions): Promise<boolean> {
  const drain = new DrainSignal(options.drainFile);
  const goodbyes = new Set<Promise<void>>();
  let isDelivered = true;
  let isTimeoutMissed = false;

  const sayGoodbye = async (life: WorkerLife, faults: readonly string[]) => {
    const { delivered, droppedSessions } = await life.sayGoodbye();
    if (!delivered) isDelivered = false;
    const notes = [`${droppedSessions} dropped`, ...faults];
    const how = delivered ? 'goodbye delivered' : 'GOODBYE NOT DELIVERED';
    options.print(`worker ${life.name} is gone: ${how}, ${notes.join(', ')}`);
  };
  const missTimeout = () => {
    if (options.drainTimeoutSeconds !== undefined || isTimeoutMissed) return;
    isTimeoutMissed = true;
    warn(
      'a worker drains, and no --drain-timeout is given: OpenRTC reports a session that its drain timeout cuts off ' +
        'as a success',
    );
  };
  const watches = new Watches(options.sources, (sources) => {
    return new WorkerWatch({
      ...options,
      sources,
      drainingSince: (startedAt) => drain.since(startedAt),
      onBirth: (life) => options.print(`worker ${life.name} is reported`),
      onDrain: missTimeout,
      onDeath: (life, faults) => {
        const goodbye = sayGoodbye(life, faults).finally(() => goodbyes.delete(goodbye));
        goodbyes.add(goodbye);
      },
    });
  });

  for (;;) {
    if (options.signal.aborted) drain.request();
    watches.update();
    if (drain.isRequested && !watches.haveLife) break;
    await sleep(UPDATE_EVERY_MS, undefined, { signal: drain.isRequested ? undefined : options.signal }).catch(
      () => {},
    );
  }
  watches.close();
  await Promise.all(goodbyes);
  return isDelivered;
}

/** One watch, or one for each file of a pattern. */
class Watches {
  readonly #byPath = new Map<string, WorkerWatch>();
  /** A file that is moved to another name of the pattern is no new worker's. */
  readonly #knownFiles = new Set<string>();
  #scannedAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly sources: Sources,
    readonly create: (sources: Sources) => WorkerWatch,
  ) {}

  get haveLife(): boolean {
    return [...this.#byPath.values()].some(({ hasLife }) => hasLife);
  }

  update(): void {
    this.#scan();
    for (const watch of this.#byPath.values()) {
      watch.update();
      if (watch.fileId !== undefined) this.#knownFiles.add(watch.fileId);
    }
  }

  close(): void {
    for (const watch of this.#byPath.values()) watch.close();
  }

  #scan(): void {
    if (performance.now() - this.#scannedAt < SCAN_EVERY_MS) return;
    this.#scannedAt = performance.now();
    const { jsonl } = this.sources;
    if (jsonl === undefined || !isPattern(jsonl)) {
      if (!this.#byPath.has('')) this.#byPath.set('', this.create(this.sources));
      return;
    }
    const files = filesOf(jsonl);
    for (const { path, id } of files) {
      if (this.#byPath.has(path) || this.#knownFiles.has(id)) continue;
      this.#byPath.set(path, this.create({ jsonl: path }));
    }
    const paths = new Set(files.map(({ path }) => path));
    for (const [path, watch] of this.#byPath) {
      if (paths.has(path) || watch.hasLife) continue;
      watch.close();
      this.#byPath.delete(path);
    }
  }
}

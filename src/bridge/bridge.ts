import { setTimeout as sleep } from 'node:timers/promises';
import { DrainSignal } from './drain-signal.js';
import { filesOf, isPattern } from './streams.js';
import type { LifeOptions, WorkerLife } from './worker-life.js';
import { type Sources, WorkerWatch } from './worker-watch.js';

const LOOK_EVERY_MS = 250;
/** How often a pattern is matched with the files that there are. */
const SCAN_EVERY_MS = 1_000;

/** Options of {@link runBridge}. */
export interface BridgeOptions extends LifeOptions {
  /** Where workers are read. With a pattern as `jsonl` every file is a worker, and nothing else is read. */
  readonly sources: Sources;
  /** A file whose existence says that the workers drain. */
  readonly drainFile: string | undefined;
  /** Aborted when the bridge is told to end: the workers drain, and it ends with the last of them. */
  readonly signal: AbortSignal;
  /** Is told what happens, a line each. */
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

  const sayGoodbye = async (life: WorkerLife, faults: readonly string[]) => {
    const { delivered, droppedSessions } = await life.sayGoodbye();
    if (!delivered) isDelivered = false;
    const notes = [`${droppedSessions} dropped`, ...faults];
    const how = delivered ? 'goodbye delivered' : 'GOODBYE NOT DELIVERED';
    options.print(`worker ${life.name} is gone: ${how}, ${notes.join(', ')}`);
  };
  const watches = new Watches(options.sources, (sources) => {
    return new WorkerWatch({
      ...options,
      sources,
      drainingSince: (startedAt) => drain.since(startedAt),
      onBirth: (life) => options.print(`worker ${life.name} is reported`),
      onDeath: (life, faults) => {
        const goodbye = sayGoodbye(life, faults).finally(() => goodbyes.delete(goodbye));
        goodbyes.add(goodbye);
      },
    });
  });

  for (;;) {
    if (options.signal.aborted) drain.ask();
    watches.look();
    if (drain.isAsked && !watches.haveLife) break;
    await sleep(LOOK_EVERY_MS, undefined, { signal: drain.isAsked ? undefined : options.signal }).catch(
      () => {},
    );
  }
  watches.close();
  await Promise.all(goodbyes);
  return isDelivered;
}

/** One watch, or one for each file of a pattern. */
class Watches {
  readonly #sources: Sources;
  readonly #create: (sources: Sources) => WorkerWatch;
  readonly #byPath = new Map<string, WorkerWatch>();
  /** A file that is moved to another name of the pattern is no new worker's. */
  readonly #knownFiles = new Set<string>();
  #scannedAt = Number.NEGATIVE_INFINITY;

  constructor(sources: Sources, create: (sources: Sources) => WorkerWatch) {
    this.#sources = sources;
    this.#create = create;
  }

  get haveLife(): boolean {
    return [...this.#byPath.values()].some(({ hasLife }) => hasLife);
  }

  look(): void {
    this.#scan();
    for (const watch of this.#byPath.values()) {
      watch.look();
      if (watch.fileId !== undefined) this.#knownFiles.add(watch.fileId);
    }
  }

  close(): void {
    for (const watch of this.#byPath.values()) watch.close();
  }

  #scan(): void {
    if (performance.now() - this.#scannedAt < SCAN_EVERY_MS) return;
    this.#scannedAt = performance.now();
    const { jsonl } = this.#sources;
    if (jsonl === undefined || !isPattern(jsonl)) {
      if (!this.#byPath.has('')) this.#byPath.set('', this.#create(this.#sources));
      return;
    }
    const files = filesOf(jsonl);
    for (const { path, id } of files) {
      if (this.#byPath.has(path) || this.#knownFiles.has(id)) continue;
      this.#byPath.set(path, this.#create({ jsonl: path }));
    }
    const paths = new Set(files.map(({ path }) => path));
    for (const [path, watch] of this.#byPath) {
      if (paths.has(path) || watch.hasLife) continue;
      watch.close();
      this.#byPath.delete(path);
    }
  }
}

import { count } from '../lib/format.js';
import { warn } from '../lib/warn.js';
import { JsonlTail } from './jsonl-tail.js';
import { parseLine, type StreamLine } from './parse.js';

/** The schemas of the stream that were seen in the wild. */
const KNOWN_SCHEMAS = [1, 2];

/** One line of the stream, and whether a worker begins with it that is not the one of the lines before. */
export interface StreamRecord {
  readonly line: StreamLine;
  readonly isOfNewWorker: boolean;
}

/** Reads the metrics stream of a worker, and of those that follow it in the same file. */
export class JsonlStream {
  readonly tail: JsonlTail;
  readonly #faults = new Map<string, { readonly noun: string; times: number }>();
  #seq: number | undefined;
  #uptimeSeconds = 0;
  #cutLines = 0;

  constructor(path: string) {
    this.tail = new JsonlTail(path);
  }

  /** What was not as it should be, and how often: `3 lines that cannot be read`. */
  get faults(): readonly string[] {
    return Array.from(this.#faults, ([fault, { noun, times }]) => `${count(times, noun)} ${fault}`);
  }

  /** What is new. Throws when the file cannot be read. */
  *read(): Generator<StreamRecord> {
    for (let lines = this.tail.read(); lines.length > 0; lines = this.tail.read()) {
      for (const { text, isFirst } of lines) {
        const line = parseLine(text);
        if (line) yield this.#record(line, isFirst);
        else this.#count('line', 'that cannot be read');
      }
      this.#count('line', 'cut off', this.tail.cutLines - this.#cutLines);
      this.#cutLines = this.tail.cutLines;
    }
  }

  #record(line: StreamLine, isFirst: boolean): StreamRecord {
    const uptimeSeconds = line.kind === 'snapshot' ? line.facts.uptimeSeconds : undefined;
    const isOfNewWorker =
      this.#seq !== undefined &&
      (line.seq <= this.#seq ||
        (isFirst && uptimeSeconds !== undefined && uptimeSeconds < this.#uptimeSeconds));
    if (!isOfNewWorker && this.#seq !== undefined) {
      this.#count('line', 'missing (a gap in seq)', line.seq - this.#seq - 1);
    }
    this.#seq = line.seq;
    this.#uptimeSeconds = uptimeSeconds ?? (isOfNewWorker ? 0 : this.#uptimeSeconds);
    if (!KNOWN_SCHEMAS.includes(line.schema)) this.#count('line', 'of an unknown schema');
    if (line.kind === 'unknown') this.#count('line', 'of an unknown kind');
    if (line.kind === 'overflow') this.#count('event', 'that OpenRTC had no room for', line.lost);
    return { line, isOfNewWorker };
  }

  /** Warns once of each kind of fault. */
  #count(noun: string, fault: string, times = 1): void {
    if (times <= 0) return;
    const known = this.#faults.get(fault);
    if (known) {
      known.times += times;
      return;
    }
    this.#faults.set(fault, { noun, times });
    warn(`${this.tail.path}: ${noun}s ${fault}; they are counted, and the rest is read`);
  }
}

import { say } from '../say.js';
import { parseLine, type StreamLine } from './facts.js';
import { JsonlTail } from './jsonl-tail.js';

/** The schemas of the stream that were seen in the wild. */
const KNOWN_SCHEMAS = [1, 2];

/** One line of the stream, and whether a worker begins with it that is not the one of the lines before. */
export interface StreamRecord {
  readonly line: StreamLine;
  readonly isOfNewWorker: boolean;
}

/** Reads the metrics stream of a worker, and of those that follow it in the same file. */
export class JsonlStream {
  readonly #tail: JsonlTail;
  readonly #faults = new Map<string, number>();
  #seq: number | undefined;
  #uptimeSeconds = 0;
  #cutLines = 0;

  constructor(path: string) {
    this.#tail = new JsonlTail(path);
  }

  get path(): string {
    return this.#tail.path;
  }

  get fileId(): string | undefined {
    return this.#tail.fileId;
  }

  /** When the file was last written to, in Unix milliseconds. */
  get writtenAt(): number {
    return this.#tail.writtenAt;
  }

  /** What was not as it should be, and how often: `3 lines that can not be read`. */
  get faults(): readonly string[] {
    return Array.from(this.#faults, ([fault, times]) => `${times} ${fault}`);
  }

  /** What is new. Throws when the file can not be read. */
  *read(): Generator<StreamRecord> {
    for (let lines = this.#tail.read(); lines.length > 0; lines = this.#tail.read()) {
      for (const { text, isFirst } of lines) {
        const line = parseLine(text);
        if (line) yield this.#record(line, isFirst);
        else this.#count('lines that can not be read');
      }
      this.#count('lines cut off', this.#tail.cutLines - this.#cutLines);
      this.#cutLines = this.#tail.cutLines;
    }
  }

  close(): void {
    this.#tail.close();
  }

  #record(line: StreamLine, isFirst: boolean): StreamRecord {
    const uptimeSeconds = line.kind === 'snapshot' ? line.facts.uptimeSeconds : undefined;
    const isOfNewWorker =
      this.#seq !== undefined &&
      (line.seq <= this.#seq ||
        (isFirst && uptimeSeconds !== undefined && uptimeSeconds < this.#uptimeSeconds));
    if (!isOfNewWorker && this.#seq !== undefined) {
      this.#count('lines missing (a gap in seq)', line.seq - this.#seq - 1);
    }
    this.#seq = line.seq;
    this.#uptimeSeconds = uptimeSeconds ?? (isOfNewWorker ? 0 : this.#uptimeSeconds);
    if (!KNOWN_SCHEMAS.includes(line.schema)) this.#count('lines of an unknown schema');
    if (line.kind === 'unknown') this.#count('lines of an unknown kind');
    if (line.kind === 'overflow') this.#count('events that OpenRTC had no room for', line.lost);
    return { line, isOfNewWorker };
  }

  /** Each kind of fault is said once. */
  #count(fault: string, times = 1): void {
    if (times <= 0) return;
    const before = this.#faults.get(fault);
    this.#faults.set(fault, (before ?? 0) + times);
    if (before === undefined) say(`${this.path}: ${fault}; they are counted, and the rest is read on`);
  }
}

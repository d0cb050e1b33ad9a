import { resolve } from 'node:path';
import { duration } from '../lib/format.js';
import { redactUrl } from '../lib/redact.js';
import { errorCode, Once, Trouble, warn } from '../lib/warn.js';
import { JsonlStream } from './jsonl-stream.js';
import type { PoolFacts, SocketFacts } from './parse.js';
import type { Poll } from './poll.js';
import { combineSigns, Pulse, SILENCE_MS } from './pulse.js';
import { SocketPoll } from './socket-poll.js';
import { UrlPoll } from './url-poll.js';
import { type LifeOptions, WorkerLife } from './worker-life.js';

/** How long to wait for the version, which only stream and endpoint have, while the socket answers. */
const VERSION_MS = 5_000;
/**
 * A worker that was found dead is given its goodbye when it wrote its last line this recently. Whoever heard of one that
 * died before takes it for silent by then, and its sessions for lost at that time; nobody may take them for lost now.
 */
const RECENT_MS = 60_000;
/** So many answers without a line between them are no chance: a worker that stalled answers before it writes. */
const ANSWERS_WITHOUT_LINE = 3;

const CONTRADICTION =
  'the socket of the worker lists sessions that its snapshots do not count, as with isolation="process"; ' +
  'the socket is believed, and how these sessions end is unknown';
const NO_DRAIN =
  'the worker closed and reported no drain: a call that its drain timeout cut off is among the successes. ' +
  'The class Pool in examples/openrtc-python/worker.py reports the drain';

/** Where a worker is read; at least one is given. */
export interface Sources {
  readonly jsonl?: string | undefined;
  readonly socket?: string | undefined;
  readonly url?: string | undefined;
}

export interface WorkerWatchOptions extends LifeOptions {
  readonly sources: Sources;
  /** Since when a worker drains, on the clock of `performance.now()`, given its start in Unix milliseconds. */
  drainingSince(startedAt: number): number | undefined;
  onBirth(life: WorkerLife): void;
  onDrain(life: WorkerLife): void;
  onDeath(life: WorkerLife, faults: readonly string[]): void;
}

/** What is known of the worker that is read now. */
interface Current {
  readonly pulse: Pulse;
  life?: WorkerLife;
  /** By the last answer of the endpoint, and when that came, on the clock of `performance.now()`. */
  uptime?: { readonly seconds: number; readonly at: number };
  /** Since when the socket answers. */
  answersSince?: number;
  /** When the socket was made, in Unix milliseconds. */
  boundAt?: number;
  isDraining?: boolean;
  /** Since its last line. */
  answers: number;
}

const nobody = (): Current => ({ pulse: new Pulse(), answers: 0 });

/** Reads the sources of one worker, and of those that come after it in the same place. */
export class WorkerWatch {
  /** Distinguishes the worker from others. */
  readonly #source: string;
  readonly #shown: string;
  readonly #stream: JsonlStream | undefined;
  readonly #socket: SocketPoll | undefined;
  readonly #polls: readonly Poll[];
  readonly #isSocketOnly: boolean;
  readonly #unreadable: Trouble;
  readonly #stopped: Trouble;
  readonly #watchedSince = Date.now();
  #current = nobody();
  readonly #once = new Once();
  #firstUpdateAt: number | undefined;

  constructor(readonly options: WorkerWatchOptions) {
    const { jsonl, socket, url } = options.sources;
    this.#source = nameOf(options.sources);
    this.#shown = url !== undefined && jsonl === undefined ? redactUrl(new URL(url)) : this.#source;
    this.#stream = jsonl === undefined ? undefined : new JsonlStream(jsonl);
    this.#socket =
      socket === undefined
        ? undefined
        : new SocketPoll(socket, (answer, boundAt) => this.#takeSocketAnswer(answer, boundAt));
    const endpoint =
      url === undefined ? [] : [new UrlPoll(url, (facts, askedAt) => this.#takeUrlAnswer(facts, askedAt))];
    this.#polls = [...(this.#socket ? [this.#socket] : []), ...endpoint];
    this.#isSocketOnly = jsonl === undefined && url === undefined;
    this.#stopped = new Trouble(`${this.#shown} is written to again`);
    this.#unreadable = new Trouble(`${this.#shown} can be read again`);
  }

  get hasLife(): boolean {
    return this.#current.life !== undefined;
  }

  /** Which file its stream is, whatever its name is now. */
  get fileId(): string | undefined {
    return this.#stream?.tail.fileId;
  }

  /** Reads what is new, and notices births and deaths. To be called a few times a second; never throws. */
  update(): void {
    const now = performance.now();
    const isFirst = this.#firstUpdateAt === undefined;
    this.#firstUpdateAt ??= now;
    const steps = [
      () => this.#readStream(now, isFirst),
      ...this.#polls.map((each) => () => each.poll(now)),
      () => this.#updateLife(now),
    ];
    const outcomes = steps.map((step) => this.#succeeds(step));
    if (!outcomes.includes(false)) this.#unreadable.healed();
  }

  close(): void {
    this.#stream?.tail.close();
    for (const each of this.#polls) each.close();
  }

  /** What cannot be read (a folder without permission) must not keep the rest from being read. */
  #succeeds(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      this.#unreadable.broke(`${this.#shown} cannot be read: ${errorCode(error)}`);
      return false;
    }
  }

  #readStream(now: number, isFirst: boolean): void {
    for (const { line, isOfNewWorker } of this.#stream?.read() ?? []) {
      if (isOfNewWorker) this.#end();
      // What was written before this process looked is as old as it says: a drain may have begun with it.
      const at = isFirst && line.kind === 'snapshot' ? now - ageOf(line.wallTime) : undefined;
      if (line.kind === 'snapshot') this.#takeSnapshot(line.facts, at);
      if (line.kind === 'event') this.#current.life?.pool.takeEvent(line.event);
      this.#current.answers = 0;
      const age = isFirst ? this.#streamAge() : 0;
      this.#current.pulse.beat(now - age, line.kind === 'snapshot' ? line.wallTime : undefined);
    }
  }

  #takeSnapshot(facts: PoolFacts, at?: number): void {
    this.#current.life ??= this.#newLife(facts.startedAt ?? Date.now() / 1000, facts.version);
    this.#current.life.pool.takeSnapshot(facts, at);
  }

  #takeUrlAnswer(facts: PoolFacts, askedAt: number): void {
    const { uptimeSeconds: seconds } = facts;
    if (seconds !== undefined && isTooShort(seconds, this.#current.uptime, askedAt)) {
      // The stream shows better where the next worker begins.
      if (this.#stream) return;
      this.#end();
    }
    if (seconds !== undefined) this.#current.uptime = { seconds, at: performance.now() };
    this.#current.answers++;
    this.#takeSnapshot(facts);
  }

  #takeSocketAnswer({ facts, sessions }: SocketFacts, boundAt: number): void {
    if (this.#current.boundAt !== undefined && boundAt !== this.#current.boundAt) {
      // Another worker's socket: the stream and the endpoint show better where it begins.
      if (!this.#isSocketOnly) return;
      this.#end();
    }
    const now = performance.now();
    const current = this.#current;
    current.answersSince ??= now;
    if (!current.life && !this.#isSocketOnly && now - current.answersSince < VERSION_MS) return;
    current.life ??= this.#newLife(boundAt / 1000, undefined);
    current.boundAt = boundAt;
    current.answers++;
    current.life.pool.takeSocketAnswer(facts, sessions);
  }

  #newLife(startedAt: number, version: string | undefined): WorkerLife {
    const hasStream = this.#stream !== undefined;
    const facts = { source: this.#source, startedAt, version, hasStream, watchedSince: this.#watchedSince };
    return new WorkerLife(facts, this.options);
  }

  #updateLife(now: number): void {
    const { life, pulse } = this.#current;
    if (!life) return;
    const since = this.options.drainingSince(life.startedAt);
    if (since !== undefined) life.pool.drain(since);
    life.pool.update();
    if (life.pool.isContradicted) this.#once.warn(`${this.#shown}: ${CONTRADICTION}`);
    this.#checkStream(life, pulse.sign(now) === 'gone' && this.#current.answers >= ANSWERS_WITHOUT_LINE);
    const sign = combineSigns([pulse.sign(now), ...this.#polls.map((each) => each.sign)]);
    if (sign === 'alive' && !life.isReported) this.#report(life);
    if (life.isReported && life.pool.isDraining && !this.#current.isDraining) {
      this.#current.isDraining = true;
      this.options.onDrain(life);
    }
    if (sign !== 'gone') return;
    if (life.isReported) this.#end();
    else if (now - (this.#firstUpdateAt ?? now) >= SILENCE_MS) this.#endUnreported(life);
  }

  /** OpenRTC never writes again after a write that failed, and goes on without a word. */
  #checkStream(life: WorkerLife, hasStopped: boolean): void {
    life.pool.streamStopped(hasStopped);
    if (hasStopped) {
      this.#stopped.broke(
        `${this.#shown} is no longer written to, though its worker answers: is the disk full? ` +
          'Until the worker is started again, how its last sessions end can be unknown',
      );
    } else {
      this.#stopped.healed();
    }
  }

  #report(life: WorkerLife): void {
    life.report();
    this.options.onBirth(life);
  }

  /** It died before the bridge began. Its goodbye may have been sent: then this one reports the same again. */
  #endUnreported(life: WorkerLife): void {
    if (this.#streamAge() > RECENT_MS) {
      warn(
        `${this.#shown}: its worker ended ${duration(this.#streamAge() / 1000)} ago, before this bridge looked, and ` +
          'is not reported; the next one will be',
      );
      this.#current = nobody();
      return;
    }
    life.pool.end(false);
    this.#report(life);
    this.#end();
  }

  #end(): void {
    const { life } = this.#current;
    this.#current = nobody();
    if (!life?.isReported) return;
    const hasClosed = this.#socket?.isRemoved ?? false;
    if (hasClosed && !life.pool.isDraining) this.#once.warn(`${this.#shown}: ${NO_DRAIN}`);
    life.pool.end(hasClosed);
    this.options.onDeath(life, this.#stream?.faults ?? []);
  }

  /** How long ago the stream was written to, in milliseconds. */
  #streamAge(): number {
    return Math.max(0, Date.now() - (this.#stream?.tail.writtenAt ?? 0));
  }
}

/** How long ago a line was written, in milliseconds. */
const ageOf = (wallTime: number | undefined) =>
  wallTime === undefined ? 0 : Math.max(0, Date.now() - wallTime * 1000);

/** Whether the worker of an earlier answer would have been up for longer: clocks differ by less than a thousandth. */
function isTooShort(seconds: number, last: Current['uptime'], askedAt: number): boolean {
  const sinceLast = Math.max(0, askedAt - (last?.at ?? askedAt)) / 1000;
  return last !== undefined && seconds < last.seconds + Math.max(0, 0.999 * sinceLast - 0.1);
}

/** Without what can be secret in a URL. */
function nameOf({ jsonl, socket, url }: Sources): string {
  if (jsonl === undefined && url !== undefined) return `${new URL(url).origin}${new URL(url).pathname}`;
  return resolve(jsonl ?? socket ?? '');
}

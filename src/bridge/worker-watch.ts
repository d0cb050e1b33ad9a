import { resolve } from 'node:path';
import { showUrl } from '../rules.js';
import { errorClass, say, Trouble } from '../say.js';
import type { PoolFacts } from './facts.js';
import { JsonlStream } from './jsonl-stream.js';
import { fold, Pulse, SILENCE_MS } from './liveness.js';
import { type SocketAnswer, SocketPoll } from './socket-poll.js';
import { UrlPoll } from './url-poll.js';
import { type LifeOptions, WorkerLife } from './worker-life.js';

/** How long the version is waited for that only stream and endpoint tell, while the socket answers. */
const VERSION_MS = 5_000;
/** A worker that was found dead is given its goodbye when it wrote its last line this recently. */
const RECENT_MS = 300_000;

/** Where a worker is read; at least one is given. */
export interface Sources {
  readonly jsonl?: string | undefined;
  readonly socket?: string | undefined;
  readonly url?: string | undefined;
}

export interface WatchOptions extends LifeOptions {
  readonly sources: Sources;
  /** Since when a worker drains, on the clock of `performance.now()`, given its start in Unix milliseconds. */
  drainingSince(startedAt: number): number | undefined;
  onBirth(life: WorkerLife): void;
  onDeath(life: WorkerLife, faults: readonly string[]): void;
}

/** Reads the sources of one worker, and of those that come after it in the same place. */
export class WorkerWatch {
  readonly #options: WatchOptions;
  /** Tells the worker from others. */
  readonly #source: string;
  readonly #shown: string;
  readonly #stream: JsonlStream | undefined;
  readonly #socket: SocketPoll | undefined;
  readonly #url: UrlPoll | undefined;
  readonly #unreadable: Trouble;
  #pulse = new Pulse();
  #life: WorkerLife | undefined;
  /** Of this life: what the endpoint last told, since when the socket answers, and when that was made. */
  #uptimeSeconds = 0;
  #answersSince: number | undefined;
  #boundAt: number | undefined;
  #firstLookAt: number | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { jsonl, socket, url } = options.sources;
    this.#source = nameOf(options.sources);
    this.#shown = url !== undefined && jsonl === undefined ? showUrl(new URL(url)) : this.#source;
    this.#stream = jsonl === undefined ? undefined : new JsonlStream(jsonl);
    this.#socket =
      socket === undefined ? undefined : new SocketPoll(socket, (answer) => this.#takeSocketAnswer(answer));
    this.#url = url === undefined ? undefined : new UrlPoll(url, (facts) => this.#takeUrlAnswer(facts));
    this.#unreadable = new Trouble(`${this.#shown} can be read again`);
  }

  get hasLife(): boolean {
    return this.#life !== undefined;
  }

  /** Which file its stream is, whatever its name is now. */
  get fileId(): string | undefined {
    return this.#stream?.fileId;
  }

  /** Reads what is new, and notices births and deaths. To be called a few times a second; never throws. */
  look(): void {
    const now = performance.now();
    const isFirst = this.#firstLookAt === undefined;
    this.#firstLookAt ??= now;
    const steps = [
      () => this.#readStream(now, isFirst),
      () => this.#socket?.ask(now),
      () => this.#url?.ask(now),
      () => this.#attend(now),
    ];
    const outcomes = steps.map((step) => this.#succeeds(step));
    if (!outcomes.includes(false)) this.#unreadable.healed();
  }

  close(): void {
    this.#stream?.close();
    this.#socket?.close();
    this.#url?.close();
  }

  /** What can not be read (a folder without permission) must not keep the rest from being read. */
  #succeeds(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? errorClass(error);
      this.#unreadable.broke(`${this.#shown} can not be read: ${code}`);
      return false;
    }
  }

  #readStream(now: number, isFirst: boolean): void {
    for (const { line, isOfNewWorker } of this.#stream?.read() ?? []) {
      if (isOfNewWorker) this.#end();
      if (line.kind === 'snapshot') this.#takeSnapshot(line.facts);
      if (line.kind === 'event') this.#life?.pool.takeEvent(line.event);
      const age = isFirst ? this.#streamAge() : 0;
      this.#pulse.beat(now - age, line.kind === 'snapshot' ? line.wallTime : undefined);
    }
  }

  #takeSnapshot(facts: PoolFacts): void {
    this.#life ??= this.#newLife(facts.startedAt ?? Date.now() / 1000, facts.version);
    this.#life.pool.takeSnapshot(facts);
  }

  #takeUrlAnswer(facts: PoolFacts): void {
    const { uptimeSeconds = this.#uptimeSeconds } = facts;
    if (uptimeSeconds < this.#uptimeSeconds) {
      // The stream tells better where the next worker begins.
      if (this.#stream) return;
      this.#end();
    }
    this.#uptimeSeconds = uptimeSeconds;
    this.#takeSnapshot(facts);
  }

  #takeSocketAnswer({ facts, sessions, boundAt }: SocketAnswer): void {
    const isOnly = !this.#stream && !this.#url;
    if (this.#boundAt !== undefined && boundAt !== this.#boundAt) {
      // Another worker's socket: the stream and the endpoint tell better where it begins.
      if (!isOnly) return;
      this.#end();
    }
    const now = performance.now();
    this.#answersSince ??= now;
    if (!this.#life && !isOnly && now - this.#answersSince < VERSION_MS) return;
    this.#life ??= this.#newLife(boundAt / 1000, undefined);
    this.#boundAt = boundAt;
    this.#life.pool.takeSocketAnswer(facts, sessions);
  }

  #newLife(startedAt: number, version: string | undefined): WorkerLife {
    const hasStream = this.#stream !== undefined;
    return new WorkerLife({ source: this.#source, startedAt, version, hasStream }, this.#options);
  }

  #attend(now: number): void {
    const life = this.#life;
    if (!life) return;
    const since = this.#options.drainingSince(life.startedAt);
    if (since !== undefined) life.pool.drain(since);
    life.pool.look();
    const sign = fold([this.#pulse.sign(now), this.#socket?.sign ?? 'unseen', this.#url?.sign ?? 'unseen']);
    if (sign === 'alive' && !life.isReported) this.#report(life);
    if (sign !== 'gone') return;
    if (life.isReported) this.#end();
    else if (now - (this.#firstLookAt ?? now) >= SILENCE_MS) this.#endUnreported(life);
  }

  #report(life: WorkerLife): void {
    life.report();
    this.#options.onBirth(life);
  }

  /** It died before anybody looked: perhaps its goodbye was said, then this one says the same again. */
  #endUnreported(life: WorkerLife): void {
    if (this.#streamAge() > RECENT_MS) {
      say(`${this.#shown}: its worker ended long ago and is not reported; the next one will be`);
      this.#forget();
      return;
    }
    life.pool.end(false);
    this.#report(life);
    this.#end();
  }

  #end(): void {
    const life = this.#life;
    this.#forget();
    if (!life?.isReported) return;
    life.pool.end(this.#socket?.isRemoved ?? false);
    this.#options.onDeath(life, this.#stream?.faults ?? []);
  }

  #forget(): void {
    this.#life = undefined;
    this.#pulse = new Pulse();
    this.#uptimeSeconds = 0;
    this.#answersSince = undefined;
    this.#boundAt = undefined;
  }

  /** How long ago the stream was written to, in milliseconds. */
  #streamAge(): number {
    return Math.max(0, Date.now() - (this.#stream?.writtenAt ?? 0));
  }
}

/** Without what can be secret in a URL. */
function nameOf({ jsonl, socket, url }: Sources): string {
  if (jsonl === undefined && url !== undefined) return `${new URL(url).origin}${new URL(url).pathname}`;
  return resolve(jsonl ?? socket ?? '');
}

import { DECIDING_KEYS, decidingNames, type MetricKey, type SessionOutcome } from '../../attributes.js';
import {
  believedInterval,
  isStartWrong,
  silenceWindow,
  stateOf,
  type WorkerFacts,
  type WorkerName,
  workerFacts,
} from '../facts.js';
import type { MetricPoint } from './decode.js';
import { Growth } from './growth.js';
import { ReportOrder } from './report-order.js';
import { type Budget, ReportedValues } from './values.js';

/** How far back `earlier` goes. */
const EARLIER_WINDOWS = 5;

/** A datapoint that is from so much after its arrival comes from a clock that is ahead. */
const CLOCK_AHEAD_MS = 5_000;

const UNKNOWN: SessionOutcome = 'unknown';

interface RecordOptions {
  /** When its first report arrived, in Unix ms. */
  readonly nowMs: number;
  /** From when on the table has seen everything, in Unix ms. */
  readonly coveredSince: number;
  readonly budget: Budget;
}

/** One worker, folded from its datapoints. Its memory is bounded, whatever it reports. */
export class WorkerRecord {
  readonly worker: WorkerName;
  lastReportAt: number;
  readonly #values: ReportedValues;
  readonly #firstReportAt: number;
  readonly #coveredSince: number;
  #reportsSince: number;
  #drainingSince: number | undefined;
  /** Active sessions, a silence window or more apart, the oldest first. */
  #samples: { at: number; active: number }[] = [];
  readonly #dropped = new Growth();
  /** Sessions that ended in a way that nobody could tell. */
  readonly #unknown = new Growth();
  readonly #order = new ReportOrder();
  /** When the report was made that is taken in, in Unix ms by its clock. */
  #madeAt: number | undefined;
  /** Whether that report came before. */
  #isCopy = false;
  /** When its goodbye was made, in Unix ms by its clock, and when it arrived. */
  #goodbyeAt: number | undefined;
  #goodbyeArrivedAt = 0;
  /** The start that it told first, in Unix s. */
  #firstStart: number | undefined;
  /** Whether another life has its id: it tells another start. */
  #isReused = false;
  /** Whether it came with the sessions that were dropped. */
  #isGoodbyeWhole = false;
  /** When it was made that it runs, after its goodbye; one such report can be a late one of a faster clock. */
  readonly #afterGoodbye = new Set<number>();
  /** How far its clock is ahead, in ms. */
  #aheadMs = 0;
  #facts: WorkerFacts | undefined;

  constructor(worker: WorkerName, { nowMs, coveredSince, budget }: RecordOptions) {
    this.worker = worker;
    this.lastReportAt = nowMs;
    this.#firstReportAt = nowMs;
    this.#reportsSince = nowMs;
    this.#coveredSince = coveredSince;
    this.#values = new ReportedValues(budget);
  }

  get exited(): boolean {
    return this.#values.get('running') === 0 && !this.#isContradictory;
  }

  get #isContradictory(): boolean {
    return this.#isReused || this.#afterGoodbye.size >= 2;
  }

  /** Takes in one plausible point of a metric. */
  add(key: MetricKey, point: MetricPoint, nowMs: number): void {
    const madeAt = point.timeUnixMs || nowMs;
    this.#noteTime(madeAt, nowMs);
    if (key === 'running') this.#noteLife(point.value, madeAt, nowMs);
    if (key === 'startTime') this.#noteStart(point.value);
    this.#values.add(key, point, nowMs);
  }

  /** After the points of one request were added. */
  endReport(nowMs: number): void {
    this.#noteReport(nowMs);
    if (this.exited) this.#values.forgetLabels(['tenants']);
    this.#noteOtherHalf();
    this.#noteDrain(nowMs);
    this.#noteActive(nowMs);
    this.#dropped.note(this.#values.get('dropped'), nowMs);
    this.#unknown.note(this.#values.get('ended', UNKNOWN), nowMs);
    this.#facts = undefined;
  }

  /** The same row until the next report: who asks often, asks for all workers. */
  facts(): WorkerFacts {
    this.#facts ??= workerFacts(this.#values.report(), {
      ...this.worker,
      firstReportAt: this.#firstReportAt,
      lastReportAt: this.lastReportAt,
      reportsSince: this.#reportsSince,
      drainingSince: this.#drainingSince,
      earlier: this.#samples[0] ?? { at: this.#firstReportAt },
      droppedBefore: this.droppedBefore(Number.NEGATIVE_INFINITY),
      startedAt: this.#startedAt(),
      isContradictory: this.#isContradictory,
      missing: this.#missing(),
      ...this.#clock(),
    });
    return this.#facts;
  }

  /** Its row at a moment: of a silent worker the last report decides, and what that lacks was something else before. */
  factsAt(nowMs: number): WorkerFacts {
    const row = this.facts();
    if (row.exited || stateOf(row, nowMs) !== 'silent') return row;
    const timeOf = (key: MetricKey) => this.#values.timeOf(key) ?? Number.NEGATIVE_INFINITY;
    // Half of a goodbye may be the last that arrived.
    const end = Math.max(...DECIDING_KEYS.map(timeOf));
    const isLast = (key: MetricKey) => timeOf(key) >= end;
    // The start is constant: once is enough.
    const isKnown = (key: MetricKey) => (key === 'startTime' ? this.#firstStart !== undefined : isLast(key));
    return { ...row, missing: decidingNames((key) => !isKnown(key)) };
  }

  /** Sessions it had lost before a moment, as far as that is known: in doubt they were lost after it. */
  droppedBefore(sinceMs: number): number {
    return this.#before(this.#dropped, sinceMs);
  }

  /** The same of sessions that ended in a way that nobody could tell. */
  unknownBefore(sinceMs: number): number {
    return this.#before(this.#unknown, sinceMs);
  }

  #before(growth: Growth, sinceMs: number): number {
    // What a worker lost before anyone listened cannot be dated.
    const start = { startedAt: this.#startedAt() ?? this.#firstReportAt, firstReportAt: this.#firstReportAt };
    const isOlder = start.startedAt < this.#coveredSince || isStartWrong(start);
    return growth.before(sinceMs) ?? (isOlder ? growth.first : 0);
  }

  /** Gives back what it has of the budget. */
  release(): void {
    this.#values.forgetLabels();
  }

  /** By the clock of the receiver where its own is ahead: a start that is yet to come would be taken for a new one. */
  #startedAt(): number | undefined {
    const seconds = this.#values.get('startTime');
    return seconds === undefined ? undefined : seconds * 1000 - this.#aheadMs;
  }

  #clock(): Pick<WorkerFacts, 'clock'> {
    if (this.#order.isSetBack) return { clock: 'set back' };
    return this.#aheadMs > 0 ? { clock: 'ahead' } : {};
  }

  /** Once for all points of a report: what they are worth depends on its order. */
  #noteTime(madeAt: number, nowMs: number): void {
    if (madeAt === this.#madeAt) return;
    this.#madeAt = madeAt;
    this.#isCopy = this.#order.isCopy(madeAt);
    this.#aheadMs = Math.max(this.#aheadMs, madeAt - nowMs > CLOCK_AHEAD_MS ? madeAt - nowMs : 0);
    // After the goodbye only late ones come.
    if (this.#isCopy || this.#goodbyeAt !== undefined) return;
    const intervalMs = this.#intervalSeconds * 1000;
    if (this.#order.add(madeAt, nowMs, intervalMs)) this.#values.startOver();
  }

  /** A copy of a report is no sign of life. */
  #noteReport(nowMs: number): void {
    if (this.#isCopy) return;
    this.#isCopy = true;
    if (nowMs - this.lastReportAt > this.#silenceWindow() / 2) this.#reportsSince = nowMs;
    this.lastReportAt = nowMs;
  }

  /** Whatever time it has: a former life of the id may have had a clock that was ahead. */
  #noteStart(start: number): void {
    this.#firstStart ??= start;
    if (start !== this.#firstStart) this.#isReused = true;
  }

  /** What was dropped came with the goodbye, or after it. */
  #noteOtherHalf(): void {
    const droppedAt = this.#values.timeOf('dropped') ?? 0;
    const arrivedAt = this.#values.arrivalOf('dropped') ?? 0;
    if (this.#goodbyeAt === undefined || droppedAt < this.#goodbyeAt) return;
    if (droppedAt === this.#goodbyeAt || arrivedAt >= this.#goodbyeArrivedAt) this.#isGoodbyeWhole = true;
  }

  #noteLife(value: number, madeAt: number, nowMs: number): void {
    if (value === 0) {
      // One life whose goodbye is said again, as by a bridge that was restarted; the same that was sent again is no news.
      if (madeAt > (this.#goodbyeAt ?? 0)) this.#afterGoodbye.clear();
      if (this.#goodbyeAt === undefined) this.#goodbyeArrivedAt = nowMs;
      this.#goodbyeAt ??= madeAt;
      return;
    }
    if (madeAt > (this.#goodbyeAt ?? madeAt) && !this.#isContradictory) this.#afterGoodbye.add(madeAt);
  }

  /** Gauges that never came, that come no more, or that the goodbye lacks. */
  #missing(): string[] {
    const silence = this.#silenceWindow();
    return decidingNames((key) => {
      const arrival = this.#values.arrivalOf(key);
      if (arrival === undefined) return true;
      if (this.#goodbyeAt === undefined) return this.lastReportAt - arrival > silence / 2;
      return key === 'dropped' && !this.#isGoodbyeWhole;
    });
  }

  #noteDrain(nowMs: number): void {
    if (this.#values.get('draining') !== 1) {
      this.#drainingSince = undefined;
      return;
    }
    // How fast sessions fall follows from the drain alone: before it new ones came.
    if (this.#drainingSince === undefined) this.#samples = [];
    // The earliest that the reports give: that of the one that took the shortest way.
    const began = nowMs - (this.#values.get('drainElapsed') ?? 0) * 1000;
    this.#drainingSince = Math.min(this.#drainingSince ?? nowMs, began);
  }

  #noteActive(nowMs: number): void {
    const active = this.#values.get('active');
    if (active === undefined || this.exited) return;
    const windowMs = this.#silenceWindow();
    const last = this.#samples.at(-1);
    if (last && nowMs - last.at < windowMs) return;
    this.#samples.push({ at: nowMs, active });
    while (this.#samples[1] && nowMs - this.#samples[1].at >= EARLIER_WINDOWS * windowMs)
      this.#samples.shift();
  }

  #silenceWindow(): number {
    return silenceWindow({ intervalSeconds: this.#intervalSeconds });
  }

  get #intervalSeconds(): number {
    return believedInterval(this.#values.get('interval'));
  }
}

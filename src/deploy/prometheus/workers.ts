import {
  decidingNames,
  METRIC_KEYS,
  METRICS,
  type Metric,
  type MetricKey,
  POOL_NAME,
  type Report,
  WORKER_VERSION,
} from '../../attributes.js';
import { type Elsewhere, silenceWindow, type WorkerFacts, type WorkerName, workerFacts } from '../facts.js';
import type { Sample } from './http.js';
import { labelName, TAG, WORKER_LABELS } from './promql.js';
import { EARLIER_WINDOWS, earlierTag, lacksTag } from './queries.js';

/** What the samples are of. Times in Unix ms. */
interface ReadWindow {
  readonly now: number;
  readonly since: number | undefined;
  /** The longest report interval of the pool: its silence window is what was asked for. */
  readonly intervalSeconds: number;
  /** Later than `now` where what is known is of a while ago. */
  readonly serverNow: number;
}

/** Which metric the values of a tag are of. */
const METRIC_OF_TAG = new Map<string, Metric>([
  ...Object.entries(METRICS),
  ...EARLIER_WINDOWS.map((windows) => [earlierTag(windows), METRICS.active] as const),
  ['droppedBefore', METRICS.dropped],
  ['droppedFirst', METRICS.dropped],
  // A count as they are; its outcome is known.
  ['unknownBefore', METRICS.dropped],
]);

/** Values that may be of a worker that was gone before the window: a row needs others. */
const FROM_BEFORE = new Set([
  'droppedBefore',
  'droppedFirst',
  'unknownBefore',
  'seenBefore',
  ...EARLIER_WINDOWS.map(earlierTag),
]);

/** The workers among samples. Such as need more questions are known before their rows are made. */
export class WorkerSamples {
  readonly #workers = new Map<string, WorkerRow>();
  readonly #window: ReadWindow;

  constructor(samples: readonly Sample[], window: ReadWindow) {
    this.#window = window;
    this.add(samples);
  }

  add(samples: readonly Sample[]): void {
    for (const sample of samples) {
      const [pool, id, version] = WORKER_LABELS.map((name) => sample.labels[name]);
      if (!pool || !id || !version) continue;
      const key = JSON.stringify([pool, id, version]);
      const row = this.#workers.get(key) ?? new WorkerRow({ pool, id, version }, this.#window);
      this.#workers.set(key, row);
      row.add(sample);
    }
  }

  /** The last report of the first to say goodbye or to report no more, in Unix ms; undefined where none did. */
  get goneSince(): number | undefined {
    const rows = [...this.#workers.values()].filter((row) => row.isGone);
    if (rows.length === 0) return undefined;
    return rows.reduce((oldest, row) => Math.min(oldest, row.lastHeardAt), this.#window.now);
  }

  /** Whether a worker reports no more, and its goodbye was not the last it said. */
  get isAnySilent(): boolean {
    return [...this.#workers.values()].some((row) => row.isSilent);
  }

  /** Whether it is not known of a worker when it reported last, or when it said goodbye. */
  get isAnyUnclear(): boolean {
    return [...this.#workers.values()].some((row) => row.isUnclear);
  }

  workers(): WorkerFacts[] {
    return [...this.#workers.values()].filter((row) => row.isKnown).map((row) => row.facts());
  }
}

/** One worker's values by their tags: a number, or one for each label. */
class WorkerRow {
  readonly #values = new Map<string, number | Map<string, number>>();

  constructor(
    readonly name: WorkerName,
    readonly window: ReadWindow,
  ) {}

  add({ labels, value }: Sample): void {
    const tag = labels[TAG] ?? '';
    const metric = METRIC_OF_TAG.get(tag);
    if (!Number.isFinite(value) || (metric && !metric.isPlausible(value))) {
      this.#values.set(lacksTag(tag as MetricKey), 1);
      return;
    }
    if (metric?.by === undefined) {
      this.#values.set(tag, value);
      return;
    }
    const label = labels[labelName(metric.by)];
    if (label === undefined) return;
    const counts = this.#values.get(tag);
    if (counts instanceof Map) counts.set(label, value);
    else this.#values.set(tag, new Map([[label, value]]));
  }

  get isKnown(): boolean {
    return [...this.#values.keys()].some((tag) => !FROM_BEFORE.has(tag));
  }

  get isGone(): boolean {
    return this.#hasGoodbye || this.#isOld;
  }

  get isSilent(): boolean {
    return this.#isOld && (!this.#hasGoodbye || this.#isContradictory);
  }

  get isUnclear(): boolean {
    const needed = this.#hasGoodbye ? ['lastReportAt', 'goodbyeAt', 'droppedAt'] : ['lastReportAt'];
    return this.#values.has('running') && needed.some((tag) => !this.#values.has(tag));
  }

  get #hasGoodbye(): boolean {
    return this.#values.get('running') === 0;
  }

  get #isOld(): boolean {
    return this.lastHeardAt <= this.window.now - this.#silence;
  }

  /** In Unix ms; long ago when that is not known. */
  get lastHeardAt(): number {
    return this.#time('lastReportAt') ?? 0;
  }

  /** When a gauge of it came last, whichever: one without the gauge of its version is not silent while others come. */
  get #lastOfAny(): number | undefined {
    const times = ['lastReportAt', 'activeAt', 'droppedAt'].map((tag) => this.#time(tag) ?? 0);
    return Math.max(...times) || undefined;
  }

  get #silence(): number {
    return silenceWindow(this.window);
  }

  #number(tag: string): number | undefined {
    const value = this.#values.get(tag);
    return typeof value === 'number' ? value : undefined;
  }

  /** In Unix ms. */
  #time(tag: string): number | undefined {
    const seconds = this.#number(tag);
    return seconds === undefined ? undefined : Math.round(seconds * 1000);
  }

  facts(): WorkerFacts {
    const { now, intervalSeconds } = this.window;
    const report: Partial<Report> = Object.fromEntries(
      METRIC_KEYS.map((key) => [key, this.#values.get(key)]),
    );
    // Where a server does not read back far enough, the worker must neither vanish nor be a witness.
    const lastReportAt = this.#lastOfAny ?? Math.min(now, this.#time('newestAt') ?? now - this.#silence);
    const reportsSince = this.#values.has('reportsThrough') ? now - this.#silence : lastReportAt;
    const elapsed = report.drainElapsed ?? 0;
    const draining = elapsed > 0 ? 1 : report.draining;
    const drainingSince = draining === 1 ? lastReportAt - elapsed * 1000 : undefined;
    // A silent worker is silent by the longest interval of the pool: its own is not asked for.
    const { interval = intervalSeconds } = report;
    const ahead = this.#aheadMs(interval);
    const unknownBefore = this.#number('unknownBefore');
    // The time of a sample is by the worker's clock too, and it reports at once.
    const startedAt = report.startTime === undefined ? reportsSince : report.startTime * 1000 - ahead;
    const droppedBefore = this.#number('droppedBefore');
    const undated = droppedBefore === undefined ? this.#undated(startedAt) : 0;
    return workerFacts(
      { ...report, draining, interval },
      {
        ...this.name,
        startedAt,
        // Of one with losses that can not be dated it counts when it was seen: in the window.
        firstReportAt: undated > 0 ? reportsSince : this.#firstReportAt(startedAt),
        lastReportAt,
        reportsSince,
        drainingSince,
        earlier: this.#earlier(drainingSince) ?? { at: now },
        droppedBefore: droppedBefore ?? undated,
        isContradictory: this.#isContradictory,
        missing: this.#missing(),
        ...(unknownBefore !== undefined && { unknownBefore }),
        ...(ahead > 0 && { clock: 'ahead' }),
      },
    );
  }

  /** When it was heard first: as it started, but for one that tells a start in the window and was there before. */
  #firstReportAt(startedAt: number): number {
    const { since } = this.window;
    return since !== undefined && this.#values.has('seenBefore') ? Math.min(since - 1, startedAt) : startedAt;
  }

  /** By how much its clock is ahead, in ms: its newest report may be as old as its interval. */
  #aheadMs(intervalSeconds: number): number {
    const newestAt = this.#time('newestAt');
    return newestAt === undefined ? 0 : newestAt - this.window.serverNow + intervalSeconds * 1000;
  }

  /**
   * An id used twice: it had another start, or it reports now what is later than its goodbye. Of one that is silent the
   * clock was set back before its goodbye.
   */
  get #isContradictory(): boolean {
    if (this.#values.has('restarted')) return true;
    if (!this.#hasGoodbye || this.#isOld) return false;
    const goodbyeAt = this.#time('goodbyeAt');
    return goodbyeAt === undefined ? this.#values.has('again') : this.lastHeardAt > goodbyeAt;
  }

  /** What is absent now, or in the last report. */
  #missing(): string[] {
    // Half of a goodbye may be the last that arrived.
    const end = (this.#hasGoodbye ? this.#time('goodbyeAt') : this.#lastOfAny) ?? 0;
    const isMissing = (key: MetricKey): boolean => {
      if (this.#values.has(lacksTag(key))) return true;
      if (key !== 'dropped' && !this.#values.has(key)) return true;
      if (!this.isGone) return false;
      if (key === 'running') return !this.#hasGoodbye && this.lastHeardAt < end;
      if (this.#isContradictory) return false;
      // What its last report, or the other half of its goodbye, does not tell was something else before.
      if (key === 'dropped') return (this.#time('droppedAt') ?? Number.NEGATIVE_INFINITY) < end;
      // A goodbye leaves no session.
      return key === 'active' && !this.#hasGoodbye && (this.#time('activeAt') ?? end) < end;
    };
    return decidingNames(isMissing);
  }

  /** The oldest known, but from the drain alone: before it new sessions came. */
  #earlier(begin = Number.NEGATIVE_INFINITY): WorkerFacts['earlier'] | undefined {
    for (const windows of EARLIER_WINDOWS) {
      const at = this.window.now - windows * this.#silence;
      const active = this.#number(earlierTag(windows));
      if (active !== undefined && at >= begin) return { at, active };
    }
    return undefined;
  }

  /**
   * Of a worker that is older than the window and was not seen before it: what it had lost when it was first seen. Else in
   * doubt sessions were lost after `since`.
   */
  #undated(startedAt: number): number {
    const { since } = this.window;
    const isSeenWhole = since !== undefined && startedAt >= since - this.#silence;
    return isSeenWhole ? 0 : (this.#number('droppedFirst') ?? 0);
  }
}

/** What else runs, by pool and version. */
export function elsewhereFrom(samples: readonly Sample[]): Elsewhere[] {
  const found = new Map<string, Elsewhere>();
  for (const { labels, value } of samples) {
    const [pool = '', version = ''] = [POOL_NAME, WORKER_VERSION].map((name) => labels[labelName(name)]);
    const key = JSON.stringify([pool, version]);
    const known = found.get(key) ?? { pool, version, workers: 0, sessions: 0 };
    found.set(key, { ...known, [labels[TAG] === 'workers' ? 'workers' : 'sessions']: value });
  }
  return [...found.values()];
}

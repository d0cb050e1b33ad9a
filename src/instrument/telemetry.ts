import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import { type RejectionReason, type Report, SCOPE_NAME, SCOPE_VERSION } from '../attributes.js';
import type { Journal } from '../journal/journal.js';
import { attempt } from '../lib/attempt.js';
import { errorClass, warn, warnAtOnce } from '../lib/warn.js';
import { readEnvironment, SDK_INTERVAL_SECONDS } from '../worker/environment.js';
import type { Delivery, Outputs } from '../worker/outputs.js';
import { PendingTracer } from '../worker/pending-tracer.js';
import { completed, internalsOf, type PoolLike, runToEnd, type SessionStart } from '../worker/pool.js';
import { Sessions } from '../worker/sessions.js';
import { goodbyeOf, Worker, type WorkerIdentity } from '../worker/worker.js';
import type { Goodbye, Telemetry, TelemetrySession } from './handle.js';
import { identify } from './identity.js';
import { observe, watchTransitions } from './observe.js';
import type { InstrumentOptions } from './options.js';
import type { OutputParts } from './start-outputs.js';

/** What `shutdown()` takes beyond its wait for sessions stays under 3 s. */
const GOODBYE_MS = 2_800;
/** Of these, what the last ordinary report may take, for the counters are not in the goodbye. */
const COUNTERS_MS = 250;
const LOOK_EVERY_MS = 50;

/** Puts the parts together for one pool. */
export class PoolTelemetry implements Telemetry {
  readonly #identity: WorkerIdentity;
  readonly #worker: Worker;
  readonly #sessions: Sessions;
  readonly #now = new AbortController();
  readonly #onShutdown: () => void;
  readonly #started: Promise<void>;
  readonly #stop: () => void;
  /** Whether the pool tells of all its sessions. */
  readonly #isObserved: boolean;
  /** How many sessions must have been told to have started, so that it is told of all that the pool last had. */
  #toldOfAllFrom = Number.POSITIVE_INFINITY;
  /** Whether at the last look it was told of all. */
  #wasToldOfAll = false;
  /** Sessions that ended as dropped and that the pool may count for a moment longer: they are not active too. */
  #stillCounted = 0;
  #outputs: Outputs = {};
  /** The last report, once the goodbye is due. */
  #last: Report | undefined;
  #journal: Journal | undefined;
  #goodbye: Promise<Goodbye> | undefined;
  #isOver = false;
  #isDrainMissed = false;

  constructor(pool: PoolLike, options: InstrumentOptions, onShutdown: () => void) {
    this.#onShutdown = onShutdown;
    // process.on('SIGTERM', telemetry.shutdown) must not throw in a worker with live calls.
    this.startSession = this.startSession.bind(this);
    this.session = this.session.bind(this);
    this.rejectJob = this.rejectJob.bind(this);
    this.shutdown = this.shutdown.bind(this);
    const environment = readEnvironment();
    const assumedInterval = options.meterProvider ? SDK_INTERVAL_SECONDS : environment.intervalMs / 1000;
    const pending = new PendingTracer();
    this.#identity = identify(pool, options, environment);
    this.#worker = new Worker(pool, {
      startedAt: this.#identity.startedAt,
      drainTimeoutSeconds: options.drainTimeoutSeconds,
      tenantLimit: options.tenantLimit,
      intervalSeconds: () => this.#outputs.metrics?.intervalSeconds ?? assumedInterval,
      sessionsByTenant: () => this.#sessions.countByTenant(),
    });
    this.#sessions = new Sessions({
      tracer: options.tracerProvider?.getTracer(SCOPE_NAME, SCOPE_VERSION) ?? pending,
      workerAttributes: this.#identity.attributes,
      spanKind: options.spanKind,
      spanAttributes: options.spanAttributes,
      totals: this.#worker.totals,
      onStart: (session) => {
        this.#journal?.started(session);
        this.#outputs.spans?.sessionStarted();
      },
      onEnd: (session, outcome) => {
        // Where the pool had sessions that nobody told of, what it counts may be those; one with totals knows by itself.
        const isKnown = this.#wasToldOfAll && !internalsOf(pool)?.totals;
        if (outcome === 'dropped' && isKnown) this.#stillCounted++;
        this.#journal?.ended(session);
      },
      isResumed: (session) => internalsOf(pool)?.isResumed?.(session) ?? false,
    });
    const read = () => this.#read();
    this.#isObserved = attempt(() => typeof pool.observe === 'function', false);
    const stopObserving = observe(pool, this.#sessions, {
      deploymentVersion: this.deploymentVersion,
      goodbye: () => this.shutdown({ now: true }),
    });
    const stopWatching = watchTransitions(read, () => {
      void this.#started.then(() => this.#outputs.metrics?.flush());
    });
    this.#stop = () => {
      stopWatching();
      stopObserving();
    };
    const identity = this.#identity;
    this.#started = this.#start({ options, environment, identity, pending, read });
  }

  get workerId(): string {
    return this.#identity.workerId;
  }

  get deploymentVersion(): string {
    return this.#identity.version;
  }

  startSession(info: SessionStart = {}): TelemetrySession {
    const session = completed(info, this.#identity.version);
    const live = this.#sessions.start(session);
    return {
      info: session,
      span: live.span,
      run: (fn) => this.#sessions.run(live, fn),
      end: (outcome = 'success', error = undefined) => this.#sessions.end(live, outcome, error),
    };
  }

  async session<T>(info: SessionStart, fn: (session: TelemetrySession) => T | Promise<T>): Promise<T> {
    return runToEnd(this.startSession(info), fn);
  }

  rejectJob(reason: RejectionReason): void {
    this.#sessions.onJobRejected(reason);
  }

  shutdown(options?: { readonly now?: boolean } | null): Promise<Goodbye> {
    if (attempt(() => Boolean(options?.now), false)) this.#now.abort();
    this.#goodbye ??= this.#waitForSessions().then(() => this.#sayGoodbye());
    return this.#goodbye;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Whatever is needed only from here on is loaded here. */
  async #start(parts: OutputParts): Promise<void> {
    try {
      await this.#openJournal(parts);
      const { startOutputs } = await import('./start-outputs.js');
      this.#outputs = await startOutputs(parts);
      // Only now it is known which spans are sampled.
      this.#journal?.refresh();
      if (this.#worker.totals.started > 0) this.#outputs.spans?.sessionStarted();
    } catch (error) {
      parts.pending.discard();
      warn(`the OpenTelemetry SDK could not be started (${errorClass(error)}): nothing is reported`);
    }
  }

  /** Before the first report: whoever was reported can be recovered. */
  async #openJournal({ options, environment, identity }: OutputParts): Promise<void> {
    const isReported = options.meterProvider || (!environment.disabled && environment.exports.METRICS);
    if (options.journal === undefined || !isReported) return;
    const { Journal } = await import('../journal/journal.js');
    // Opened now it would take what the goodbye dropped for active still.
    if (this.#isOver) return;
    const { spanKind = SpanKind.CONSUMER } = options;
    const { resource } = environment;
    const sessions = this.#sessions;
    this.#journal = new Journal(options.journal, {
      worker: { identity, resource, spanKind },
      totals: this.#worker.totals,
      environment,
      get live() {
        return sessions.live;
      },
      readNow: () => void this.#read(),
    });
    await this.#journal.open();
  }

  #read(): Report {
    if (this.#last) return this.#last;
    const known = this.#worker.read();
    const report = { ...known, active: this.#activeOf(known) };
    this.#journal?.reported(report);
    return report;
  }

  /** The pool knows best; while it does not tell, whoever was told of all its sessions knows too. */
  #activeOf({ active: counted }: Report): number | undefined {
    const { liveCount } = this.#sessions;
    if (counted === undefined) return this.#isToldOfAll ? liveCount : undefined;
    this.#stillCounted = Math.min(this.#stillCounted, Math.max(0, counted - liveCount));
    const active = counted - this.#stillCounted;
    this.#toldOfAllFrom = this.#worker.totals.started + active - liveCount;
    this.#wasToldOfAll = active <= liveCount;
    return active;
  }

  async #waitForSessions(): Promise<void> {
    const since = performance.now();
    const { signal } = this.#now;
    while (!signal.aborted) {
      const report = this.#read();
      if ((report.active ?? Math.max(this.#sessions.liveCount, this.#worker.lastActive ?? 0)) === 0) return;
      const waited = Math.max(report.drainElapsed ?? 0, (performance.now() - since) / 1000);
      if (waited >= (report.drainTimeout ?? Number.POSITIVE_INFINITY)) return;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      if (!signal.aborted) this.#missDrain(this.#read());
    }
  }

  /** Says once that calls may go on to come. Of a pool that never had one this means nothing. */
  #missDrain({ draining, active = 0 }: Report): void {
    if (this.#isDrainMissed || draining !== 0 || this.#worker.totals.started + active === 0) return;
    this.#isDrainMissed = true;
    warn(
      'shutdown() of a pool that does not drain: it waits for the calls that still come, and those after the ' +
        'goodbye are in no report; let the pool drain first',
    );
  }

  get #isToldOfAll(): boolean {
    const { started } = this.#worker.totals;
    return this.#isObserved && started > 0 && started >= this.#toldOfAllFrom;
  }

  async #sayGoodbye(): Promise<Goodbye> {
    this.#stop();
    this.#onShutdown();
    this.#isOver = true;
    this.#last = this.#read();
    const { active } = this.#last;
    if (!this.#now.signal.aborted) this.#missDrain(this.#last);
    // The last ordinary report: the counters are not in the goodbye.
    const counters = this.#outputs.metrics?.flush();
    const at = Date.now() + 1;
    this.#journal?.freeze();
    this.#sessions.endAll(active ?? this.#sessions.liveCount);
    const [{ delivered, problem }, areSpansDelivered] = await this.#send(this.#last, at, counters);
    // Also where the SDK is loaded only now.
    this.#started
      .then(() => {
        this.#outputs.metrics?.close();
        this.#outputs.spans?.close();
        // What a provider that was passed in was given counts as arrived: it does not tell more.
        return this.#journal?.close({ goodbye: delivered !== false, spans: areSpansDelivered });
      })
      .catch((error) => warn(`the reporting could not be ended: ${errorClass(error)}`));
    if (active === undefined) {
      await warnAtOnce(
        'the goodbye does not tell how many sessions were dropped: the pool does not tell how many are active',
      );
    }
    if (problem !== undefined) await warnAtOnce(problem);
    return { delivered, droppedSessions: goodbyeOf(this.#last).dropped };
  }

  /** The goodbye does not wait for the spans, nor the other way round. */
  async #send(last: Report, due: number, counters?: Promise<void>) {
    const goodbye = this.#started.then(async (): Promise<Delivery> => {
      const { metrics } = this.#outputs;
      if (!metrics) return { delivered: false };
      await inTime(counters ?? metrics.flush(), undefined, COUNTERS_MS);
      // A flush waits for the report under way, and so the last one can be collected late.
      const at = Math.max(due, metrics.lastReportAt + 1);
      this.#journal?.goodbye(at);
      return metrics.goodbye(last, at);
    });
    const spans = this.#started.then(() => this.#outputs.spans?.flush() ?? true);
    const late = { delivered: false, problem: 'the goodbye did not arrive in time' };
    return Promise.all([inTime(goodbye, late), inTime(spans, false)]);
  }
}

/** What a promise gives, or another value when it fails or takes too long. */
async function inTime<T>(promise: Promise<T>, otherwise: T, ms = GOODBYE_MS): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, otherwise, { signal: timer.signal })]);
  } catch {
    return otherwise;
  } finally {
    timer.abort();
  }
}

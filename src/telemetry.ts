import { setTimeout as sleep } from 'node:timers/promises';
import { type Span, SpanKind } from '@opentelemetry/api';
import { type RejectionReason, SCOPE_NAME, SCOPE_VERSION, type SessionOutcome } from './attributes.js';
import { Cadence } from './cadence.js';
import { readEnvironment } from './environment.js';
import { identify } from './identity.js';
import type { Journal } from './journal.js';
import type { InstrumentOptions } from './options.js';
import type { Outputs, Told } from './outputs.js';
import { PendingTracer } from './pending-tracer.js';
import { completed, type PoolLike, type SessionInfo, type SessionStart } from './pool.js';
import { runToEnd } from './run-to-end.js';
import { errorClass, say } from './say.js';
import { Sessions } from './sessions.js';
import type { OutputParts } from './start-outputs.js';
import { watchTransitions } from './transitions.js';
import { lastReport, type Report, Worker, type WorkerIdentity } from './worker.js';

/** What `shutdown()` takes beyond its wait for sessions stays under 3 s. */
const GOODBYE_MS = 2_800;
const LOOK_EVERY_MS = 50;

/** What became of the goodbye. */
export interface Goodbye {
  /**
   * Whether the collector took it. `undefined` with a `meterProvider` that was passed in: it was flushed, and a
   * provider does not tell more.
   */
  readonly delivered: boolean | undefined;
  /** Sessions that this worker lost in its life, those that were active at the goodbye included. */
  readonly droppedSessions: number;
}

/** A session that was started by hand. Nothing here throws. */
export interface TelemetrySession {
  readonly info: SessionInfo;
  readonly span: Span;
  /** Runs code inside the session: `SessionSpanProcessor` tags the spans that are started in it. */
  run<T>(fn: () => T): T;
  /** Ends the session, as `success` unless told otherwise. A second call does nothing. */
  end(outcome?: SessionOutcome, error?: unknown): void;
}

/** The telemetry of one pool. */
export interface Telemetry extends AsyncDisposable {
  readonly workerId: string;
  readonly deploymentVersion: string;
  /** Starts a session by hand, for a pool that can not be observed. */
  startSession(info?: SessionStart): TelemetrySession;
  /**
   * Runs `fn` as a session. It ends as `success`, as `cancelled` on an AbortError, else as `failed`; what `fn`
   * returns or throws is passed on.
   */
  session<T>(info: SessionStart, fn: (session: TelemetrySession) => T | Promise<T>): Promise<T>;
  /** Counts a job that was offered and not accepted. */
  rejectJob(reason: RejectionReason): void;
  /**
   * Says goodbye: waits for live sessions up to the drain timeout (not with `now`), counts those still active as
   * dropped, and sends the last report. Takes at most 3 s beyond the wait. A second call joins the first, and with
   * `now` ends its wait. Never rejects.
   */
  shutdown(options?: { readonly now?: boolean }): Promise<Goodbye>;
}

/** Puts the parts together for one pool. */
export class PoolTelemetry implements Telemetry {
  readonly #identity: WorkerIdentity;
  readonly #worker: Worker;
  readonly #sessions: Sessions;
  readonly #hurry = new AbortController();
  readonly #onShutdown: () => void;
  readonly #started: Promise<void>;
  readonly #stop: () => void;
  #outputs: Outputs = {};
  #journal: Journal | undefined;
  #goodbye: Promise<Goodbye> | undefined;
  #isOver = false;

  constructor(pool: PoolLike, options: InstrumentOptions, onShutdown: () => void) {
    this.#onShutdown = onShutdown;
    // process.once('SIGTERM', telemetry.shutdown) must not throw in a worker with live calls.
    this.startSession = this.startSession.bind(this);
    this.session = this.session.bind(this);
    this.rejectJob = this.rejectJob.bind(this);
    this.shutdown = this.shutdown.bind(this);
    const environment = readEnvironment();
    const cadence = new Cadence();
    const pending = new PendingTracer();
    this.#identity = identify(pool, options, environment);
    this.#worker = new Worker(pool, {
      drainTimeoutSeconds: options.drainTimeoutSeconds,
      tenantLimit: options.tenantLimit,
      intervalSeconds: () => (options.meterProvider ? cadence.seconds : environment.intervalMs / 1000),
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
      onEnd: (session, outcome) => this.#journal?.ended(session, outcome),
      onReject: (reason) => this.#journal?.rejected(reason),
    });
    const read = () => this.#read();
    const stopObserving = this.#observe(pool);
    this.#introduceTo(pool);
    const stopWatching = watchTransitions(read, () => this.#outputs.metrics?.flush());
    this.#stop = () => {
      stopWatching();
      stopObserving();
    };
    const onReport = (told: Told) => this.#journal?.reported(told);
    const { countedBefore } = this.#worker;
    const identity = this.#identity;
    const more = { read, countedBefore, onReport };
    this.#started = this.#start({ options, environment, identity, cadence, pending, ...more });
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

  shutdown({ now = false }: { readonly now?: boolean } = {}): Promise<Goodbye> {
    if (now) this.#hurry.abort();
    this.#goodbye ??= this.#waitForSessions().then(() => this.#sayGoodbye());
    return this.#goodbye;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #observe(pool: PoolLike): () => void {
    let stop: unknown;
    try {
      stop = pool.observe?.(this.#sessions);
    } catch (error) {
      say(`the pool could not be observed (${errorClass(error)}): its sessions get no spans and counters`);
    }
    return () => {
      try {
        if (typeof stop === 'function') stop();
      } catch (error) {
        say(`the observing of the pool could not be ended: ${errorClass(error)}`);
      }
    };
  }

  #introduceTo(pool: PoolLike): void {
    try {
      pool.onInstrument?.({
        deploymentVersion: this.deploymentVersion,
        goodbye: () => this.shutdown({ now: true }),
      });
    } catch (error) {
      say(`the pool could not be told its worker (${errorClass(error)}): it says no goodbye by itself`);
    }
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
      say(`the OpenTelemetry SDK could not be started (${errorClass(error)}): nothing is reported`);
    }
  }

  /** Before the first report: whoever was reported can be recovered. */
  async #openJournal({ options, environment, identity, countedBefore }: OutputParts): Promise<void> {
    const isReported = options.meterProvider || (!environment.disabled && environment.exports.METRICS);
    if (options.journal === undefined || !isReported) return;
    const { Journal } = await import('./journal.js');
    // Opened now it would take what the goodbye dropped for active still.
    if (this.#isOver) return;
    const { spanKind = SpanKind.CONSUMER } = options;
    const { resource, temporality } = environment;
    const { totals } = this.#worker;
    const sessions = this.#sessions;
    this.#journal = new Journal(options.journal, {
      worker: { identity, resource, temporality, spanKind, totals, countedBefore },
      environment,
      get live() {
        return sessions.live;
      },
      look: () => void this.#read(),
    });
    await this.#journal.open();
  }

  #read(): Report {
    const report = this.#worker.read();
    this.#journal?.saw(report, this.#activeOf(report));
    return report;
  }

  async #waitForSessions(): Promise<void> {
    const since = performance.now();
    const { signal } = this.#hurry;
    while (!signal.aborted) {
      const report = this.#read();
      if (this.#activeOf(report) === 0) return;
      const waited = Math.max(report.drainElapsedSeconds, (performance.now() - since) / 1000);
      if (waited >= (report.drainTimeoutSeconds ?? Number.POSITIVE_INFINITY)) return;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** The pool knows best, but what is told of its sessions is newer than a snapshot that is stale. */
  #activeOf({ active, isStale }: Report): number {
    const isTold = this.#worker.totals.started > 0;
    return active === undefined || (isStale && isTold) ? this.#sessions.liveCount : active;
  }

  async #sayGoodbye(): Promise<Goodbye> {
    this.#stop();
    this.#onShutdown();
    this.#isOver = true;
    const facts = this.#read();
    const active = this.#activeOf(facts);
    const at = Date.now();
    this.#journal?.goodbye(at);
    this.#sessions.endAll(active);
    const report = lastReport({ ...facts, active });
    const [delivered, areSpansDelivered] = await this.#send(report, at);
    // Also where the SDK is loaded only now.
    this.#started
      .then(() => {
        this.#outputs.metrics?.close();
        this.#outputs.spans?.close();
        // What a provider that was passed in was given counts as arrived: it does not tell more.
        return this.#journal?.close({ goodbye: delivered !== false, spans: areSpansDelivered });
      })
      .catch((error) => say(`the reporting could not be ended: ${errorClass(error)}`));
    return { delivered, droppedSessions: report.dropped };
  }

  /** The goodbye does not wait for the spans, nor the other way round. */
  async #send(report: Report, at: number): Promise<[goodbye: boolean | undefined, spans: boolean]> {
    const goodbye = this.#started.then(() => this.#outputs.metrics?.goodbye(report, at) ?? false);
    const spans = this.#started.then(() => this.#outputs.spans?.flush() ?? true);
    return Promise.all([inTime(goodbye, false), inTime(spans, false)]);
  }
}

/** What a promise gives, or another value when it fails or takes too long. */
async function inTime<T>(promise: Promise<T>, otherwise: T): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, sleep(GOODBYE_MS, otherwise, { signal: timer.signal })]);
  } catch {
    return otherwise;
  } finally {
    timer.abort();
  }
}

import {
  type Attributes,
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import {
  AGENT_NAME,
  DEFAULT_TENANT,
  ERROR_TYPE,
  REJECTION_REASONS,
  type RejectionReason,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_OUTCOMES,
  SESSION_SPAN,
  SESSION_START_SPAN,
  type SessionOutcome,
  TENANT_ID,
  WORKER_VERSION,
} from './attributes.js';
import { label } from './label.js';
import type { SpanStarter } from './pending-tracer.js';
import type { SessionInfo, SessionObserver } from './pool.js';
import { errorClass, Trouble } from './say.js';
import { withSessionTags } from './span-processor.js';
import type { Totals } from './worker.js';

export interface SessionsOptions {
  readonly tracer: SpanStarter;
  readonly workerAttributes: Attributes;
  readonly spanKind: SpanKind | undefined;
  readonly spanAttributes: ((session: SessionInfo) => Attributes) | undefined;
  readonly totals: Totals;
  onStart(): void;
}

interface LiveSession {
  readonly tenant: string;
  readonly span: Span;
  readonly tags: Attributes;
}

/** Session starts and ends -> spans and counters. Nothing here throws into the pool. */
export class Sessions implements SessionObserver {
  readonly #options: SessionsOptions;
  readonly #live = new Map<string, LiveSession>();
  readonly #trouble = new Trouble('sessions are told well again');

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  /** Live sessions by tenant, for a pool whose snapshot does not tell. */
  countByTenant(): Record<string, number> {
    const counts: Record<string, number> = Object.create(null);
    for (const { tenant } of this.#live.values()) counts[tenant] = (counts[tenant] ?? 0) + 1;
    return counts;
  }

  /** Starts a session and gives its span, or one that does nothing where it could not be started. */
  start(session: SessionInfo): Span {
    this.onSessionStart(session);
    return this.#live.get(session.id)?.span ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  }

  onSessionStart(session: SessionInfo): void {
    this.#guard(() => this.#start(session));
  }

  runSession<T>(session: SessionInfo, fn: () => T): T {
    const tags = this.#live.get(session.id)?.tags;
    return tags ? context.with(withSessionTags(context.active(), tags), fn) : fn();
  }

  onSessionEnd(session: SessionInfo, outcome: SessionOutcome, error?: unknown): void {
    this.#guard(() => this.#end(session.id, outcome, error));
  }

  onJobRejected(reason: RejectionReason): void {
    this.#options.totals.rejected[REJECTION_REASONS.includes(reason) ? reason : 'other']++;
  }

  /**
   * Ends what is still live when the worker says goodbye: the pool counted `active` of them, those were
   * dropped; of any others, the oldest, nobody told the end.
   */
  endAll(active: number): void {
    const unknown = Math.max(0, this.#live.size - active);
    for (const [index, id] of [...this.#live.keys()].entries()) {
      this.#guard(() => this.#end(id, index < unknown ? 'unknown' : 'dropped'));
    }
  }

  #start(session: SessionInfo): void {
    if (this.#live.has(session.id)) {
      this.#trouble.broke('a session started with the id of a live one; the first now ends as unknown');
      this.#end(session.id, 'unknown');
    }
    this.#options.totals.started++;
    const { tracer, workerAttributes, spanKind } = this.#options;
    const tenant = label(session.tenant ?? DEFAULT_TENANT);
    const own: Attributes = { ...workerAttributes, [SESSION_ID]: label(session.id), [TENANT_ID]: tenant };
    if (session.agentName !== undefined) own[AGENT_NAME] = label(session.agentName);
    const attributes = { ...this.#userAttributes(session), ...own };
    const startTime = session.startedAt ?? new Date();
    const around = trace.getSpanContext(context.active());
    const span = tracer.startSpan(
      SESSION_SPAN,
      {
        kind: spanKind ?? SpanKind.CONSUMER,
        startTime,
        attributes,
        links: around && isSpanContextValid(around) ? [{ context: around }] : [],
      },
      ROOT_CONTEXT,
    );
    tracer
      .startSpan(SESSION_START_SPAN, { startTime, attributes }, trace.setSpan(ROOT_CONTEXT, span))
      .end(startTime);
    const tags = {
      [SESSION_ID]: own[SESSION_ID],
      [TENANT_ID]: tenant,
      [WORKER_VERSION]: workerAttributes[WORKER_VERSION],
    };
    this.#live.set(session.id, { tenant, span, tags });
    this.#options.onStart();
  }

  #end(id: string, given: SessionOutcome, error?: unknown): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    const outcome = SESSION_OUTCOMES.includes(given) ? given : 'unknown';
    this.#options.totals.ended[outcome]++;
    const { span } = live;
    span.setAttribute(SESSION_OUTCOME, outcome);
    if (outcome === 'failed' || outcome === 'dropped') {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute(ERROR_TYPE, outcome === 'dropped' ? outcome : errorClass(error));
    }
    span.end();
  }

  #userAttributes(session: SessionInfo): Attributes | undefined {
    try {
      return this.#options.spanAttributes?.(session);
    } catch (error) {
      this.#trouble.broke(`spanAttributes() threw ${errorClass(error)}; spans go without its attributes`);
      return undefined;
    }
  }

  #guard(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#trouble.broke(`a session could not be told: ${errorClass(error)}`);
    }
  }
}

import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_TIMEOUT,
  DROPPED_SESSIONS,
  JOBS_REJECTED,
  type Metric,
  REJECTION_REASON,
  SESSIONS_STARTED,
  START_TIME,
} from '../../../src/attributes.js';
import { labelName, perWorker, range, union } from '../../../src/deploy/promql.js';
import { Blocks, count, POOL, type Silence, sum, VERSION, WORKER } from './blocks.js';

const INTERVALS = 4;
const BY_POOL = `on (${POOL})`;
const BY_VERSION = `${POOL}, ${VERSION}`;
const REASON = labelName(REJECTION_REASON);
/** A loss, and a worker that went silent, are told for so long. */
const LATELY = { window: '15m', seconds: 15 * 60 };
const CRASHES = { window: '20m', seconds: 20 * 60, least: 3 };
const NO_PROGRESS = { window: '30m', seconds: 30 * 60 };
const HOUR = '1h';
const FLOW = '10m';
const HISTORY = '6h';

function silenceOf(intervalSeconds: number): Silence {
  const ms = INTERVALS * intervalSeconds * 1000;
  const part = (share: number) => {
    const length = Math.round(ms * share);
    return length % 1000 === 0 ? `${length / 1000}s` : `${length}ms`;
  };
  return {
    seconds: String(ms / 1000),
    whole: part(1),
    half: part(1 / 2),
    quarter: part(1 / 4),
    third: part(1 / 3),
    twoThirds: part(2 / 3),
  };
}

/** When each alert holds, of workers that report at an interval. */
export class Conditions {
  readonly #intervalSeconds: number;
  readonly #blocks: Blocks;

  constructor(intervalSeconds: number) {
    this.#intervalSeconds = intervalSeconds;
    this.#blocks = new Blocks(silenceOf(intervalSeconds));
  }

  get silenceSeconds(): string {
    return this.#blocks.silence.seconds;
  }

  get sessionsDropped(): string {
    const { window } = LATELY;
    const lost = union({
      now: this.#blocks.most(DROPPED_SESSIONS, { window }),
      before: `-${this.#blocks.most(DROPPED_SESSIONS, { window: HOUR, offset: window })}`,
    });
    // What an older worker had lost when it was first seen was not lost lately.
    const wasSeen = this.#blocks.reported({ window: HOUR, offset: window });
    const isYoung = `${this.#blocks.last(START_TIME, { window })} > time() - ${LATELY.seconds} - ${this.silenceSeconds}`;
    return `sum by (${BY_VERSION}) ((sum by (${WORKER}) (${lost}) and (${wasSeen} or ${isYoung})) > 0)`;
  }

  get silentWithSessions(): string {
    const { window } = LATELY;
    const silent = `${this.#blocks.last(ACTIVE_SESSIONS, { window })} > 0 and ${this.#blocks.silent({ window })}`;
    return `(${silent}) and ${BY_POOL} ${this.#blocks.witness}`;
  }

  get telemetryAbsent(): string {
    const window = HOUR;
    const ran = `${this.#blocks.last(DEPLOYMENT_VERSION, { window })} == 1 unless ${this.#blocks.exited({ window })}`;
    return `${count(ran)} unless ${BY_POOL} ${this.#blocks.anyone}`;
  }

  get noneAccepts(): string {
    return `${count(this.#blocks.running())} unless ${BY_POOL} ${count(this.#blocks.accepting())}`;
  }

  get drainPastTimeout(): string {
    return `${this.#holding} > 0 and ${this.#elapsed} > ${this.#timeout} + ${this.#intervalSeconds}`;
  }

  get drainWithoutProgress(): string {
    const before = this.#blocks.last(ACTIVE_SESSIONS, { offset: NO_PROGRESS.window });
    return `${this.#holding} > 0 and ${this.#holding} >= ${before} and ${this.#elapsed} > ${NO_PROGRESS.seconds}`;
  }

  get drainNearDeadline(): string {
    return `${this.#holding} > 0 and ${this.#elapsed} > 0.8 * ${this.#timeout} and ${this.#elapsed} <= ${this.#timeout}`;
  }

  get mixedVersions(): string {
    return `${count(this.#acceptingVersions)} > 1`;
  }

  get crashLoop(): string {
    const { window, seconds, least } = CRASHES;
    const isYoung = `${this.#blocks.last(START_TIME, { window })} > time() - ${seconds}`;
    const crashed = `(${this.#blocks.silent({ window })} and ${isYoung})`;
    return `count by (${BY_VERSION}) (${crashed}) >= ${least} and ${BY_POOL} ${this.#blocks.witness}`;
  }

  get jobsRejected(): string {
    const byReason = this.#lately(JOBS_REJECTED, [REASON], [`${REASON}!="draining"`]);
    const rejected = `sum by (${POOL}, ${REASON}) (${byReason})`;
    const offered = `(${sum(byReason)} + ${sum(this.#lately(SESSIONS_STARTED))})`;
    return `${rejected} > 10 and ${rejected} / ${BY_POOL} group_left () ${offered} > 0.1`;
  }

  get startedOnLeftover(): string {
    const firstSeen = `min by (${BY_VERSION}) (${this.#blocks.least(START_TIME, { window: HISTORY })})`;
    // When the version came up that came up last and accepts.
    const newest = `max by (${POOL}) (${firstSeen} and ${this.#acceptingVersions})`;
    const isOld = `(${firstSeen} < ${BY_POOL} group_left () ${newest})`;
    const cameLater = `(${this.#blocks.last(START_TIME)} > ${BY_POOL} group_left () ${newest})`;
    const leftover = `(${cameLater} and on (${BY_VERSION}) ${isOld})`;
    const started = `${this.#lately(SESSIONS_STARTED)} and ${this.#blocks.accepting()} and ${leftover}`;
    return `sum by (${WORKER}) (${started}) > 0`;
  }

  /** Sessions on workers that drain. */
  get #holding(): string {
    return `(${this.#blocks.sessions()} and ${this.#blocks.draining()})`;
  }

  get #elapsed(): string {
    return `(time() - ${this.#blocks.drainingSince()})`;
  }

  get #timeout(): string {
    return this.#blocks.last(DRAIN_TIMEOUT);
  }

  get #acceptingVersions(): string {
    return `count by (${BY_VERSION}) (${this.#blocks.accepting()})`;
  }

  #lately(metric: Metric, labels: readonly string[] = [], matchers: readonly string[] = []): string {
    return perWorker('max', `increase(${range(this.#blocks.of(metric, matchers), FLOW)})`, labels);
  }
}

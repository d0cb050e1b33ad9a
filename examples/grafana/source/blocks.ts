import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_ELAPSED,
  DRAINING,
  type Metric,
  POOL_NAME,
  START_TIME,
  WORKER_VERSION,
} from '../../../src/attributes.js';
import { labelName, perWorker, range, series, WORKER_LABELS } from '../../../src/deploy/promql.js';

/** The labels of a pool, of its versions, and of its workers. */
export const POOL = labelName(POOL_NAME);
export const VERSION = labelName(WORKER_VERSION);
export const WORKER = WORKER_LABELS.join(', ');

/** How long a worker may be without a report, and the parts of it that a witness is held against. */
export interface Silence {
  readonly seconds: string;
  readonly whole: string;
  readonly half: string;
  readonly quarter: string;
  readonly third: string;
  readonly twoThirds: string;
}

/** Where to look: `window` ends `offset` before now. */
interface Look {
  readonly window?: string;
  readonly offset?: string;
  readonly matchers?: readonly string[];
  readonly labels?: readonly string[];
}

/** One value a pool. */
export const sum = (workers: string): string => `sum by (${POOL}) (${workers})`;
export const count = (workers: string): string => `count by (${POOL}) (${workers})`;

/**
 * The building blocks: what a worker does now, as expressions that give one value a worker, or one a pool.
 *
 * Each folds the copies of a worker, looks at a window and never at a single sample, and gives nothing where nothing
 * is known.
 */
export class Blocks {
  readonly silence: Silence;
  readonly #matchers: readonly string[];

  constructor(silence: Silence, matchers: readonly string[] = []) {
    this.silence = silence;
    this.#matchers = matchers;
  }

  /** The series of a metric. */
  of(metric: Metric, matchers: readonly string[] = []): string {
    return series(metric, [...this.#matchers, ...matchers]);
  }

  /** The last value; of the silence window when no other is given. */
  last(metric: Metric, look: Look = {}): string {
    return this.#over('max', 'last', metric, look);
  }

  /** The greatest value; of the silence window when no other is given. */
  most(metric: Metric, look: Look = {}): string {
    return this.#over('max', 'max', metric, look);
  }

  /** The least value; of the silence window when no other is given. */
  least(metric: Metric, look: Look = {}): string {
    return this.#over('min', 'min', metric, look);
  }

  /** The longest report interval of the pool, in s. */
  get interval(): string {
    return `${this.silence.seconds} / 4`;
  }

  /** When it last reported, in Unix s; nothing when that is more than 5 minutes ago. */
  lastReport(matchers: readonly string[] = []): string {
    return perWorker('max', `timestamp(${this.of(DEPLOYMENT_VERSION, matchers)})`);
  }

  /** Reported at all; in the silence window when no other is given. */
  reported(look: Look = {}): string {
    return this.#over('max', 'present', DEPLOYMENT_VERSION, look);
  }

  /** Said goodbye: reported 0 once, whatever came later. */
  exited(look: Look & Required<Pick<Look, 'window'>>): string {
    return `(${this.least(DEPLOYMENT_VERSION, look)} == 0)`;
  }

  /**
   * Reports, and said no goodbye with these reports. A worker whose clock was set back right before its goodbye runs
   * on for at most a silence window.
   */
  running(matchers: readonly string[] = []): string {
    return `(${this.least(DEPLOYMENT_VERSION, { matchers })} == 1)`;
  }

  draining(look: Look = {}): string {
    return `(${this.last(DRAINING, look)} == 1)`;
  }

  /** Runs, and takes sessions. */
  accepting(matchers: readonly string[] = []): string {
    return `(${this.running(matchers)} unless ${this.draining({ matchers })})`;
  }

  /** Accepts, and has reported for a silence window, give or take half an interval: a crash loop does not count. */
  settled(matchers: readonly string[] = []): string {
    const start = this.last(START_TIME, { matchers });
    const reportedFor = `${this.lastReport(matchers)} - ${start} + ${this.interval} / 2`;
    return `(${this.accepting(matchers)} and ${reportedFor} >= ${this.silence.seconds})`;
  }

  /** Reported in a window, said no goodbye, and is silent now. */
  silent({ window, matchers = [] }: Required<Pick<Look, 'window'>> & Look): string {
    const look = { window, matchers };
    return `(${this.reported(look)} unless ${this.exited(look)} unless ${this.reported({ matchers })})`;
  }

  /** Sessions of the workers that run. */
  sessions(matchers: readonly string[] = []): string {
    return `(${this.last(ACTIVE_SESSIONS, { matchers })} and ${this.running(matchers)})`;
  }

  /** When its drain began, in Unix s, of workers that drain. */
  drainingSince(): string {
    return `(${this.lastReport()} - ${this.last(DRAIN_ELAPSED)} and ${this.draining()})`;
  }

  /** How many workers of the pool reported through the whole silence window; nothing when none did. */
  get witness(): string {
    const { half, quarter, third, twoThirds } = this.silence;
    const parts = [
      this.reported({ window: half }),
      this.reported({ window: half, offset: quarter }),
      this.reported({ window: third, offset: twoThirds }),
    ];
    return count(parts.join(' and '));
  }

  /** How many series of the pool reported of late: whether anybody did, and cheaper than {@link witness}. */
  get anyone(): string {
    return count(`present_over_time(${range(this.of(DEPLOYMENT_VERSION), this.silence.whole)})`);
  }

  /** A value a pool: 0 when there is none, and nothing without a witness. */
  known(value: string): string {
    return `((${value} or 0 * ${this.anyone}) and ${this.witness})`;
  }

  #over(aggregate: 'min' | 'max', what: string, metric: Metric, look: Look): string {
    const { window = this.silence.whole, offset, matchers = [], labels = [] } = look;
    const samples = range(this.of(metric, matchers), window, offset);
    return perWorker(aggregate, `${what}_over_time(${samples})`, labels);
  }
}

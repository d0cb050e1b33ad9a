import {
  ACTIVE_SESSIONS,
  DEPLOYMENT_VERSION,
  DRAIN_TIMEOUT,
  DROPPED_SESSIONS,
  START_TIME,
} from '../../../src/attributes.js';
import { quoted, range, union } from '../../../src/deploy/promql.js';
import { type Blocks, count, POOL, sum, VERSION, WORKER } from './blocks.js';
import { PHASES, type PhaseName } from './phases.js';

/** What the verdict is about. Texts of PromQL. */
export interface Scope {
  /** The window of the verdict, as a duration, and in seconds. */
  readonly window: string;
  readonly windowSeconds: string;
  /** Matchers of the target, and of all other versions. */
  readonly target: readonly string[];
  readonly others: readonly string[];
}

/** A silent worker is held against the deploy for so long. */
const PRESUME_AFTER = '5m';
const HOUR = '1h';

/** The three checks and the phase of a deploy, as `assessDeploy` has them; one value a pool. */
export class Deploy {
  readonly #blocks: Blocks;
  readonly #scope: Scope;

  constructor(blocks: Blocks, scope: Scope) {
    this.#blocks = blocks;
    this.#scope = scope;
  }

  /** Exactly 1 when check 1 is met: settled workers, of these and all that hold the check open; its numbers as labels. */
  get onTarget(): string {
    const settled = this.#counted(this.#settled);
    const expected = `clamp_min(${this.#counted(this.#acceptedBefore)}, 1)`;
    const needed = `max by (${POOL}) (${union({ settled, expected })})`;
    const open = `${this.#counted(this.#others)} + ${this.#counted(this.#gone)}`;
    const numbers = {
      accepting: this.#counted(this.#accepting),
      running: this.#counted(this.#blocks.running()),
      expected,
    };
    const labels = Object.entries(numbers).map(
      ([name, number]) =>
        `on (${POOL}) group_left (${name}) count_values(${quoted(name)}, ${number}) by (${POOL})`,
    );
    const share = `(${settled} / (${needed} + ${open}))`;
    return `(${[share, ...labels].join(' * ')}) and on (${POOL}) ${this.#blocks.witness}`;
  }

  /** Sessions on running workers, except those of the target that accept. */
  get left(): string {
    return this.#blocks.known(sum(this.#leftOnWorkers));
  }

  /** Sessions that workers lost since the window began, by their reports; nothing where that can not be told. */
  get dropped(): string {
    return this.#told(sum(this.#droppedOfWorkers));
  }

  /** Sessions that silent workers had last; nothing where that can not be told. */
  get presumed(): string {
    return this.#told(sum(this.#presumedOfWorkers));
  }

  /** Run, and are to be gone at the end. */
  get old(): string {
    return `(${this.#blocks.running()} unless ${this.#accepting})`;
  }

  /** The number of the phase, from {@link PHASES}; nothing when it is unknown for want of a witness. */
  get phase(): string {
    const { witness, anyone } = this.#blocks;
    const accepting = count(this.#accepting);
    const enough = `${count(this.#settled)} >= (${count(this.#acceptedBefore)} or 0 * ${anyone})`;
    const words: [PhaseName, string][] = [
      ['superseded', this.#successor],
      ['waiting', `(${anyone} unless ${accepting})`],
      ['stuck', this.#stuck],
      ['rolling', `(${count(this.#takers)} or ${accepting} < ${count(this.#acceptedBefore)})`],
      ['draining', `(${this.#holding} or ${this.#missing})`],
      ['draining', `(${anyone} unless ${enough})`],
      ['dropped', this.#droppedOfWorkers],
      ['unknown', this.#blind],
      ['dropped', this.#presumedOfWorkers],
      ['done', anyone],
    ];
    // The first that holds is said.
    const said = words.map(([phase, holds]) => `(0 * ${count(holds)} + ${PHASES[phase].value})`);
    return `(${said.join(' or ')}) and ${witness}`;
  }

  /** What each worker lost less what it had lost before; all of it where that is not known. */
  get #droppedOfWorkers(): string {
    const { window } = this.#scope;
    const lost = union({
      now: this.#blocks.most(DROPPED_SESSIONS, { window }),
      before: `-${this.#blocks.most(DROPPED_SESSIONS, { window: HOUR, offset: window })}`,
    });
    return `(sum by (${WORKER}) (${lost}) > 0)`;
  }

  /** What each silent worker had last. */
  get #presumedOfWorkers(): string {
    const { window } = this.#scope;
    const before = { window: this.#blocks.silence.whole, offset: window };
    const last = `${this.#blocks.last(ACTIVE_SESSIONS, { window })} or ${this.#blocks.last(ACTIVE_SESSIONS, before)}`;
    const exited = [this.#blocks.exited({ window }), this.#blocks.exited(before)].join(' unless ');
    return `((${last}) > 0 unless ${exited} unless ${this.#blocks.reported()})`;
  }

  get #leftOnWorkers(): string {
    return `(${this.#blocks.last(ACTIVE_SESSIONS)} and ${this.old})`;
  }

  /** To be gone, and of another version or with sessions. */
  get #holding(): string {
    const { others } = this.#scope;
    const hold = `${this.#blocks.last(ACTIVE_SESSIONS)} > 0 or ${this.#blocks.reported({ matchers: others })}`;
    return `(${this.old} and (${hold}))`;
  }

  /** Silent, and not for so long that it is given up; with sessions, or of the target. */
  get #missing(): string {
    const look = { window: PRESUME_AFTER };
    const own = this.#blocks.reported({ ...look, matchers: this.#scope.target });
    return `(${this.#blocks.silent(look)} and (${this.#blocks.last(ACTIVE_SESSIONS, look)} > 0 or ${own}))`;
  }

  /** Somebody ran a silence window before the window began, and nobody reported then: check 3 can not be told. */
  get #blind(): string {
    const isOlder = count(`${this.#blocks.last(START_TIME)} < ${this.#begin}`);
    return `(${isOlder} unless ${count(this.#blocks.reported({ offset: this.#scope.window }))})`;
  }

  get #accepting(): string {
    return this.#blocks.accepting(this.#scope.target);
  }

  get #settled(): string {
    return this.#blocks.settled(this.#scope.target);
  }

  /** Accepted when the window began. */
  get #acceptedBefore(): string {
    const { window: offset } = this.#scope;
    const running = `${this.#blocks.least(DEPLOYMENT_VERSION, { offset })} == 1`;
    return `(${running} unless ${this.#blocks.draining({ offset })})`;
  }

  /** Accept on another version. */
  get #takers(): string {
    return this.#blocks.accepting(this.#scope.others);
  }

  get #others(): string {
    return this.#blocks.running(this.#scope.others);
  }

  /** Of the target, and lately gone silent. */
  get #gone(): string {
    return this.#blocks.silent({ window: PRESUME_AFTER, matchers: this.#scope.target });
  }

  /** Past the drain timeout with sessions, for longer than the end of the drain needs to be heard of. */
  get #stuck(): string {
    const mayTake = `${this.#blocks.last(DRAIN_TIMEOUT)} + ${this.#blocks.interval}`;
    const isLate = `time() - ${this.#blocks.drainingSince()} > ${mayTake}`;
    return `(${this.#blocks.sessions()} > 0 and (${isLate}))`;
  }

  /**
   * Accept on a version that took over: first seen after the target, by the workers of the last hour and by who reported
   * when the window began; or any when the target drains and has left.
   */
  get #successor(): string {
    const { target, window: offset, windowSeconds } = this.#scope;
    const started = (matchers: readonly string[] = []) =>
      `last_over_time(${range(this.#blocks.of(START_TIME, matchers), HOUR)})`;
    const firstSeen = `min by (${POOL}, ${VERSION}) (${started()})`;
    const targetSeen = `min by (${POOL}) (${started(target)})`;
    const before = `count by (${POOL}, ${VERSION}) (${this.#blocks.reported({ offset })})`;
    const isNewer = `(${firstSeen} > on (${POOL}) group_left () ${targetSeen}) > time() - ${windowSeconds} unless ${before}`;
    const drained = this.#blocks.draining({ window: HOUR, matchers: target });
    const hasLeft = `${count(drained)} unless ${count(this.#accepting)} unless ${count(this.#gone)}`;
    return `(${this.#takers} and on (${POOL}, ${VERSION}) (${isNewer})) or (${this.#takers} and on (${POOL}) (${hasLeft}))`;
  }

  /** A silence window before the window began, in Unix s. */
  get #begin(): string {
    return `(time() - ${this.#scope.windowSeconds} - ${this.#blocks.silence.seconds})`;
  }

  /** A number a pool, also when there is none. */
  #counted(workers: string): string {
    return `(${count(workers)} or 0 * ${this.#blocks.anyone})`;
  }

  /** A number of sessions, where the whole window was seen; a loss is told in any case. */
  #told(sessions: string): string {
    return `((${sessions} or 0 * ${this.#blocks.anyone} unless ${this.#blind}) and ${this.#blocks.witness})`;
  }
}

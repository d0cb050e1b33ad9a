import { Random } from './random.js';

// A plan is decided by its seed alone. Times are in report intervals; a silence window is 4 of them.

/**
 * Where a worker has its journal: in the folder of the fleet, whose workers recover each other; in one of its own, that
 * others must look after; or nowhere.
 * @typedef {'shared' | 'own' | 'none'} JournalPlace
 */

/** How a worker can be made to fail by itself. @typedef {'leak' | 'crash'} Fault */

/**
 * @typedef {object} WorkerPlan
 * @property {JournalPlace} journal
 * @property {boolean} hasSidecar `openrtc-otel recover --follow` beside it, over its own folder.
 * @property {number} longCalls Calls that last until the deploy lets the worker go.
 * @property {Fault} [fault]
 * @property {number} [drainTimeout] Set where the drain timeout is to cut its calls off.
 */

/**
 * Who says the goodbye of a worker with a folder of its own and no sidecar: the command, or its restart.
 * @typedef {object} Recovery
 * @property {'command' | 'restart'} by
 * @property {number} after How long after its death.
 * @property {readonly number[]} killedAfterMs Recoverers that are killed in the middle before that.
 */

/** @typedef {'kill' | 'fault' | 'stop' | 'stop and kill' | 'cut off'} Blow */

/**
 * What happens to a worker.
 * @typedef {object} Event
 * @property {number} at After the cut-over began.
 * @property {Blow} blow
 * @property {'old' | 'new'} side
 * @property {number} slot Which worker of its side.
 * @property {number} calls Calls that it gets just before, where it takes any.
 * @property {number} lasts How long it is stopped.
 * @property {Recovery} recovery
 */

/** Between the workers and the collector, or on the disk of the journals. @typedef {'calm' | 'outage' | 'slow' | 'mute' | 'disk full'} Weather */

/** @typedef {{ at: number, weather: Weather, lasts: number }} Spell */

/**
 * One deploy: from one generation of workers to the next.
 * @typedef {object} Step
 * @property {'new' | 'restart' | 'rollback'} kind
 * @property {string} target
 * @property {number} batch How many workers come up, and how many old ones are terminated, at a time.
 * @property {readonly Event[]} events
 * @property {readonly Spell[]} spells
 * @property {boolean} isAbandoned The next one rolls it back.
 * @property {boolean} isLastKilled The last old worker is killed instead of let go.
 */

/**
 * @typedef {object} Plan
 * @property {number} seed
 * @property {number} size Workers of a generation.
 * @property {number} callers
 * @property {'calm' | 'network' | 'disk'} climate
 * @property {readonly (readonly WorkerPlan[])[]} generations
 * @property {readonly Step[]} steps
 */

const WEATHERS = /** @type {const} */ (['outage', 'slow', 'mute']);

/** @param {number} seed @param {number} mostSteps @returns {Plan} */
export function planOf(seed, mostSteps = Number.POSITIVE_INFINITY) {
  const random = new Random(seed);
  // Large fleets are rarer: they take the time of several small ones.
  const size = Math.min(random.int(3, 12), random.int(3, 12));
  const climate = random.pick(/** @type {const} */ (['calm', 'calm', 'network', 'network', 'disk']));
  const callers = random.int(2, size + 2);
  const kinds = kindsOf(random, random.int(1, 4));
  const steps = kinds.slice(0, mostSteps);
  // What was to be rolled back ends as it is when nothing comes after it.
  const drafts = steps.map((kind, index) => ({ kind, isAbandoned: steps[index + 1] === 'rollback' }));
  const generations = [generation(random, size, climate)];
  /** @type {Step[]} */
  const made = [];
  for (const [index, draft] of drafts.entries()) {
    generations.push(generation(random, size, climate));
    made.push(step(random, { draft, index, size, climate, generations, targets: targetsOf(kinds) }));
  }
  return { seed, size, callers, climate, generations, steps: made };
}

/** @typedef {Plan['climate']} Climate */

/** @param {Random} random @param {number} count */
function kindsOf(random, count) {
  /** @type {Step['kind'][]} */
  const kinds = [];
  while (kinds.length < count) {
    const last = kinds.at(-1);
    if (last === 'new' && random.chance(0.35)) kinds.push('rollback');
    else kinds.push(random.chance(0.2) ? 'restart' : 'new');
  }
  return kinds;
}

/** The version of each generation, the first one included. @param {readonly Step['kind'][]} kinds */
function targetsOf(kinds) {
  const versions = ['v1'];
  let newest = 1;
  for (const kind of kinds) {
    if (kind === 'new') versions.push(`v${++newest}`);
    else versions.push(versions.at(kind === 'restart' ? -1 : -2) ?? '');
  }
  return versions;
}

/**
 * The first worker of a generation recovers others and is not hit while the deploy goes on: somebody must.
 * @param {Random} random @param {number} size @param {Climate} climate @returns {WorkerPlan[]}
 */
function generation(random, size, climate) {
  return Array.from({ length: size }, (_, slot) => {
    const journal = slot === 0 ? 'shared' : journalPlace(random, climate);
    const hasSidecar = random.chance(0.4) && journal === 'own' && climate !== 'disk';
    return { journal, hasSidecar, longCalls: slot === 0 ? random.int(1, 2) : random.int(0, 3) };
  });
}

/**
 * What a worker without a journal does not get rid of in bad weather, its exit too, nobody can know: there each has one.
 * @param {Random} random @param {Climate} climate @returns {JournalPlace}
 */
function journalPlace(random, climate) {
  const roll = random.next();
  if (climate === 'network') return roll < 0.5 ? 'shared' : 'own';
  return roll < 0.35 ? 'shared' : roll < 0.75 ? 'own' : 'none';
}

/**
 * @typedef {object} Draft
 * @property {{ kind: Step['kind'], isAbandoned: boolean }} draft
 * @property {number} index
 * @property {number} size
 * @property {Climate} climate
 * @property {WorkerPlan[][]} generations
 * @property {readonly string[]} targets
 */

/** @param {Random} random @param {Draft} draft @returns {Step} */
function step(random, { draft, index, size, climate, generations, targets }) {
  /** @type {Event[]} */
  const events = [];
  for (const side of /** @type {const} */ (['old', 'new'])) {
    const workers = generations[side === 'old' ? index : index + 1] ?? [];
    for (const [slot, worker] of workers.entries()) {
      if (slot === 0 || !random.chance(1.3 / size)) continue;
      // On a full disk it cannot be told who of a folder has still got a journal.
      if (climate === 'disk' && worker.journal === 'shared') continue;
      const event = { ...blow(random, side, draft.kind), side, slot };
      events.push(event);
      prepare(worker, event, random);
    }
  }
  const spells = climate === 'calm' ? [] : spellsOf(random, climate);
  return {
    ...draft,
    target: targets[index + 1] ?? '',
    batch: random.chance(0.6) ? size : random.int(1, 3),
    events: events.sort((a, b) => a.at - b.at),
    spells,
    isLastKilled: random.chance(0.2) && !draft.isAbandoned,
  };
}

/** @param {Random} random @param {'old' | 'new'} side @param {Step['kind']} kind @returns {Omit<Event, 'side' | 'slot'>} */
function blow(random, side, kind) {
  /** @type {Blow[]} */
  const blows = ['kill', 'kill', 'kill', 'fault', 'stop', 'stop and kill'];
  // A deploy that is rolled back has ended when its last worker takes no more calls: that must not wait for an event.
  if (side === 'old' && kind !== 'rollback') blows.push('cut off');
  return {
    at: random.int(0, 8),
    blow: random.pick(blows),
    calls: random.int(0, 3),
    lasts: random.int(1, 8),
    recovery: {
      by: random.pick(/** @type {const} */ (['command', 'restart'])),
      after: random.int(0, 6),
      killedAfterMs: Array.from({ length: random.int(0, 2) }, () => random.int(100, 800)),
    },
  };
}

/** A worker is made so that the blow can hit it. @param {WorkerPlan} worker @param {Event} event @param {Random} random */
function prepare(worker, event, random) {
  if (event.side === 'old' && worker.longCalls === 0) worker.longCalls = 1;
  if (event.blow === 'fault') worker.fault = random.pick(/** @type {const} */ (['leak', 'crash']));
  if (event.blow === 'cut off') worker.drainTimeout = random.int(2, 5);
}

/** @param {Random} random @param {Exclude<Climate, 'calm'>} climate @returns {Spell[]} */
function spellsOf(random, climate) {
  const at = random.int(0, 6);
  /** @type {Weather} */
  const weather = climate === 'disk' ? 'disk full' : random.pick(WEATHERS);
  return [{ at, weather, lasts: random.int(1, 6) }];
}

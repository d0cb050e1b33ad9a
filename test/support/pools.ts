import type { PoolLike, RuntimeSnapshot, SessionObserver } from '../../src/worker/pool.js';

export const IDLE: RuntimeSnapshot = { activeSessions: 0, draining: false };

/** A pool that gives the snapshot a test sets, good or not. */
export class TestPool implements PoolLike {
  /** How often a snapshot was taken. */
  reads = 0;
  #next: () => unknown;

  constructor(snapshot: unknown = IDLE) {
    this.#next = () => snapshot;
  }

  give(snapshot: unknown): void {
    this.#next = () => snapshot;
  }

  fail(error: unknown): void {
    this.#next = () => {
      throw error;
    };
  }

  runtimeSnapshot(): RuntimeSnapshot {
    this.reads++;
    return this.#next() as RuntimeSnapshot;
  }
}

/** A test pool that can be observed. */
export class ObservedPool extends TestPool {
  readonly observers = new Set<SessionObserver>();

  observe(observer: SessionObserver): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  tell(what: (observer: SessionObserver) => void): void {
    for (const observer of this.observers) what(observer);
  }
}

/** Snapshots that no pool should give, and what is wrong with each. */
export const BAD_SNAPSHOTS: ReadonlyArray<readonly [fault: string, snapshot: unknown]> = [
  ['NaN sessions', { activeSessions: Number.NaN, draining: false }],
  ['infinitely many sessions', { activeSessions: Number.POSITIVE_INFINITY, draining: false }],
  ['a negative number of sessions', { activeSessions: -1, draining: false }],
  ['a part of a session', { activeSessions: 1.5, draining: false }],
  ['more sessions than a number can count', { activeSessions: 2 ** 53, draining: false }],
  ['a string for the sessions', { activeSessions: '2', draining: false }],
  ['a bigint for the sessions', { activeSessions: 2n, draining: false }],
  ['null sessions', { activeSessions: null, draining: false }],
  ['no number of sessions', { draining: false }],
  ['no draining', { activeSessions: 2 }],
  ['a string for draining', { activeSessions: 2, draining: 'false' }],
  ['null for draining', { activeSessions: 2, draining: null }],
  ['a number for draining', { activeSessions: 2, draining: 0 }],
  ['null', null],
  ['nothing', undefined],
  ['a promise', Promise.resolve({ activeSessions: 9, draining: true })],
  [
    'a getter that throws',
    {
      get activeSessions() {
        throw new RangeError('secret');
      },
    },
  ],
];

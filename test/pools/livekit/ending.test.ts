import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ending } from '../../../src/pools/livekit/ending.js';

const OUT = 'room disconnected';
const CLIENT_INITIATED = 1;
const ROOM_DELETED = 5;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A job that runs, and its worker's pings. */
function start() {
  const [room, worker] = [new EventEmitter(), new EventEmitter()];
  const ending = new Ending(room, worker);
  return {
    ping: () => worker.emit('message', { case: 'pingRequest', value: { timestamp: 1 } }),
    hear: (message: unknown) => worker.emit('message', message),
    pass: (seconds: number) => vi.advanceTimersByTime(seconds * 1000),
    leave(roomReason: number | undefined, reason: string | undefined) {
      room.emit('disconnected', roomReason);
      return ending.outcomeOf(reason);
    },
    ending,
  };
}

describe('a job that ends', () => {
  it.each([
    ['job crashed', 'failed'],
    ['shutdown request', 'success'],
    ['the agent is done', 'success'],
    ['', 'success'],
    [undefined, 'success'],
  ])('by "%s" is %s', (reason, outcome) => {
    expect(start().ending.outcomeOf(reason)).toBe(outcome);
  });

  it.each([
    ['its media server died', 0, 'dropped'],
    ['it left', CLIENT_INITIATED, 'success'],
    ['another took its place', 2, 'dropped'],
    ['its media server shut down', 3, 'dropped'],
    ['it was removed', 4, 'success'],
    ['its room was deleted', ROOM_DELETED, 'success'],
    ['its connection was lost', 9, 'dropped'],
    ['its room was closed', 10, 'success'],
    ['a reason that is not known yet', 99, 'dropped'],
    ['no reason', undefined, 'unknown'],
  ])('out of its room because %s is that: %s, %s', (_, reason, outcome) => {
    const job = start();
    job.ping();
    expect(job.leave(reason, OUT)).toBe(outcome);
  });

  it.each([
    [0, 'dropped'],
    [ROOM_DELETED, 'success'],
  ])('without a reason, as LiveKit up to 1.7 says it, goes by the %i of its room: %s', (reason, outcome) => {
    expect(start().leave(reason, undefined)).toBe(outcome);
  });

  it('out of a room that cannot be listened to is unknown', () => {
    const broken = {
      on() {
        throw new TypeError('planted');
      },
    };
    for (const room of [undefined, broken]) {
      expect(new Ending(room, new EventEmitter()).outcomeOf(OUT)).toBe('unknown');
    }
  });
});

describe('a job whose worker is not heard for 15 s', () => {
  it('is dropped when it leaves its room then: LiveKit ends its process', () => {
    const job = start();
    job.ping();
    job.pass(15);
    expect(job.leave(CLIENT_INITIATED, OUT)).toBe('dropped');
  });

  it('is dropped also where pings come again before it has left', () => {
    const job = start();
    job.ping();
    job.pass(15);
    job.ping();
    job.ping();
    expect(job.leave(CLIENT_INITIATED, OUT)).toBe('dropped');
  });

  it('is unknown where no ping ever came: LiveKit may have changed', () => {
    const job = start();
    job.hear(null);
    job.hear({ case: 'shutdownRequest' });
    job.pass(15);
    expect(job.leave(CLIENT_INITIATED, OUT)).toBe('unknown');
  });

  it('is no loss where the caller hung up', () => {
    const job = start();
    job.ping();
    job.pass(15);
    expect(job.leave(ROOM_DELETED, OUT)).toBe('success');
  });
});

it('a job that leaves is a success as long as its worker is heard, or stalls for less', () => {
  const job = start();
  for (let ping = 0; ping < 20; ping++) {
    job.ping();
    job.pass(2.5);
  }
  job.pass(12);
  job.ping();
  expect(job.leave(CLIENT_INITIATED, OUT)).toBe('success');
});

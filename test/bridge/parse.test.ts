import { describe, expect, it } from 'vitest';
import { parseLine, parseSnapshot, parseSocketAnswer } from '../../src/bridge/parse.js';
import { captured } from './support/replay.js';

const eventOf = (payload: unknown) => parseLine(JSON.stringify({ kind: 'event', seq: 1, payload }));

describe('a snapshot', () => {
  it('is read whatever else is in it, and without what is not right in it', () => {
    expect(
      parseSnapshot({
        active_sessions: 2,
        draining: 'no',
        deployment_version: '',
        total_sessions_started: -1,
        sessions_by_tenant: [],
        timestamp: 1_700_000_100,
        uptime_seconds: 100,
        weather: 'fine',
      }),
    ).toEqual({
      active: 2,
      draining: undefined,
      version: undefined,
      startedAt: 1_700_000_000,
      uptimeSeconds: 100,
      started: undefined,
      failed: undefined,
      tenants: undefined,
    });
  });

  it.each([[null], ['text'], [[]], [{}], [{ active_sessions: 1.5 }], [{ active_sessions: '1' }]])(
    'is none: %j',
    (payload) => {
      expect(parseSnapshot(payload)).toBeUndefined();
    },
  );
});

describe('an event', () => {
  it.each([
    ['ValueError: secret words', 'ValueError'],
    ['livekit.agents.APIError: secret', 'livekit.agents.APIError'],
    ['a secret without a class', undefined],
    ['', undefined],
    [7, undefined],
  ])('tells the class of an error and nothing else of it: %j', (error, errorName) => {
    const line = eventOf({ event: 'session_failed', agent: 'hold', tenant: 'acme', error });
    expect(line).toMatchObject({ kind: 'event', event: { tenant: 'acme', agentName: 'hold', errorName } });
    expect(JSON.stringify(line)).not.toContain('secret');
  });

  it('without a tenant is of the default one', () => {
    expect(eventOf({ event: 'session_started', agent: 'hold' })).toMatchObject({
      event: { tenant: 'default' },
    });
  });
});

describe('the answer of a socket', () => {
  it('is that of 0.20, with the worker', () => {
    const { facts, sessions } = parseSocketAnswer(captured('scale20/top-20.json')) ?? {};
    expect(facts).toMatchObject({ active: 20, started: 20, failed: 0, draining: false });
    expect(facts?.tenants).toEqual({ t0: 5, t1: 5, t2: 5, t3: 5 });
    expect(sessions?.[0]).toEqual({ id: 'AJ_3Ka99bpwTdS8', tenant: 't0', agentName: 'hold', seconds: 7.9 });
  });

  it('is the bare list of 0.19', () => {
    const { facts, sessions } = parseSocketAnswer(captured('openrtc-0.19.0-drain/top-1-active3.json')) ?? {};
    expect(facts).toMatchObject({ active: 3, started: undefined, failed: undefined, draining: undefined });
    expect(sessions).toHaveLength(3);
  });

  it.each([[''], ['{'], ['null'], ['{"worker":{}}'], ['"text"']])('is none: %j', (text) => {
    expect(parseSocketAnswer(text)).toBeUndefined();
  });

  it('counts rows that it cannot read, and leaves them out', () => {
    const { facts, sessions, oddities } =
      parseSocketAnswer('[null, {}, {"session_id":"a"}, {"session_id":7}]') ?? {};
    expect(facts?.active).toBe(4);
    expect(sessions).toEqual([{ id: 'a', tenant: 'default', agentName: '', seconds: 0 }]);
    expect(oddities).toEqual([expect.stringContaining('without an id')]);
  });

  it.each([
    ['scale20/top-20.json', []],
    ['openrtc-0.19.0-drain/top-1-active3.json', []],
    ['drain-timeout/top-1-draining-4.6s.json', []],
  ])('of a version that was seen has no oddity: %s', (file, expected) => {
    expect(parseSocketAnswer(captured(file))?.oddities).toEqual(expected);
  });

  it.each([
    ['{"sessions":[]}', 'facts of its worker are missing'],
    ['{"worker":{"active_sessions":2},"sessions":[]}', 'other sessions than it lists'],
  ])('that is odd says what is: %s', (text, oddity) => {
    expect(parseSocketAnswer(text)?.oddities.join()).toContain(oddity);
  });
});

import { describe, expect, it } from 'vitest';
import { last } from '../support/lists.js';
import { listenToWarnings } from '../support/warnings.js';
import { replay } from './support/replay.js';

const said = listenToWarnings();

/** The values of a report that are not 0. */
const told = (report: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(report).filter(
      ([name, value]) => value !== 0 && /active|tenant|draining|dropped|sessions|version/.test(name),
    ),
  );

/** What the socket answered in the capture `drain-timeout`. */
const DRAIN_TIMEOUT_ANSWERS = [
  [12.2, 'top-1-draining-4.6s.json'],
  [59.2, 'top-2-after-timeout-40s.json'],
] as const;

describe('a recorded worker that', () => {
  it('drains to its last call drops none', async () => {
    const { states, goodbye, report, spans } = await replay('drain-clean', {
      drainAt: 33,
      socket: [
        [4.6, 'top-1-active3.json'],
        [33.1, 'top-2-draining.json'],
        [39.4, 'top-3-draining1left.json'],
      ],
    });
    expect(states).toEqual([
      'accepting 0 of 0',
      'accepting 1 of 1',
      'accepting 2 of 2',
      'accepting 3 of 3',
      'draining 3 of 3',
      'draining 2 of 3, 1 success',
      'draining 1 of 3, 2 success',
      'draining 0 of 3, 3 success',
    ]);
    expect(goodbye?.droppedSessions).toBe(0);
    expect(told(report)).toEqual({
      'openrtc.draining': 1,
      'openrtc.sessions.started': 3,
      'openrtc.sessions.ended success': 3,
    });
    expect(spans).toEqual([
      { id: 'AJ_FNA9hnpAyzMy', tenant: 'acme', outcome: 'success' },
      { id: 'AJ_UMQnJA8dXbWW', tenant: 'acme', outcome: 'success' },
      { id: 'AJ_XjX44qaUheeq', tenant: 'globex', outcome: 'success' },
    ]);
  });

  it('reaches its drain timeout has dropped what was live then, though it says success; it is stuck with two', async () => {
    const { states, goodbye, report, spans } = await replay('drain-timeout', {
      drainAt: 7.5,
      drainTimeoutSeconds: 5,
      socket: DRAIN_TIMEOUT_ANSWERS,
    });
    expect(states.slice(4)).toEqual([
      'draining 3 of 3',
      'draining 3 of 3, 3 dropped',
      'draining 2 of 3, 3 dropped',
      'draining 1 of 3, 3 dropped',
      'draining 0 of 3, 3 dropped',
    ]);
    expect(goodbye?.droppedSessions).toBe(3);
    expect(told(report)).toEqual({
      'openrtc.draining': 1,
      'openrtc.dropped_sessions': 3,
      'openrtc.sessions.started': 3,
      'openrtc.sessions.ended dropped': 3,
    });
    expect(spans.map(({ outcome }) => outcome)).toEqual(['dropped', 'dropped', 'dropped']);
  });

  it('reports its drain has dropped the one that its timeout cut off, and not those who hung up later', async () => {
    const { states, goodbye, spans } = await replay('drain-timeout', {
      reportsDrainAt: 7.5,
      drainTimeoutSeconds: 5,
      socket: DRAIN_TIMEOUT_ANSWERS,
    });
    expect(states.slice(4)).toEqual([
      'draining 3 of 3',
      'draining 2 of 3, 1 dropped',
      'draining 1 of 3, 1 success, 1 dropped',
      'draining 0 of 3, 2 success, 1 dropped',
    ]);
    expect(goodbye?.droppedSessions).toBe(1);
    expect(spans.map(({ outcome }) => outcome).toSorted()).toEqual(['dropped', 'success', 'success']);
  });

  it('reaches its drain timeout ends its sessions as it says where the bridge was told of none', async () => {
    const { states, goodbye } = await replay('drain-timeout', { drainAt: 7.5 });
    expect(last(states)).toBe('draining 0 of 3, 3 success');
    expect(goodbye?.droppedSessions).toBe(0);
  });

  it('is killed has dropped the sessions of its last line', async () => {
    const { states, goodbye, report } = await replay('sigkill');
    expect(states).toEqual(['accepting 0 of 0', 'accepting 1 of 1', 'accepting 3 of 3']);
    expect(goodbye?.droppedSessions).toBe(3);
    expect(told(report)).toEqual({
      'openrtc.dropped_sessions': 3,
      'openrtc.sessions.started': 3,
      'openrtc.sessions.ended dropped': 3,
    });
  });

  it('has a session that fails, and begins its drain by its own flag', async () => {
    const { states, goodbye, report, spans } = await replay('begin-drain-fail-leave', {
      socket: [
        [4.8, 'top-1-after-fail.json'],
        [14.9, 'top-2-begin-drain.json'],
      ],
    });
    expect(states).toEqual([
      'accepting 0 of 0',
      'accepting 1 of 1',
      'accepting 1 of 2, 1 failed',
      'draining 1 of 2, 1 failed',
      'draining 0 of 2, 1 success, 1 failed',
    ]);
    expect(goodbye?.droppedSessions).toBe(0);
    expect(told(report)).toEqual({
      'openrtc.draining': 1,
      'openrtc.sessions.started': 2,
      'openrtc.sessions.ended success': 1,
      'openrtc.sessions.ended failed': 1,
    });
    expect(spans, 'only the one that the socket listed').toEqual([
      { id: 'AJ_M5D7XY9x5uto', tenant: 'acme', outcome: 'success' },
    ]);
  });

  it('is of OpenRTC 0.19 (stream schema 1, bare list of sessions) tells the same', async () => {
    const { states, goodbye, spans } = await replay('openrtc-0.19.0-drain', {
      drainAt: 4,
      socket: [
        [3.6, 'top-1-active3.json'],
        [5.6, 'top-2-draining.json'],
      ],
    });
    expect(states).toEqual([
      'accepting 0 of 0',
      'accepting 1 of 1',
      'accepting 3 of 3',
      'draining 3 of 3',
      'draining 2 of 3, 1 success',
      'draining 1 of 3, 2 success',
      'draining 0 of 3, 3 success',
    ]);
    expect(goodbye?.droppedSessions).toBe(0);
    expect(spans.map(({ outcome }) => outcome)).toEqual(['success', 'success', 'success']);
  });

  it('has no version is reported as unversioned', async () => {
    const { states, version } = await replay('cli');
    expect(states).toEqual(['accepting 0 of 0', 'accepting 1 of 1', 'accepting 0 of 1, 1 success']);
    expect(version).toBe('unversioned');
    expect(await said()).toEqual([expect.stringContaining('no deployment version')]);
  });

  it('has twenty sessions of four tenants', async () => {
    const { states, tenants, spans } = await replay('scale20', { socket: [[8.7, 'top-20.json']] });
    expect(states).toEqual([
      'accepting 0 of 0',
      'accepting 18 of 18',
      'accepting 20 of 20',
      'accepting 15 of 20, 5 success',
      'accepting 0 of 20, 20 success',
    ]);
    expect(tenants[2]).toEqual({ t0: 5, t1: 5, t2: 5, t3: 5 });
    expect(spans).toHaveLength(20);
    expect(new Set(spans.map(({ tenant }) => tenant))).toEqual(new Set(['t0', 't1', 't2', 't3']));
    expect(new Set(spans.map(({ outcome }) => outcome))).toEqual(new Set(['success']));
  });
});

import { describe, expect, it } from 'vitest';
import { exitCodeNow, exitCodeOf, Gate } from '../../src/cli/gate.js';
import type { Verdict } from '../../src/deploy/verdict/verdict.js';
import { assess, exited, fleet, green, worker } from '../deploy/support.js';

const complete = assess([...exited('v1', 3), ...green()]);
const dropped = assess([...exited('v1', 3, { dropped: 1 }), ...green()]);
const rolling = assess([...fleet('v1', 3), ...green()]);
const superseded = assess([...fleet('v2', 1, { up: 500 }), ...fleet('v3', 1, { up: 100 })]);
const unknown = assess([]);
const stuck: Verdict = { ...rolling, phase: 'stuck' };

/** The same verdict so many seconds later. */
const later = (verdict: Verdict, seconds: number): Verdict => ({
  ...verdict,
  now: verdict.now + seconds * 1000,
});

describe('the gate', () => {
  it.each([
    [complete, 0],
    [dropped, 10],
    [stuck, 11],
    [superseded, 13],
  ])('decides when an end has held for one silence window: $phase', (verdict, exitCode) => {
    const gate = new Gate();
    expect(gate.next(verdict)).toBeUndefined();
    expect(gate.next(later(verdict, 59.9))).toBeUndefined();
    expect(gate.next(later(verdict, 60))).toBe(exitCode);
  });

  it('tells of dropped sessions, however else the deploy ended', () => {
    const checks = { ...stuck.checks, dropped: dropped.checks.dropped };
    for (const end of [stuck, superseded]) {
      const gate = new Gate();
      gate.next({ ...end, checks });
      expect(gate.next(later({ ...end, checks }, 60))).toBe(10);
    }
  });

  it('never decides on the way', () => {
    const gate = new Gate({ settleSeconds: 1 });
    for (const verdict of [rolling, unknown, assess(fleet('v1', 1))]) {
      expect(gate.next(verdict)).toBeUndefined();
      expect(gate.next(later(verdict, 10_000))).toBeUndefined();
    }
  });

  it('begins anew when another phase comes between', () => {
    const gate = new Gate({ settleSeconds: 10 });
    gate.next(complete);
    gate.next(later(rolling, 5));
    expect(gate.next(later(complete, 11))).toBeUndefined();
    expect(gate.next(later(complete, 21))).toBe(0);
  });

  it('goes on where the source was away for no longer than a silence window', () => {
    const gate = new Gate();
    gate.next(complete);
    for (const seconds of [5, 20, 40]) {
      gate.lost();
      gate.lost();
      expect(gate.next(later(complete, seconds))).toBeUndefined();
    }
    gate.lost();
    expect(gate.next(later(complete, 60))).toBe(0);
  });

  it('begins anew after a longer one', () => {
    const gate = new Gate();
    gate.next(complete);
    gate.lost();
    expect(gate.next(later(complete, 61))).toBeUndefined();
    expect(gate.next(later(complete, 120))).toBeUndefined();
    expect(gate.next(later(complete, 121))).toBe(0);
  });

  it('does not mind that a source is asked more seldom than a silence window is long', () => {
    const gate = new Gate();
    gate.next(complete);
    expect(gate.next(later(complete, 70))).toBe(0);
  });

  it('lets an end hold for a second at least', () => {
    const gate = new Gate({ settleSeconds: 0 });
    expect(gate.next(complete)).toBeUndefined();
    expect(gate.next(later(complete, 0.9))).toBeUndefined();
    expect(gate.next(later(complete, 1))).toBe(0);
  });

  it('is not complete while something holds it, and settles after that', () => {
    const gate = new Gate();
    const held = { ...complete, heldBy: ['kube_pod_info'] };
    for (const seconds of [0, 60, 600]) expect(gate.next(later(held, seconds))).toBeUndefined();
    expect(gate.next(later(complete, 601))).toBeUndefined();
    expect(gate.next(later(complete, 661))).toBe(0);
    expect(exitCodeNow(held)).toBe(11);
    expect(exitCodeOf(held)).toBe(11);
    expect(exitCodeOf({ ...dropped, heldBy: ['kube_pod_info'] })).toBe(10);
  });

  it('ends at the first confirmed drop when told to, and not at a presumed one', () => {
    const presumed = assess([worker({ id: 'x', active: 2, heard: 100 }), ...fleet('v1', 1), ...green()]);
    const confirmed = assess([...fleet('v1', 1, { dropped: 1 }), ...green()]);
    expect(presumed.dropped).toEqual({ confirmed: 0, presumed: 2 });
    expect(new Gate({ failFast: true }).next(presumed)).toBeUndefined();
    expect(new Gate({ failFast: true }).next(confirmed)).toBe(10);
    expect(new Gate().next(confirmed)).toBeUndefined();
  });
});

it.each([
  ['complete but not settled', complete, 11],
  ['dropped', dropped, 10],
  ['rolling with a drop', assess([...fleet('v1', 1, { dropped: 1 }), ...green()]), 10],
  ['unknown with a confirmed drop', assess(exited('v1', 1, { dropped: 1, heard: 200 })), 10],
  ['rolling', rolling, 11],
  ['superseded', superseded, 13],
  ['unknown', unknown, 12],
  ['nothing', undefined, 12],
])('at the timeout, %s exits with the code of where things stand', (_, verdict, exitCode) => {
  expect(exitCodeNow(verdict)).toBe(exitCode);
});

it('a past moment need not hold', () => {
  expect([complete, dropped, rolling, superseded, unknown].map(exitCodeOf)).toEqual([0, 10, 11, 13, 12]);
});

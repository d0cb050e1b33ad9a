import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPrinter } from '../../src/cli/report.js';
import { assess, exited, fleet, green, NOW } from '../deploy/support.js';

afterEach(() => void vi.restoreAllMocks());

/** The lines that are printed of what the deploy waits for. */
function waitingLines(verdict: ReturnType<typeof assess>): string[] {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((text) => void lines.push(text));
  createPrinter(false).change(verdict);
  return lines.filter((line) => line.includes('waiting for')).map((line) => line.trim());
}

describe('a line of what a deploy waits for', () => {
  it('has the sessions of an accepting worker, and its drain timeout as such', () => {
    const old = [...fleet('v1', 1, { active: 2, drainTimeoutSeconds: 20 }), ...fleet('v0', 1, { active: 1 })];
    expect(waitingLines(assess([...old, ...green()]))).toEqual([
      'waiting for v0-0 (v0): accepting, 1 session',
      'waiting for v1-0 (v1): accepting, 2 sessions (drain timeout 20 s)',
    ]);
  });

  it('has how long a worker drains', () => {
    const drainingSince = NOW - 100_000;
    const old = fleet('v1', 1, { active: 3, draining: true, drainingSince, drainTimeoutSeconds: 600 });
    expect(waitingLines(assess([...old, ...green()]))).toEqual([
      'waiting for v1-0 (v1): draining, 3 sessions, draining for 100 s (drain timeout 10 min)',
    ]);
  });

  it('has the sessions of a silent worker, also where all else is done', () => {
    const killed = fleet('v1', 1, { active: 2, heard: 200 });
    expect(waitingLines(assess([...killed, ...exited('v0', 1), ...green()]))).toEqual([
      'waiting for v1-0 (v1): silent, 2 sessions',
    ]);
  });
});

describe('a verdict also shows', () => {
  const cut = assess([...fleet('v1', 1, { heard: 200 }), ...green()]);
  const printed = (isJson: boolean, more: object) => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((text) => void lines.push(text));
    createPrinter(isJson).change({ ...cut, notes: ['Not judged here: 2 workers.'], ...more });
    return lines;
  };

  it('who is unaccounted for, what holds it, and notes', () => {
    expect(printed(false, { heldBy: ['kube_pod_info > 0'] }).slice(-3)).toEqual([
      '    unaccounted for: v1-0 (v1), no goodbye, last report 3 min ago',
      '    held while kube_pod_info > 0',
      '    note: Not judged here: 2 workers.',
    ]);
    const [line = ''] = printed(true, { heldBy: ['kube_pod_info > 0'] });
    expect(JSON.parse(line)).toMatchObject({
      phase: 'complete',
      unaccounted: [{ id: 'v1-0' }],
      notes: ['Not judged here: 2 workers.'],
      heldBy: ['kube_pod_info > 0'],
    });
  });

  it('anew when these change, and not when only numbers of others do', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const printer = createPrinter(true);
    printer.change({ ...cut, notes: ['Not judged here: 2 workers.'] });
    printer.change({ ...cut, notes: ['Not judged here: 13 workers.'] });
    expect(log).toHaveBeenCalledTimes(1);
    printer.change({ ...cut, heldBy: ['a'], notes: ['Not judged here: 13 workers.'] });
    printer.change({ ...cut, heldBy: ['a'] });
    printer.change({ ...cut, heldBy: ['a'], unaccounted: [] });
    expect(log).toHaveBeenCalledTimes(4);
  });
});

it('nothing is printed twice', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const printer = createPrinter(true);
  const verdict = assess(green());
  printer.change(verdict);
  printer.change({ ...verdict, now: verdict.now + 1000 });
  printer.trouble('nothing listens there');
  printer.trouble('nothing listens there');
  printer.change(verdict);
  expect(log).toHaveBeenCalledTimes(3);
});

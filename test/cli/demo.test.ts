import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SCENARIOS } from '../../examples/scenarios/index.js';
import { SESSION_SPAN } from '../../src/attributes.js';
import { demoCommand } from '../../src/cli/demo.js';
import { ROOT } from '../e2e/support/project.js';
import { SpanReceiver } from '../support/span-receiver.js';
import { eventually } from '../wire/support/eventually.js';
import { command } from './support.js';

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

it('plays every scenario there is', () => {
  const [option] = demoCommand().options;
  expect(option?.argChoices).toEqual(SCENARIOS.map(({ name }) => name));
  for (const { play } of SCENARIOS) expect(play).toBeTypeOf('function');
});

it('names the scenarios when it gets another one, and in its help', async () => {
  const { code, stderr } = await command(['demo', '--scenario', 'perfect']);
  expect(code).toBe(64);
  expect(stderr).toContain("option '--scenario <name>' argument 'perfect' is invalid");
  const { stdout: help } = await command(['demo', '--help']);
  for (const { name } of SCENARIOS) {
    expect(stderr).toContain(name);
    expect(help).toContain(`"${name}"`);
  }
});

it('tells each step and verdict, and holds the gate against what the callers saw', async () => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((text) => void lines.push(...text.split('\n')));
  await using backend = await SpanReceiver.start();
  const args = ['--scenario', 'superseded', '--otlp', backend.url];
  await demoCommand().parseAsync(args, { from: 'user' });
  expect(process.exitCode).toBe(0);
  expect(lines[0]).toBe('superseded: v3 comes up before v2 is done');
  const told = lines.join('\n');
  expect(told).toMatch(/ s {2}start 2 call servers of v3\n/);
  expect(told).toMatch(/ s {6}superseded {2}\d of 2 accept on v2, \d+ sessions? left elsewhere, 0 dropped\n/);
  const [, callers, telemetry] = told.match(/^calls +(\d+) +(\d+)$/m) ?? [];
  expect(Number(callers)).toBeGreaterThan(0);
  expect(telemetry).toBe(callers);
  expect(told).toContain('The gate ended with exit code 13, expected 13.\nCallers and telemetry agree.');
  expect(backend.workers().every(({ exited }) => exited)).toBe(true);
  expect(backend.spans.filter(({ name }) => name === SESSION_SPAN)).toHaveLength(Number(callers));
}, 120_000);

describe.skipIf(process.platform !== 'linux').each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('by %s', (signal, exitCode) => {
  it(`ends with ${exitCode} and leaves no process behind`, async () => {
    const demo = spawn(process.execPath, ['dist/cli/main.js', 'demo'], {
      cwd: ROOT,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void demo.kill());
    const exited = once(demo, 'exit');
    let told = '';
    demo.stdout.on('data', (text) => {
      told += text;
    });
    await eventually(() => expect(told).toContain('0 of 3 accept on v2'));
    // The demo, three call servers, the callers and the gate.
    expect(countProcesses(demo.pid)).toBe(6);
    demo.kill(signal);
    expect(await exited).toEqual([exitCode, null]);
    await eventually(() => expect(countProcesses(demo.pid)).toBe(0));
  });
});

/** Of a process group, as Linux tells; those that have ended and wait to be asked about do not count. */
function countProcesses(group: number | undefined): number {
  return readdirSync('/proc').filter((pid) => {
    const [state, , ownGroup] = statOf(pid);
    return Number(ownGroup) === group && state !== 'Z';
  }).length;
}

/** State, parent, group and more; nothing of what is no process, or no more. */
function statOf(pid: string): string[] {
  try {
    const stat = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

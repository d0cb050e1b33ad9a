import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakePrometheus, type Known } from '../deploy/prometheus/fake-prometheus.js';
import { covered, elsewhere, pool, worker } from '../deploy/prometheus/known.js';
import { eventually } from '../wire/support/eventually.js';
import { command, Program } from './command.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const hasBash = !spawnSync('bash', ['--version']).error;

let prometheus: FakePrometheus;
/** What reports at a moment, in Unix s. */
let reporting: (now: number) => Known[];
beforeEach(async () => {
  prometheus = await FakePrometheus.start();
  reporting = (now) => [...old(now), ...settled(now)];
  Object.defineProperties(prometheus, {
    now: { get: () => Date.now() },
    known: { get: () => reporting(Date.now() / 1000) },
  });
});
afterEach(() => prometheus[Symbol.asyncDispose]());

/** The target, up for long, with a report each second. */
const settled = (now: number, heard = 0.3): Known[] => [
  ...pool('voice', 'v2', now - 600, 1),
  covered,
  ...worker({ lastReportAt: now - heard, startTime: now - 600, interval: 1 }, 'n1'),
];
/** The old version, gone as it should be. */
const old = (now: number): Known[] => {
  const at = now - 100;
  const gone = { running: 0, lastReportAt: at, goodbyeAt: at, droppedAt: at, startTime: now - 9_000 };
  return [...pool('voice', 'v1', now - 9_000, 1), ...worker(gone, 'o1', 'v1')];
};
/** The old version with two sessions. */
const open = (now: number, more: Readonly<Record<string, number>> = {}): Known[] => {
  const facts = { lastReportAt: now - 0.3, startTime: now - 9_000, interval: 1, active: 2, ...more };
  return [...pool('voice', 'v1', now - 9_000, 1), ...worker(facts, 'o1', 'v1')];
};

const watch = (...args: readonly string[]) =>
  command(['watch', '--target', 'v2', '--settle', '1s', '--prometheus', prometheus.url, ...args]);
const ended = async (program: Program) => {
  const code = await program.exitCode;
  return { code, stdout: program.stdout, stderr: program.stderr };
};

it('a deploy that is done ends with 0', async () => {
  expect(await ended(watch('--timeout', '60s'))).toMatchObject({ code: 0 });
});

describe.skipIf(!hasBash)('what reads the output decides nothing:', () => {
  const piped = async (to: string, ...args: readonly string[]) => {
    const line = `"$@" ${to}; exit "\${PIPESTATUS[0]}"`;
    const gate = [process.execPath, COMMAND, 'watch', '--target', 'v2', '--settle', '1s'];
    const all = [...gate, '--prometheus', prometheus.url, ...args];
    return ended(new Program('bash', ['-c', line, 'bash', ...all]));
  };
  const READERS = ['| head -1', '| grep -q x', '| true', '2>&1 | true', '> /dev/full', '2> /dev/full'];

  it.each(READERS)('%s of an unknown deploy', async (to) => {
    reporting = () => [];
    expect((await piped(to, '--timeout', '1500ms')).code).toBe(12);
  });

  it.each(READERS)('%s of a deploy that is done', async (to) => {
    expect((await piped(to, '--timeout', '60s')).code).toBe(0);
  });

  it('a closed output', async () => {
    reporting = (now) => [...open(now), ...settled(now)];
    expect((await piped('>&- 2>&-', '--timeout', '1500ms')).code).toBe(11);
  });
});

it('an error that nobody catches is a failure, whatever the phase is', async () => {
  const crash = `data:text/javascript,process.on('SIGUSR2', () => { throw new Error('crashed') })`;
  const args = ['watch', '--target', 'v2', '--prometheus', prometheus.url, '--settle', '60s'];
  const program = new Program(process.execPath, ['--import', crash, COMMAND, ...args]);
  await eventually(() => expect(program.stdout).toContain('complete'));
  program.kill('SIGUSR2');
  expect(await program.exitCode).toBe(1);
});

describe('a time that is yet to come', () => {
  const later = (seconds: number) => String(Math.round(Date.now() / 1000) + seconds);
  const expected =
    /expected a time that has been, got one that is \d+(\.\d)? (s|min) after now, by the source's clock/;

  it.each([
    ['--since', () => ['--since', later(20)]],
    ['--at', () => ['--at', later(130)]],
  ])('is wrong usage as %s, and says by how much', async (option, args) => {
    const { code, stdout, stderr } = await ended(watch(...args()));
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(`option ${option}: `);
    expect(stderr).toMatch(expected);
  });

  it('is wrong usage of a receiver too', async () => {
    const args = ['watch', '--target', 'v2', '--listen', '0', '--since', later(14)];
    const { code, stderr } = await ended(command(args));
    expect(code).toBe(64);
    expect(stderr).toMatch(expected);
  });

  it('is wrong usage where the moment is before the start', async () => {
    const at = Math.round(Date.now() / 1000) - 1_000;
    const { code, stderr } = await ended(watch('--since', String(at + 100), '--at', String(at)));
    expect(code).toBe(64);
    expect(stderr).toContain('got one that is 100 s after --at');
  });

  it('needs a zone', async () => {
    const { code, stderr } = await ended(watch('--since', '2026-01-31T12:00:00'));
    expect(code).toBe(64);
    expect(stderr).toContain('write Z, or an offset such as +02:00');
  });
});

describe('a duration without sense is wrong usage:', () => {
  it.each([
    ['--settle', '0', 'from 1s to 24h'],
    ['--presume-after', '0', 'from 1s to 24h'],
    ['--timeout', '0', 'from 1ms to 576h'],
    ['--timeout', '577h', 'from 1ms to 576h'],
    ['--query-timeout', '2h', 'from 1ms to 1h'],
  ])('%s %s', async (option, value, limits) => {
    const { code, stderr } = await ended(watch(option, value));
    expect(code).toBe(64);
    expect(stderr).toContain(limits);
  });
});

it('a timeout that is shorter than an answer ends in time', async () => {
  prometheus.delayMs = 30_000;
  const program = watch('--timeout', '500ms');
  const began = performance.now();
  expect((await ended(program)).code).toBe(12);
  expect(performance.now() - began).toBeLessThan(8_000);
  expect(program.stdout).toContain('the source has not answered yet');
});

it('a response may take as long as it is said to', async () => {
  prometheus.delayMs = 1_000;
  const { code, stdout } = await ended(watch('--query-timeout', '100ms', '--timeout', '2s'));
  expect(code).toBe(12);
  expect(stdout).toContain('no answer within 0.1 s');
});

it('a proxy that fails now and then delays nothing', async () => {
  let asked = 0;
  prometheus.fault = (response) => {
    asked += 1;
    return asked % 7 === 0 && response.writeHead(503).end();
  };
  const { code, stdout } = await ended(watch('--timeout', '60s'));
  expect(code).toBe(0);
  expect(stdout).not.toContain('503');
  expect(asked).toBeGreaterThan(14);
});

describe('a worker that the gate has seen', () => {
  it('and of which the source knows nothing any more is not gone', async () => {
    reporting = (now) => [...open(now), ...settled(now)];
    const program = watch('--timeout', '6s');
    await eventually(() => expect(program.stdout).toContain('waiting for o1 (v1)'));
    reporting = settled;
    expect((await ended(program)).code).toBe(12);
    expect(program.stdout).toContain('lost sight of o1 (v1): seen before, missing now, and no goodbye');
  });

  it('is gone with its goodbye', async () => {
    reporting = (now) => [...open(now), ...settled(now)];
    const program = watch('--timeout', '60s');
    await eventually(() => expect(program.stdout).toContain('waiting for o1 (v1)'));
    reporting = (now) => [...old(now), ...settled(now)];
    expect((await ended(program)).code).toBe(0);
  });
});

it('--strict never accepts who vanished without a goodbye', async () => {
  const at = Date.now() / 1000 - 100;
  reporting = (now) => [...open(now, { active: 0, lastReportAt: at, droppedAt: at }), ...settled(now)];
  const accepted = await ended(watch('--timeout', '60s'));
  expect(accepted.code).toBe(0);
  expect(accepted.stdout).toContain('unaccounted for: o1 (v1), no goodbye, last report');
  expect((await ended(watch('--timeout', '3s', '--strict'))).code).toBe(12);
});

it('another pool that reports is said, and its sessions', async () => {
  const green = 'voice-7b8d5f';
  reporting = (now) => [
    ...old(now),
    ...settled(now),
    ...pool(green, 'v1', now - 600, 1),
    ...elsewhere(green, 2, 5),
  ];
  const { code, stdout } = await ended(watch('--pool', 'voice', '--timeout', '60s'));
  expect(code).toBe(0);
  expect(stdout).toContain(`note: Not judged here: 2 workers of ${green} (v1) with 5 sessions.`);
});

describe('--hold-while', () => {
  const OLD_PODS = 'sum(kube_pod_info{pod=~"voice-v1-.*"})';

  it('holds a deploy that is complete, as long as its expression gives anything but 0', async () => {
    prometheus.values.set(OLD_PODS, 2);
    const program = watch('--timeout', '60s', '--json', '--hold-while', OLD_PODS, '--hold-while', 'up == 0');
    await eventually(() => expect(program.stdout).toContain('"heldBy":'));
    const [line = ''] = program.stdout.trim().split('\n').slice(-1);
    expect(JSON.parse(line)).toMatchObject({ phase: 'complete', heldBy: [OLD_PODS] });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(program.stdout).not.toContain('exitCode');
    prometheus.values.set(OLD_PODS, 0);
    expect((await ended(program)).code).toBe(0);
  });

  it('and ends with 11 when there is no more time, also at a past moment', async () => {
    prometheus.values.set(OLD_PODS, Number.NaN);
    const held = await ended(watch('--timeout', '3s', '--hold-while', OLD_PODS));
    expect(held.code).toBe(11);
    expect(held.stdout).toContain(`held while ${OLD_PODS}`);
    expect((await ended(watch('--at', 'now', '--hold-while', OLD_PODS))).code).toBe(11);
  });

  it('that cannot be answered is unknown', async () => {
    const { code, stdout } = await ended(watch('--timeout', '3s', '--hold-while', 'sum('));
    expect(code).toBe(12);
    expect(stdout).toContain('it cannot answer: parse error');
  });

  it('needs a Prometheus, and an expression', async () => {
    const receiver = command(['watch', '--target', 'v2', '--listen', '0', '--hold-while', 'up']);
    expect(await receiver.exitCode).toBe(64);
    expect(receiver.stderr).toContain('cannot be used with');
    expect(await watch('--hold-while', '').exitCode).toBe(64);
  });
});

describe('--target auto', () => {
  const auto = (...args: readonly string[]) =>
    command(['watch', '--target', 'auto', '--settle', '1s', '--prometheus', prometheus.url, ...args]);

  it('sees no deploy where only one version has reported', async () => {
    reporting = settled;
    const { code, stdout } = await ended(auto('--timeout', '2s'));
    expect(code).toBe(12);
    expect(stdout).toContain('no deploy: only version v2 has reported');
  });

  it('keeps its guess when the old version is no longer to be seen', async () => {
    reporting = (now) => [...open(now), ...settled(now)];
    const program = auto('--timeout', '60s');
    await eventually(() => expect(program.stdout).toContain('waiting for o1'));
    reporting = (now) => [...old(now), ...settled(now)];
    await eventually(() => expect(program.stdout).toContain('complete'));
    reporting = settled;
    expect((await ended(program)).code).toBe(0);
  });
});

it('says once that the source shows reports late, and does not flap', async () => {
  const found = (now: number): Known => ({
    fact: 'newestOfAll',
    labels: { openrtc_pool_name: 'voice' },
    value: now - 0.5,
  });
  reporting = (now) => [...old(now), ...settled(now, 2.4), found(now)];
  const { code, stdout, stderr } = await ended(watch('--timeout', '60s', '--settle', '3s'));
  expect(code).toBe(0);
  expect(stderr.match(/the source shows reports \S+ s late: what is judged is so long ago/g)).toHaveLength(1);
  const phases = Array.from(stdout.matchAll(/^[\d:]{8} (\w+)/gm), ([, phase]) => phase);
  expect(phases.slice(phases.indexOf('complete'))).toEqual(['complete', 'complete']);
});

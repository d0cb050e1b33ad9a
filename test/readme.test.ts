import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../examples/scenarios/index.js';
import * as names from '../src/attributes.js';
import { demoCommand, SCENARIO_NAMES } from '../src/cli/demo.js';
import { EXIT } from '../src/cli/exit-codes.js';
import { HEADERS_VARIABLE } from '../src/cli/sources.js';
import { topCommand } from '../src/cli/top.js';
import { watchCommand } from '../src/cli/watch.js';
import { prometheusSource, startReceiver } from '../src/deploy/index.js';
import { DEFAULT_ENDPOINT, readEnvironment, VARIABLES } from '../src/environment.js';
import { OPTIONS } from '../src/options.js';
import { healthHandler, SessionPool } from '../src/pools/index.js';
import { PoolTelemetry } from '../src/telemetry.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The rows of the README's table whose first column has this head: its cells, without the code quotes. */
function table(head: string, text = readme): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  expect(start, `a table of ${head}`).toBeGreaterThan(-1);
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

const sourceOf = (file: string) => readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
const firstCells = (head: string) => table(head).flatMap(([cell = '']) => cell.split(/, (?![^(]*\))/));

it.each(['README.md', 'docs/gate.md', 'docs/backends.md', 'docs/runbook.md', 'docs/security.md'])(
  'the files that %s links to are there',
  (file) => {
    const url = new URL(`../${file}`, import.meta.url);
    const links = [...readFileSync(url, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
      ([, to = '']) => to,
    );
    const missing = links.filter((to) => !existsSync(new URL(to, url)));
    expect(missing).toEqual([]);
  },
);

describe('the tables of the README say what the code does:', () => {
  it('metrics', () => {
    expect(table('Metric')).toEqual(
      names.METRICS.map(({ name, kind, unit, description }) => [name, kind, unit, description]),
    );
  });

  it('attributes', () => {
    const { POOL_NAME, WORKER_ID, WORKER_VERSION, SESSION_ID, TENANT_ID, AGENT_NAME } = names;
    const { SESSION_OUTCOME, REJECTION_REASON, ERROR_TYPE } = names;
    const identity = [POOL_NAME, WORKER_ID, WORKER_VERSION, SESSION_ID, TENANT_ID, AGENT_NAME];
    expect(firstCells('Attribute')).toEqual([...identity, SESSION_OUTCOME, REJECTION_REASON, ERROR_TYPE]);
    const valuesOf = (name: string) => table('Attribute').find(([cell]) => cell === name)?.[2];
    expect(valuesOf(SESSION_OUTCOME)).toBe(`${names.SESSION_OUTCOMES.join(', ')}.`);
    expect(valuesOf(REJECTION_REASON)).toBe(`${names.REJECTION_REASONS.join(', ')}.`);
  });

  it('spans', () => {
    expect(firstCells('Span')).toEqual([names.SESSION_SPAN, names.SESSION_START_SPAN]);
  });

  it('options', () => {
    expect(firstCells('Option')).toEqual(OPTIONS);
  });

  it('options of the pool, the health handler and the receiver', async () => {
    const known = async (make: (options: never) => unknown) => {
      try {
        await make({ unknown: 1 } as never);
        return [];
      } catch (error) {
        return String(error)
          .replace(/.*expected one of /, '')
          .split(', ');
      }
    };
    expect(firstCells('`SessionPool` option')).toEqual(await known((options) => new SessionPool(options)));
    const pool = new SessionPool();
    expect(firstCells('`healthHandler` option')).toEqual(
      await known((options) => healthHandler(pool, options)),
    );
    expect(firstCells('`startReceiver` option')).toEqual(await known(startReceiver));
    expect(firstCells('`prometheusSource` option')).toEqual(await known(prometheusSource));
  });

  it.each([
    ['watch', watchCommand()],
    ['top', topCommand()],
    ['demo', demoCommand()],
  ])('options of %s', (name, command) => {
    const flags = command.options.map(({ flags }) => flags);
    expect(firstCells(`\`${name}\` option`).toSorted()).toEqual(flags.toSorted());
    expect(readme).toContain(HEADERS_VARIABLE);
  });

  it('exit codes, also of the gate in docs/gate.md', () => {
    const codes = Object.values(EXIT).map(String);
    expect(firstCells('Exit code')).toEqual(codes);
    const gate = readFileSync(new URL('../docs/gate.md', import.meta.url), 'utf8');
    expect(table('Exit code', gate).flatMap(([cell = '']) => cell.split(', '))).toEqual(codes);
  });

  it('phases', () => {
    const [, union = ''] = /export type Phase =([^;]+);/.exec(sourceOf('deploy/verdict.ts')) ?? [];
    expect(firstCells('Phase')).toEqual(union.match(/\w+/g));
  });

  it('scenarios of the demo', () => {
    expect(table('Scenario').map(([name, , exitCode]) => [name, Number(exitCode)])).toEqual(
      SCENARIOS.map(({ name, exitCode }) => [name, exitCode]),
    );
    expect(SCENARIOS.map(({ name }) => name)).toEqual(SCENARIO_NAMES);
  });

  it('environment variables', () => {
    expect(firstCells('Variable').toSorted()).toEqual([...VARIABLES].toSorted());
  });

  it('the defaults of the environment', () => {
    const { intervalMs, exportTimeoutMs, timeoutMs, batches, protocol, temporality } = readEnvironment({});
    const defaults = new Map(table('Variable').map(([name, , given = '']) => [name, given.split(' ')[0]]));
    const is = (name: string, value: unknown) => expect(defaults.get(name), name).toMatch(String(value));
    is('OTEL_METRIC_EXPORT_INTERVAL', intervalMs);
    is('OTEL_METRIC_EXPORT_TIMEOUT', exportTimeoutMs);
    is('OTEL_EXPORTER_OTLP_TIMEOUT', timeoutMs.METRICS);
    is('OTEL_EXPORTER_OTLP_ENDPOINT', DEFAULT_ENDPOINT);
    is('OTEL_EXPORTER_OTLP_PROTOCOL', protocol.METRICS);
    is('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', temporality);
    is('OTEL_BSP_SCHEDULE_DELAY', batches.delayMs);
    is('OTEL_BSP_EXPORT_TIMEOUT', batches.timeoutMs);
    is('OTEL_BSP_MAX_QUEUE_SIZE', batches.queueSize);
    is('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', batches.batchSize);
  });

  it('the members of the handle', () => {
    const members = firstCells('Member').map((cell) => cell.replace(/\(.*/, ''));
    const own = Object.getOwnPropertyNames(PoolTelemetry.prototype).filter((name) => name !== 'constructor');
    expect(members.toSorted()).toEqual([...own, 'await using'].toSorted());
  });

  it('entry points', () => {
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    expect(firstCells('Entry point')).toEqual(entries.map((entry) => entry.replace('.', manifest.name)));
  });

  it('commands', () => {
    const scripts = firstCells('Command in a checkout').map((cell) => cell.replace(/^npm (run )?/, ''));
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../examples/scenarios/index.js';
import * as names from '../src/attributes.js';
import { EXIT } from '../src/cli/args/exit-codes.js';
import { HEADERS_VARIABLE } from '../src/cli/args/sources.js';
import { bridgeCommand } from '../src/cli/bridge.js';
import { demoCommand } from '../src/cli/demo.js';
import { recoverCommand } from '../src/cli/recover.js';
import { topCommand } from '../src/cli/top.js';
import { watchCommand } from '../src/cli/watch.js';
import { assessDeploy, prometheusSource, startReceiver } from '../src/deploy/index.js';
import { OPTIONS } from '../src/instrument/options.js';
import { PoolTelemetry } from '../src/instrument/telemetry.js';
import { healthHandler, SessionPool } from '../src/pools/index.js';
import { DEFAULT_ENDPOINT, readEnvironment, VARIABLES } from '../src/worker/environment.js';
import { deadLinks, firstCells, read, table } from './support/markdown.js';

const manifest = JSON.parse(read('package.json'));
const DOCS = readdirSync(new URL('../docs', import.meta.url))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', ...DOCS];
const CLI = 'docs/cli.md';
const REFERENCE = 'docs/reference.md';

it.each([...DOCUMENTS, 'examples/livekit/README.md', 'examples/openrtc-python/README.md'])(
  'what %s links to is there',
  (file) => {
    expect(deadLinks(file)).toEqual([]);
  },
);

describe('the README', () => {
  const readme = read('README.md');

  it('is short, and begins with code', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(200);
    expect(readme.slice(0, readme.indexOf('```js'))).not.toContain('](');
  });

  it('names every option, every exit code and every page', () => {
    const [, options = ''] = readme.split('## Options\n');
    for (const option of OPTIONS) expect(options).toContain(`\`${option}\``);
    const [, codes = ''] = /^Exit codes: ([^.]+)\./m.exec(readme) ?? [];
    expect(codes.match(/\b\d+\b/g)).toEqual(Object.values(EXIT).map(String));
    for (const page of DOCS) expect(readme).toContain(`](${page})`);
  });
});

describe('a worker that is told twice to end', () => {
  const own = [
    ...['README.md', 'docs/livekit.md', REFERENCE, 'src/instrument.ts', 'src/pools/session-pool.ts'],
    ...['examples/call-server/server.js', 'examples/livekit/own-server.js'],
  ];
  const ofLiveKit = ['README.md', 'src/pools/livekit/index.ts', 'examples/livekit/worker.js'];

  it('goes on, wherever it is shown how to end it', () => {
    const handlers = /process\.(\w+)\('?(?:SIG(?:TERM|INT)|signal)\b/g;
    for (const file of new Set([...DOCUMENTS, ...own, ...ofLiveKit])) {
      const methods = [...read(file).matchAll(handlers)].map(([, method]) => method);
      const isShown = own.includes(file) || ofLiveKit.includes(file);
      expect([...new Set(methods)], file).toEqual(isShown ? ['on'] : []);
    }
  });

  it.each(own)('at SIGINT too: %s', (file) => {
    expect(read(file)).toContain("of ['SIGTERM', 'SIGINT']) process.on(signal, stop);");
  });

  it.each(ofLiveKit)('where LiveKit listens to the first SIGTERM alone: %s', (file) => {
    expect(read(file).replaceAll('\n * ', '\n')).toContain(
      "\nprocess.on('SIGTERM', () => {}); // a second one must not end the process\ncli.runApp(options);",
    );
  });
});

it.each(['CONTRIBUTING.md', 'docs/livekit.md'])('%s names paths that are there', (file) => {
  const paths = read(file).match(/(?<=`)(src|test|bench|examples|scripts)\/[^`*]*(?=`)/g) ?? [];
  expect(paths.filter((path) => !existsSync(new URL(`../${path}`, import.meta.url)))).toEqual([]);
});

describe('the tables of the documents agree with the code:', () => {
  it('metrics', () => {
    expect(table('README.md', 'Metric')).toEqual(
      Object.values(names.METRICS).map(({ name, kind, unit, description }) => [
        name,
        kind,
        unit,
        description,
      ]),
    );
  });

  it('names of metrics in Prometheus', () => {
    for (const [head = '', inPrometheus, without] of table('docs/backends.md', 'OpenTelemetry')) {
      const name = head.split(' ')[0] ?? '';
      const metric = Object.values(names.METRICS).find((metric) => metric.name === name);
      const suffix = metric?.kind === 'counter' ? '_total' : metric?.unit === 's' ? '_seconds' : '';
      expect([name, ...Object.values(names)]).toContain(name);
      expect(without).toBe(name.replaceAll('.', '_'));
      expect(inPrometheus).toBe(`${without}${suffix}`);
    }
  });

  it('attributes', () => {
    const { POOL_NAME, WORKER_ID, WORKER_VERSION, SESSION_ID, TENANT_ID, AGENT_NAME } = names;
    const { SESSION_OUTCOME, REJECTION_REASON, ERROR_TYPE } = names;
    const identity = [POOL_NAME, WORKER_ID, WORKER_VERSION, SESSION_ID, TENANT_ID, AGENT_NAME];
    expect(firstCells(REFERENCE, 'Attribute')).toEqual([
      ...identity,
      SESSION_OUTCOME,
      REJECTION_REASON,
      ERROR_TYPE,
    ]);
    const valuesOf = (name: string) => table(REFERENCE, 'Attribute').find(([cell]) => cell === name)?.[2];
    expect(valuesOf(SESSION_OUTCOME)).toBe(`${names.SESSION_OUTCOMES.join(', ')}.`);
    expect(valuesOf(REJECTION_REASON)).toBe(`${names.REJECTION_REASONS.join(', ')}.`);
  });

  it('spans', () => {
    expect(firstCells(REFERENCE, 'Span')).toEqual([names.SESSION_SPAN, names.SESSION_START_SPAN]);
  });

  it('options', () => {
    expect(firstCells(REFERENCE, 'Option')).toEqual(OPTIONS);
  });

  it('options of the pool, the health handler, the verdict and its sources', async () => {
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
    expect(firstCells(REFERENCE, '`SessionPool` option')).toEqual(
      await known((options) => new SessionPool(options)),
    );
    const pool = new SessionPool();
    expect(firstCells(REFERENCE, '`healthHandler` option')).toEqual(
      await known((options) => healthHandler(pool, options)),
    );
    expect(firstCells(REFERENCE, '`assessDeploy` option')).toEqual(
      await known((options) => assessDeploy({ now: 0, since: 0, coveredSince: 0, workers: [] }, options)),
    );
    expect(firstCells(REFERENCE, '`startReceiver` option')).toEqual(await known(startReceiver));
    expect(firstCells(REFERENCE, '`prometheusSource` option')).toEqual(await known(prometheusSource));
  });

  it.each([
    ['watch', watchCommand()],
    ['top', topCommand()],
    ['demo', demoCommand()],
  ])('options of %s', (name, command) => {
    const flags = command.options.map(({ flags }) => flags);
    expect(firstCells(CLI, `\`${name}\` option`).toSorted()).toEqual(flags.toSorted());
    expect(read(CLI)).toContain(HEADERS_VARIABLE);
  });

  it('exit codes', () => {
    expect(firstCells(CLI, 'Exit code')).toEqual(Object.values(EXIT).map(String));
  });

  it('phases', () => {
    const [, union = ''] = /export type Phase =([^;]+);/.exec(read('src/deploy/verdict/verdict.ts')) ?? [];
    expect(firstCells('docs/concepts.md', 'Phase')).toEqual(union.match(/\w+/g));
  });

  it('scenarios of the demo', () => {
    expect(table(CLI, 'Scenario').map(([name, , exitCode]) => [name, Number(exitCode)])).toEqual(
      SCENARIOS.map(({ name, exitCode }) => [name, exitCode]),
    );
  });

  it('environment variables', () => {
    expect(firstCells('docs/environment.md', 'Variable').toSorted()).toEqual([...VARIABLES].toSorted());
  });

  it('the defaults of the environment', () => {
    const { intervalMs, exportTimeoutMs, timeoutMs, batches, protocol, temporality } = readEnvironment({});
    const defaults = new Map(
      table('docs/environment.md', 'Variable').map(([name, , given = '']) => [name, given.split(' ')[0]]),
    );
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
    const members = firstCells(REFERENCE, 'Member').map((cell) => cell.replace(/\(.*/, ''));
    const own = Object.getOwnPropertyNames(PoolTelemetry.prototype).filter((name) => name !== 'constructor');
    expect(members.toSorted()).toEqual([...own, 'await using'].toSorted());
  });

  it('entry points', () => {
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    expect(firstCells(REFERENCE, 'Entry point')).toEqual(
      entries.map((entry) => entry.replace('.', manifest.name)),
    );
  });

  it('commands', () => {
    const all = [watchCommand(), topCommand(), bridgeCommand(), recoverCommand(), demoCommand()];
    const named = table(CLI, 'Command').map(([cell = '']) => cell.match(/openrtc-otel (\w+)\]/)?.[1]);
    expect(named).toEqual(all.map((command) => command.name()));
  });

  it('commands in a checkout', () => {
    const scripts = firstCells('CONTRIBUTING.md', 'Command in a checkout').map((cell) =>
      cell.replace(/^npm (run )?/, ''),
    );
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

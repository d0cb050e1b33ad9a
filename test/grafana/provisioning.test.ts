import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS, WORKER_ID } from '../../src/attributes.js';
import { labelName } from '../../src/deploy/prometheus/promql.js';
import { ROOT, run } from '../e2e/support/project.js';

const DIR = join(ROOT, 'examples/grafana');
const textOf = (file: string) => readFileSync(join(DIR, file), 'utf8');

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[];
}

const compose: { readonly services: Readonly<Record<string, Service>>; readonly volumes: object } = parse(
  textOf('compose.yaml'),
);
const { collector, prometheus, grafana } = compose.services;
const services = Object.values(compose.services);
const { datasources } = parse(textOf('provisioning/datasources/openrtc.yaml'));
const { providers } = parse(textOf('provisioning/dashboards/openrtc.yaml'));
const mounts = (service: Service | undefined) => service?.volumes.map((volume) => volume.split(':')) ?? [];

describe('the compose file', () => {
  it('pins each image, and listens on loopback alone', () => {
    for (const { image } of services) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
    for (const port of services.flatMap(({ ports = [] }) => ports)) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('mounts files that are there, and only to be read', () => {
    const files = services.flatMap(mounts).filter(([source]) => source?.startsWith('./'));
    expect(files.length).toBeGreaterThan(0);
    for (const [source = '', , mode] of files) {
      expect(existsSync(join(DIR, source)), source).toBe(true);
      expect(mode).toBe('ro');
    }
  });

  it('runs the versions that the end-to-end tests run', () => {
    const tested = (file: string) => readFileSync(join(ROOT, 'test/e2e/support', file), 'utf8');
    const [, minor] = /otelcol v(0\.\d+\.\d+)/.exec(tested('collector/go.mod')) ?? [];
    expect(collector?.image).toBe(`otel/opentelemetry-collector-contrib:${minor}`);
    const [, major, patch] = /VERSION = 'v0\.(\d)(\d+\.\d+)'/.exec(tested('prometheus.ts')) ?? [];
    expect(prometheus?.image).toBe(`prom/prometheus:v${major}.${patch}`);
  });

  it('gives the Collector the addresses that its configuration asks for', () => {
    const [[config = ''] = []] = mounts(collector);
    expect(Object.keys(collector?.environment ?? {}).sort()).toEqual(variablesOf(textOf(config)));
    for (const address of Object.values(collector?.environment ?? {})) {
      const [host = ''] = address.replace(/^http:\/\//, '').split(':');
      expect(['0.0.0.0', ...Object.keys(compose.services)]).toContain(host);
    }
  });
});

/** The environment variables that a Collector's configuration reads. */
const variablesOf = (config: string) =>
  [...new Set(Array.from(config.matchAll(/\$\{env:(\w+)/g), ([, name = '']) => name))].sort();

describe('what Grafana is provisioned with', () => {
  it('is mounted where Grafana looks for it', () => {
    expect(mounts(grafana)).toContainEqual(['./provisioning', '/etc/grafana/provisioning', 'ro']);
    const [{ options }] = providers;
    const [, dashboard] = mounts(grafana).find(([source]) => source === './deploy-completion.json') ?? [];
    expect(dashboard).toBe(`${options.path}/deploy-completion.json`);
    expect(grafana?.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(dashboard);
  });

  it('has a datasource of each kind that the dashboard asks for', () => {
    const { templating } = JSON.parse(textOf('deploy-completion.json'));
    const asked = templating.list
      .filter(({ type }: { type: string }) => type === 'datasource')
      .map(({ query }: { query: string }) => query);
    expect(datasources.map(({ type }: { type: string }) => type).sort()).toEqual(asked.sort());
    for (const { url } of datasources) {
      expect(Object.keys(compose.services)).toContain(new URL(url).hostname);
    }
  });

  it('leads from a session to the metrics of its worker', () => {
    const [metrics, traces] = datasources;
    const { datasourceUid, tags, queries } = traces.jsonData.tracesToMetrics;
    expect(datasourceUid).toBe(metrics.uid);
    expect(tags).toEqual([{ key: WORKER_ID, value: labelName(WORKER_ID) }]);
    const expressions = queries.map(({ query }: { query: string }) => query);
    // Provisioning would read one dollar sign as a variable of the environment.
    expect(expressions).toEqual(
      [METRICS.active, METRICS.draining].map(({ name }) => `${labelName(name)}{$$__tags}`),
    );
  });
});

describe('docs/backends.md', () => {
  const docs = readFileSync(join(ROOT, 'docs/backends.md'), 'utf8');
  const configs = readdirSync(join(DIR, 'collector'));

  it('leads to each configuration of a Collector, and sets what that reads', () => {
    const named = new Set(
      Array.from(docs.matchAll(/^([A-Z][A-Z_]+)=|\s([A-Z][A-Z_]+)=/gm), ([, a, b]) => a ?? b),
    );
    for (const config of configs) {
      expect(docs).toContain(`](../examples/grafana/collector/${config})`);
      for (const variable of variablesOf(textOf(`collector/${config}`)))
        expect([...named]).toContain(variable);
    }
  });

  it('has no dead link to a file', () => {
    const links = Array.from(docs.matchAll(/\]\((\.\.[^)#]+)\)/g), ([, link = '']) => link);
    expect(links.length).toBeGreaterThan(configs.length);
    for (const link of links) expect(existsSync(join(ROOT, 'docs', link)), link).toBe(true);
  });
});

it('the package has all of it but its source', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT });
  const [{ files }] = JSON.parse(stdout);
  const packed = files
    .map(({ path }: { path: string }) => path)
    .filter((path: string) => path.startsWith('examples/grafana/'));
  const there = readdirSync(DIR, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(ROOT.length))
    .filter((path) => !path.startsWith('examples/grafana/source/'));
  expect(packed.sort()).toEqual(there.sort());
});

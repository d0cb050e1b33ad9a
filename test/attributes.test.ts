import { readFileSync } from 'node:fs';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import { describe, expect, it } from 'vitest';
import * as attributes from '../src/attributes.js';
import { SCOPE_VERSION as VERSION } from '../src/attributes.js';

const METRICS = Object.values(attributes.METRICS);
const names = Object.values<unknown>(attributes).filter((value) => typeof value === 'string');
const wireNames = [
  ...METRICS.map(({ name }) => name),
  ...names.filter((name) => name.startsWith('openrtc.')),
];

describe('METRICS', () => {
  it('begins with the five gauges that alone decide', () => {
    expect(METRICS).toHaveLength(12);
    expect(METRICS.slice(0, 5).map(({ name }) => name)).toEqual([
      'openrtc.active_sessions',
      'openrtc.draining',
      'openrtc.deployment_version',
      'openrtc.dropped_sessions',
      'openrtc.start_time',
    ]);
  });

  it.each(Object.values(METRICS))('describes $name in a sentence', ({ description }) => {
    expect(description).toMatch(/^[A-Z0-9].*\.$/s);
  });

  it.each(Object.values(METRICS))(
    'gives $name a UCUM unit that backends do not append as a ratio',
    ({ unit }) => {
      expect(unit).not.toBe('1');
      expect(unit).toMatch(/^(s|\{[a-z]+\})$/);
    },
  );
});

describe('the names on the wire', () => {
  it('are unique', () => {
    expect(new Set(wireNames).size).toBe(wireNames.length);
  });

  it('stay unique where a backend writes underscores for dots', () => {
    expect(new Set(wireNames.map((name) => name.replaceAll('.', '_'))).size).toBe(wireNames.length);
  });

  it.each(wireNames)('%s is a name of ours in lower case', (name) => {
    expect(name).toMatch(/^openrtc(\.[a-z]+(_[a-z]+)*)+$/);
  });

  it('are those of the semantic conventions where there is one', () => {
    expect(attributes.ERROR_TYPE).toBe(ATTR_ERROR_TYPE);
  });

  it('have values that tell outcomes and reasons apart', () => {
    for (const values of [attributes.SESSION_OUTCOMES, attributes.REJECTION_REASONS]) {
      expect(new Set<string>(values).size).toBe(values.length);
      for (const value of values) expect(value).toMatch(/^[a-z]+(_[a-z]+)*$/);
    }
  });
});

describe('the instrumentation scope', () => {
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

  it('has the name of the package', () => {
    expect(attributes.SCOPE_NAME).toBe(name);
  });

  it('has the version of the package', () => {
    expect(VERSION).toBe(version);
  });
});

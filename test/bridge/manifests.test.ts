import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { bridgeCommand } from '../../src/cli/bridge.js';

const FILES = ['kubernetes.yaml', 'openrtc-bridge.service', 'openrtc-worker.service'] as const;
const read = (file: (typeof FILES)[number]) =>
  readFileSync(new URL(`../../examples/openrtc-python/${file}`, import.meta.url), 'utf8');
const numberIn = (text: string, pattern: RegExp) => Number(text.match(pattern)?.[1]);

describe('the manifests', () => {
  it.each(['kubernetes.yaml', 'openrtc-bridge.service'] as const)(
    'give the bridge options that it has: %s',
    (file) => {
      const given = [...read(file).matchAll(/ (--(?!global|signal)[a-z-]+)[ =]/g)].map(
        ([, option]) => option,
      );
      expect(given.length).toBeGreaterThan(3);
      expect(bridgeCommand().options.map(({ long }) => long)).toEqual(expect.arrayContaining(given));
    },
  );

  it.each([
    ['openrtc-python/kubernetes.yaml', 'bridge'],
    ['journal/sidecar.yaml', 'recover'],
  ])('start what carries the telemetry before the worker, and end it after: %s', (file, name) => {
    const text = readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8');
    const { initContainers } = parse(text).spec.template.spec;
    expect(initContainers).toMatchObject([{ name, restartPolicy: 'Always' }]);
  });

  it('give the worker more time to end than it may drain, and the bridge the same timeout', () => {
    const kubernetes = read('kubernetes.yaml');
    const drainTimeout = numberIn(kubernetes, /DRAIN_TIMEOUT_SECONDS, value: '(\d+)'/);
    expect(numberIn(kubernetes, /--drain-timeout=(\d+)/)).toBe(drainTimeout);
    expect(numberIn(kubernetes, /terminationGracePeriodSeconds: (\d+)/)).toBeGreaterThan(drainTimeout + 10);
    const unit = read('openrtc-worker.service');
    const unitTimeout = numberIn(unit, /DRAIN_TIMEOUT_SECONDS=(\d+)/);
    expect(numberIn(read('openrtc-bridge.service'), /--drain-timeout (\d+)/)).toBe(unitTimeout);
    expect(numberIn(unit, /TimeoutStopSec=(\d+)/)).toBeGreaterThan(unitTimeout + 10);
  });

  it('need no file that tells of the drain: the worker of the example reports it', () => {
    for (const file of FILES) expect(read(file)).not.toContain('drain-file');
    const worker = readFileSync(new URL('../../examples/openrtc-python/worker.py', import.meta.url), 'utf8');
    expect(worker).toContain('return super().draining or self.server.draining');
  });
});

import { describe, expect, it } from 'vitest';
import { SILENCE_MS } from '../../src/bridge/pulse.js';
import { bridgeCommand } from '../../src/cli/bridge.js';
import { firstCells, read } from '../support/markdown.js';

describe('the documents of the bridge have', () => {
  it('every option', () => {
    const flags = bridgeCommand().options.map((option) => option.flags);
    expect(firstCells('docs/cli.md', 'Bridge option')).toEqual(flags);
  });

  it('every exit code', () => {
    expect(firstCells('docs/cli.md', 'Bridge exit code')).toEqual(['0', '1', '64']);
  });

  it('how long a stream may stop', () => {
    expect(read('docs/openrtc.md')).toContain(`its stream stops for ${SILENCE_MS / 1000} s`);
  });

  it('tests that there are, for each thing that is known, presumed or not knowable', () => {
    const rows = read('docs/openrtc.md').match(/^\|.*\| .*\]\(\.\.\/test\/.*\|$/gm) ?? [];
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
      const links = [...row.matchAll(/\["([^"]+)"\]\(\.\.\/(test\/[\w./-]+\.test\.ts)\)/g)];
      expect(links.length, row).toBeGreaterThan(0);
      for (const [, title = '', file = ''] of links) expect(read(file)).toContain(title);
    }
  });

  it('a command line that the command takes', () => {
    const [, line = ''] = read('README.md').match(/openrtc-otel bridge ([^`]*)```/) ?? [];
    const args = line.replaceAll('\\\n', ' ').trim().split(/\s+/);
    const command = bridgeCommand().exitOverride();
    expect(command.parseOptions(args)).toEqual({ operands: [], unknown: [] });
    expect(command.opts()).toEqual({
      pool: 'voice-prod',
      jsonl: '/run/openrtc/worker.jsonl',
      socket: '/run/openrtc/worker.sock',
      drainTimeout: 600,
    });
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SILENCE_MS } from '../../src/bridge/liveness.js';
import { bridgeCommand } from '../../src/cli/bridge.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The first column of the README's table whose head begins with this, without the code quotes. */
function firstColumn(head: string): string[] {
  const [, rest = ''] = readme.split(`| ${head} |`);
  return rest
    .split('\n')
    .slice(2)
    .reduce<{ cells: string[]; isOver: boolean }>(
      ({ cells, isOver }, line) =>
        isOver || !line.startsWith('|')
          ? { cells, isOver: true }
          : { cells: [...cells, line.split('|')[1]?.trim().replaceAll('`', '') ?? ''], isOver },
      { cells: [], isOver: false },
    ).cells;
}

describe('the README says of the bridge', () => {
  it('every option', () => {
    expect(firstColumn('Bridge option')).toEqual(bridgeCommand().options.map(({ flags }) => flags));
  });

  it('every exit code', () => {
    expect(firstColumn('Bridge exit code')).toEqual(['0', '1', '64']);
  });

  it('how long a stream may stop', () => {
    expect(readme).toContain(`its stream stops for ${SILENCE_MS / 1000} s`);
  });

  it('a command line that the command takes', () => {
    const [, line = ''] = readme.match(/openrtc-otel bridge ([^`]*)```/) ?? [];
    const args = line.replaceAll('\\\n', ' ').trim().split(/\s+/);
    const command = bridgeCommand().exitOverride();
    expect(command.parseOptions(args)).toEqual({ operands: [], unknown: [] });
    expect(command.opts()).toEqual({
      pool: 'voice-prod',
      jsonl: '/run/openrtc/worker.jsonl',
      socket: '/run/openrtc/worker.sock',
      drainFile: '/run/openrtc/drain',
      drainTimeout: 600,
    });
  });
});

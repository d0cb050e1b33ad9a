import { styleText } from 'node:util';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { type Line, render } from '../../../src/cli/terminal/lines.js';
import { type Fleet, gist, type PoolStatus } from '../../../src/cli/top/fleet.js';
import { frame, keyLine } from '../../../src/cli/top/frame.js';
import { Trends } from '../../../src/cli/top/trends.js';
import { SORTS, type SortKey, withStates } from '../../../src/cli/top/worker-lines.js';
import type { WorkerFacts } from '../../../src/deploy/facts.js';
import { assessDeploy } from '../../../src/deploy/verdict/assess.js';
import { exited, facts, fleet, green, NOW, worker } from '../../deploy/support.js';
import { show } from '../terminal.js';

const WIDE = { columns: 200, rows: 60 };

function statusOf(
  workers: readonly WorkerFacts[],
  { pool = 'voice', target = 'v2', isGuess = false } = {},
): PoolStatus {
  const verdict = assessDeploy(facts(workers), { target });
  return { pool, isGuess, verdict, workers: withStates(workers, NOW) };
}

const fleetOf = (pools: readonly PoolStatus[], more: Partial<Fleet> = {}): Fleet => ({
  at: NOW,
  pools,
  trends: new Trends(),
  ...more,
});

const textOf = (line: Line) => line.map(({ text }) => text).join('');

function draw(given: Fleet, { sort = 's' as SortKey, size = WIDE } = {}) {
  const lines = frame(given, 'listening here', sort, size);
  return { lines, texts: lines.map(textOf), all: lines.map(textOf).join('\n') };
}

const draining = () => [
  ...fleet('v1', 2, { active: 3, draining: true, drainingSince: NOW - 100_000, drainTimeoutSeconds: 600 }),
  ...green(2, { active: 5 }),
];

/** The ids of the worker lines, in their order. */
function idsOf({ texts }: { readonly texts: readonly string[] }): string[] {
  const at = texts.findIndex((text) => /^ {2}(pool +)?worker /.test(text));
  return texts.slice(at + 1).map((text) => text.trim().split(/\s+/)[0] ?? '');
}

describe('the head of a pool', () => {
  it('says where the deploy stands', () => {
    const { texts } = draw(fleetOf([statusOf(draining())]));
    expect(texts[0]).toBe('openrtc-otel top  2027-01-15T08:00:00Z  listening here');
    expect(texts[2]).toBe('voice → v2');
    expect(texts[3]).toMatch(/^draining: the old workers finish their sessions/);
    expect(texts[4]).toMatch(/^ {2}on target {5}open {5}2 of 4 running workers report v2/);
    expect(texts[5]).toMatch(/^ {2}old drained {3}open {5}6 sessions left on v1-0 \(v1\), v1-1 \(v1\)/);
    expect(texts[6]).toMatch(/^ {2}none dropped {2}met {6}No dropped session since/);
  });

  it('says that a target is a guess', () => {
    const { texts } = draw(fleetOf([statusOf(draining(), { isGuess: true })]));
    expect(texts[2]).toBe('voice → v2 (a guess: the version that started last)');
  });

  it('says how long it takes, or that it does not end', () => {
    const falling = draining().map((each) => ({
      ...each,
      earlier: { at: NOW - 60_000, active: each.version === 'v1' ? 6 : each.active },
    }));
    expect(draw(fleetOf([statusOf(falling)])).texts[3]).toMatch(/; a guess: 3 min to go$/);
    const limited = falling.map((each) => ({ ...each, drainTimeoutSeconds: 170 }));
    expect(draw(fleetOf([statusOf(limited)])).texts[3]).toMatch(/; at the latest 70 s to go$/);
    expect(draw(fleetOf([statusOf(draining())])).texts[3]).toMatch(/; sessions do not get fewer$/);
  });

  it('breaks long sentences under their check', () => {
    const { texts } = draw(fleetOf([statusOf(draining())]), { size: { columns: 80, rows: 60 } });
    for (const text of texts) expect(stringWidth(text)).toBeLessThanOrEqual(80);
    const at = texts.findIndex((text) => text.startsWith('  on target'));
    expect(texts[at + 1]).toMatch(/^ {25}\S/);
  });

  it('says when nothing runs and nothing is known', () => {
    const gone: PoolStatus = { pool: 'voice', isGuess: true, verdict: undefined, workers: [] };
    expect(draw(fleetOf([gone])).all).toContain('voice  no worker runs');
    expect(draw(fleetOf([])).all).toContain('Waiting for a first report.');
  });

  it('says that there is no deploy to judge, and nothing is green', () => {
    const { texts, lines } = draw(fleetOf([{ ...statusOf(green()), verdict: undefined }]));
    expect(texts[2]).toBe('voice  no deploy: only version v2 has reported');
    expect(JSON.stringify(lines)).not.toContain('green');
  });

  it('names who is unaccounted for, and what is to be seen beside the checks', () => {
    const cut = fleet('v1', 5, { heard: 200 });
    const status = statusOf([...cut, ...green()]);
    const verdict = status.verdict && {
      ...status.verdict,
      notes: ['Not judged here: 2 workers of chat (v1).'],
    };
    const { all } = draw(fleetOf([{ ...status, verdict }]));
    expect(all).toMatch(
      /^ {2}unaccounted {12}v1-0 \(v1\), v1-1 \(v1\), v1-2 \(v1\) and 2 more: no goodbye, no report, and no session then$/m,
    );
    expect(all).toMatch(/^ {2}note {19}Not judged here: 2 workers of chat \(v1\)\.$/m);
  });

  it('shows an id that is used twice first', () => {
    const twice = worker({ id: 'z', isContradictory: true });
    expect(idsOf(draw(fleetOf([statusOf([...green(), twice])])))[0]).toBe('z');
  });
});

describe('green', () => {
  const greens = (given: Fleet) =>
    draw(given)
      .lines.flat()
      .filter(({ style }) => [style].flat().includes('green'))
      .map(({ text }) => text.trim());

  it('is every check of a finished deploy, and its phase', () => {
    const done = [...exited('v1', 2), ...green(2)];
    expect(greens(fleetOf([statusOf(done)]))).toEqual(['complete, nothing dropped', 'met', 'met', 'met']);
  });

  it('is no check that is not met', () => {
    expect(greens(fleetOf([statusOf(draining())]))).toEqual(['met']);
    const lost = [...exited('v1', 2, { dropped: 1 }), ...green(2)];
    expect(greens(fleetOf([statusOf(lost)]))).toEqual(['met', 'met']);
    const blind = green(2, { heard: 300 });
    expect(greens(fleetOf([statusOf(blind)]))).toEqual([]);
  });

  it('is nothing when the source can not tell now', () => {
    const done = [...exited('v1', 2), ...green(2)];
    const given = fleetOf([statusOf(done)], { trouble: 'connection refused' });
    expect(greens(given)).toEqual([]);
    expect(draw(given).all).not.toContain('complete');
    expect(draw(given).texts[2]).toBe(
      'Unknown: connection refused. What follows is the last that was known.',
    );
    expect(draw(given).all).toContain('v2-0');
  });
});

describe('a worker', () => {
  const line = (workers: readonly WorkerFacts[], id: string) =>
    draw(fleetOf([statusOf(workers)])).texts.find((text) => text.trim().startsWith(id));

  it('has its version, state, sessions, how long it drains and of how long, and its last report', () => {
    expect(line(draining(), 'v1-0')).toMatch(/^ {2}v1-0 +v1 +draining +3 +100 s +10 min +5 s ago$/);
    expect(line(draining(), 'v2-0')).toMatch(/^ {2}v2-0 +v2 +accepting +5 +5 s ago$/);
  });

  it('is silent, drained, or exited', () => {
    const quiet = worker({ id: 'quiet', heard: 200, active: 2 });
    const drained = worker({ id: 'idle', draining: true, drainingSince: NOW - 20_000 });
    const all = [quiet, drained, ...exited('v0', 1), ...green()];
    expect(line(all, 'quiet')).toMatch(/silent +2 +3 min ago$/);
    expect(line(all, 'idle')).toMatch(/drained +0 +20 s +5 s ago$/);
    expect(line(all, 'v0-0')).toMatch(/exited +0 +2 min ago$/);
  });

  it('has what it dropped since the start of the deploy, when anything was', () => {
    expect(draw(fleetOf([statusOf(draining())])).all).not.toMatch(/dropped +draining/);
    const lost = [...exited('v1', 1, { dropped: 3, droppedBefore: 1 }), ...green()];
    expect(line(lost, 'v1-0')).toMatch(/exited +0 +2 +2 min ago$/);
  });

  it('has its pool, when there are several', () => {
    const pools = [
      statusOf(green()),
      statusOf([worker({ pool: 'chat', id: 'c-1' })], { pool: 'chat', target: 'v1' }),
    ];
    expect(draw(fleetOf(pools)).all).toMatch(/ {2}chat +c-1 +v1 +accepting/);
  });
});

describe('the order of workers', () => {
  const some = [
    ...exited('v1', 1),
    worker({ id: 'b', version: 'v3', active: 9, heard: 7 }),
    worker({ id: 'a', version: 'v2', active: 1, heard: 9, draining: true, drainingSince: NOW - 50_000 }),
    worker({ id: 'c', version: 'v2', active: 4, heard: 8, draining: true, drainingSince: NOW - 90_000 }),
    worker({ id: 'd', version: 'v0', heard: 300, active: 5 }),
  ];
  it.each<[SortKey, string[]]>([
    ['s', ['d', 'a', 'c', 'b', 'v1-0']],
    ['w', ['a', 'b', 'c', 'd', 'v1-0']],
    ['v', ['d', 'v1-0', 'a', 'c', 'b']],
    ['n', ['b', 'd', 'c', 'a', 'v1-0']],
    ['d', ['c', 'a', 'b', 'd', 'v1-0']],
    ['r', ['d', 'v1-0', 'a', 'c', 'b']],
  ])('by %s', (sort, ids) => {
    expect(idsOf(draw(fleetOf([statusOf(some)]), { sort }))).toEqual(ids);
  });

  it('by pool', () => {
    const pools = ['voice', 'chat'].map((pool) => statusOf([worker({ pool, id: pool })], { pool }));
    expect(idsOf(draw(fleetOf(pools), { sort: 'p' }))).toEqual(['chat', 'voice']);
  });

  it('is told by a line of keys that fits into 80 columns, the one that sorts set off', () => {
    expect(stringWidth(textOf(keyLine('n')))).toBeLessThanOrEqual(80);
    const marked = keyLine('n').filter(({ style }) => style === 'inverse');
    expect(marked).toEqual([{ text: 'n sessions', style: 'inverse' }]);
    for (const [key, { name }] of Object.entries(SORTS))
      expect(textOf(keyLine('s'))).toContain(`${key} ${name}`);
  });
});

describe('more than there is room for', () => {
  const many = [...exited('v1', 30), ...green(20, { active: 1 })];

  it('leaves out exited workers first, and says how many', () => {
    const drawn = draw(fleetOf([statusOf(many)]), { size: { columns: 200, rows: 40 } });
    expect(drawn.texts).toHaveLength(40);
    const ids = idsOf(drawn).slice(0, -1);
    expect(ids.filter((id) => id.startsWith('v2'))).toHaveLength(20);
    const more = 50 - ids.length;
    expect(drawn.texts.at(-1)).toBe(`  ${more} more not shown, ${more} of them exited`);
  });

  it('then leaves out the last in the order', () => {
    const drawn = draw(fleetOf([statusOf(many)]), { size: { columns: 200, rows: 24 }, sort: 'w' });
    expect(drawn.texts).toHaveLength(24);
    expect(drawn.texts.at(-1)).toMatch(/ more not shown, 30 of them exited$/);
    expect(idsOf(drawn).slice(0, -1)).toEqual(
      green(20)
        .map(({ id }) => id)
        .slice(0, idsOf(drawn).length - 1),
    );
  });

  it('says nothing when all fit', () => {
    const drawn = draw(fleetOf([statusOf(many)]), { size: { columns: 200, rows: 63 } });
    expect(drawn.all).not.toContain('not shown');
    expect(idsOf(drawn)).toHaveLength(50);
  });

  it('leaves some lines to the workers however many pools there are', () => {
    const pools = Array.from({ length: 20 }, (_, index) => statusOf(green(), { pool: `pool-${index}` }));
    const drawn = draw(fleetOf(pools), { size: { columns: 100, rows: 30 } });
    expect(drawn.texts).toHaveLength(30);
    expect(drawn.all).toMatch(/\d+ lines of pools not shown/);
    expect(drawn.texts.at(-1)).toBe('  56 more not shown, 0 of them exited');
  });

  it('has never more lines than rows, nor wider ones than columns', () => {
    const given = fleetOf([statusOf(many), statusOf(draining(), { pool: 'chat' })]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 80 }), (columns, rows) => {
        const { lines } = draw(given, { size: { columns, rows } });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          expect(stringWidth(render(line, columns, (_style, text) => text))).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });
});

describe('versions', () => {
  const versionLine = (given: Fleet, version: string, size = WIDE) => {
    const { texts } = draw(given, { size });
    const at = texts.findIndex((text) => text.startsWith('  version'));
    return texts.slice(at).find((text) => text.startsWith(`  ${version} `));
  };

  it('have their running workers, sessions, and tenants, the largest first', () => {
    const workers = [
      ...fleet('v1', 2, { active: 3, tenants: { acme: 2, globex: 1, initech: 0 } }),
      ...exited('v1', 1, { id: 'gone' }),
      ...green(1),
    ];
    expect(versionLine(fleetOf([statusOf(workers)]), 'v1')).toMatch(/^ {2}v1 +2 +6 +acme 4, globex 2$/);
    expect(versionLine(fleetOf([statusOf(workers)]), 'v2')).toMatch(/^ {2}v2 +1 +0 *$/);
  });

  it('have no column for tenants where none are reported', () => {
    expect(draw(fleetOf([statusOf(draining())])).all).not.toContain('tenants');
  });

  it('name the first tenants and count the others', () => {
    const tenants = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`t${index}`, 9 - index]));
    const given = fleetOf([statusOf([worker({ active: 45, tenants }), ...green()])]);
    expect(versionLine(given, 'v1')).toMatch(/t0 9, t1 8, t2 7, t3 6 and 5 more$/);
  });

  it('have their sessions over time on one scale, the lowest bar for none', () => {
    const trends = new Trends();
    [8, 4, 1, 0].forEach((sessions, index) => {
      trends.add(
        'voice',
        NOW + index * 3000,
        new Map([['v1', sessions], ...(index > 0 ? [['v2', 2] as const] : [])]),
      );
    });
    const given = fleetOf([statusOf(draining())], { trends });
    expect(versionLine(given, 'v1')).toContain('█▅▂▁');
    expect(versionLine(given, 'v2')).toContain(' ▃▃▃');
  });

  it('are the newest six', () => {
    const workers = Array.from({ length: 9 }, (_, index) =>
      worker({ id: `w${index}`, version: `v${index}`, up: 900 - index }),
    );
    const { all } = draw(fleetOf([statusOf(workers, { target: 'v8' })]));
    expect(all).toContain('3 older versions not shown');
  });
});

describe('trends', () => {
  it('have a bar for three seconds, and a gap where nothing was known', () => {
    const trends = new Trends();
    for (const [at, sessions] of [
      [0, 1],
      [1000, 2],
      [2000, 4],
      [3000, 2],
    ] as const) {
      trends.add('voice', at, new Map([['v1', sessions]]));
    }
    trends.skip(6000);
    trends.add('voice', 9000, new Map([['v1', 1]]));
    expect(trends.lines('voice', ['v1'], 60)).toEqual(['█▅ ▃']);
    expect(trends.lines('voice', ['v1'], 2)).toEqual([' █']);
  });

  it('forget what is older than three minutes', () => {
    const trends = new Trends();
    for (let at = 0; at < 1000; at++) trends.add('voice', at * 3000, new Map([['v1', 1]]));
    expect(trends.lines('voice', ['v1'], 1000)[0]).toHaveLength(60);
  });
});

describe('the gist', () => {
  it('is the same while only time passes', () => {
    const later = draining().map((each) => ({ ...each, lastReportAt: each.lastReportAt + 1000 }));
    expect(gist(fleetOf([statusOf(later)], { at: NOW + 1000 }))).toBe(gist(fleetOf([statusOf(draining())])));
  });

  it('is another one with each fact that changes', () => {
    const base = draining();
    const [first] = base;
    const changed = [
      fleetOf([statusOf(base.map((each) => (each === first ? { ...each, active: 2 } : each)))]),
      fleetOf([statusOf(base.map((each) => (each === first ? { ...each, dropped: 1 } : each)))]),
      fleetOf([statusOf(base.slice(1))]),
      fleetOf([statusOf(base, { target: 'v1' })]),
      fleetOf([statusOf(base)], { trouble: 'timeout' }),
    ];
    expect(new Set([fleetOf([statusOf(base)]), ...changed].map(gist)).size).toBe(changed.length + 1);
  });
});

describe('text that a worker reports', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 255 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom(
        '\x1b[',
        '\x1b]0;',
        '\x1bc',
        '2J',
        '31m',
        'A',
        'H',
        '\x07',
        '\n',
        '\r',
        '\x9b',
        '\b',
        '\t',
        '電',
      ),
      maxLength: 60,
    }),
  );
  const columns = 100;
  const rows = 30;
  const noColours = (_style: unknown, text: string) => text;

  function screenOf(id: string, version: string, tenant: string, pool: string): string[] {
    const old = worker({ id, version, pool, active: 2, draining: true, tenants: { [tenant]: 2 } });
    const workers = [old, ...green(2, { pool })];
    const lines = frame(fleetOf([statusOf(workers, { pool })]), 'here', 'w', { columns, rows: rows - 1 });
    return [...lines, keyLine('w')].map((line) => render(line, columns, noColours));
  }
  const tame = screenOf('w-1', 'v1', 'acme', 'voice');

  it('yields no control character and no line that is too wide', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, (...texts) => {
        const lines = screenOf(...texts);
        // Sentences that name a worker may take more lines, up to the last row.
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
          expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });

  it('does not change the number of lines, when it is as long', () => {
    const short = hostile.map((text) => [...text].slice(0, 3).join(''));
    fc.assert(
      fc.property(short, short, short, short, (...texts) => {
        expect(screenOf(...texts)).toHaveLength(tame.length);
      }),
    );
  });

  it('leaves the columns of a row where they are', () => {
    const row = (id: string) => {
      const { lines } = draw(fleetOf([statusOf([worker({ id }), worker({ id: 'x'.repeat(40) })])]), {
        sort: 'n',
      });
      return lines.find((line) => line[1]?.text.trim() !== '' && line[5]?.text.startsWith('accepting'));
    };
    fc.assert(
      fc.property(hostile, (id) => {
        const widths = row(id)?.map(({ text }) => stringWidth(text));
        expect(widths?.slice(4)).toEqual(
          row('w-1')
            ?.map(({ text }) => stringWidth(text))
            .slice(4),
        );
      }),
    );
  });

  it('does nothing to a real terminal but to be shown', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, hostile, async (...texts) => {
        const lines = screenOf(...texts);
        const shown = await show(`\x1b[?7l${lines.join('\r\n')}`, columns, rows);
        expect(shown.effects).toEqual([]);
        expect(shown.isStyled).toBe(false);
        expect(shown.isOther).toBe(false);
        expect(shown.rows[0]).toBe(lines[0]);
        expect(shown.rows[lines.length - 1]).toBe(lines.at(-1));
        expect(shown.rows.slice(lines.length).join('')).toBe('');
      }),
      { numRuns: 200 },
    );
  });

  it('would do a lot, if it were not made plain', async () => {
    const shown = await show('\x1b[31mred\x1b]0;title\x07\n\n\x07', columns, rows);
    expect(shown.effects).toEqual(['title title', 'bell']);
    expect(shown.isStyled).toBe(true);
  });
});

describe('colours', () => {
  it('go around the text of a piece, and count for nothing', () => {
    const paint = (style: Parameters<typeof styleText>[0], text: string) =>
      styleText(style, text, { validateStream: false });
    expect(render([{ text: 'voice ' }, { text: 'met', style: 'green' }], 8, paint)).toBe(
      'voice \x1b[32mme\x1b[39m',
    );
    expect(render([{ text: 'voice ' }, { text: 'met', style: 'green' }], 6, paint)).toBe('voice ');
  });
});

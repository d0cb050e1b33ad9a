import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { span } from '../../../src/cli/terminal/lines.js';
import { table } from '../../../src/cli/terminal/table.js';
import { cut, cutEnd, plain, plainJson, wrap } from '../../../src/cli/terminal/text.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom(
      '\x1b',
      '[',
      '3',
      '1',
      'm',
      'H',
      ']',
      '\x07',
      '\n',
      '\r',
      '\x9b',
      ':',
      '#',
      '電',
      'a',
    ),
  }),
);
const anyPlain = anyText.map(plain);
const anyColumns = fc.integer({ min: 0, max: 30 });

describe('plain', () => {
  it.each([
    ['an escape sequence', '\x1b[31mred', '\uFFFD[31mred'],
    ['a one-character CSI', '\x9b2J', '\uFFFD2J'],
    ['a line break', 'a\r\nb\u2028c\u2029d\u0085e', 'a\uFFFD\uFFFDb\uFFFDc\uFFFDd\uFFFDe'],
    ['a tab, a backspace, a delete', 'a\tb\bc\x7f', 'a\uFFFDb\uFFFDc\uFFFD'],
    ['a change of direction', 'a\u202Eb\u2066c', 'a\uFFFDb\uFFFDc'],
    ['what can not be seen', 'acme\u200B\uFEFF\u3164\uFE0F', 'acme\uFFFD\uFFFD\uFFFD\uFFFD'],
    ['half a character', 'a\uD83Db', 'a\uFFFDb'],
    ['a private character', '\uE0B0', '\uFFFD'],
    ['a command of GitHub Actions', '::set-output name=a::b', '\uFFFD::set-output name=a::b'],
    ['one that is only indented', '  ::error::', '\uFFFD  ::error::'],
    ['a command of Azure Pipelines', 'v1 ##vso[task.setvariable]', 'v1 #\uFFFDvso[task.setvariable]'],
    ['one of two more', '###[add-mask]##teamcity[', '##\uFFFD[add-mask]#\uFFFDteamcity['],
  ])('shows %s as replacements', (_what, text, shown) => {
    expect(plain(text)).toBe(shown);
  });

  it('leaves what people read as it is', () => {
    for (const text of [
      'voice-prod',
      '1.5.0+b7',
      'größe',
      '東京',
      'العربية',
      '한국어',
      'नमस्ते',
      '🚀',
      'a b',
      'a::b',
      '# 1 ## 2',
      'PR##12',
    ]) {
      expect(plain(text)).toBe(text);
    }
  });

  it('leaves nothing that controls a terminal, and changes nothing the second time', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(plain(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]|^\s*::|##\w*\[/u);
        expect(plain(plain(text))).toBe(plain(text));
      }),
    );
  });
});

describe('plain JSON', () => {
  it('has nothing that controls a terminal or a log, and loses nothing', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const json = plainJson({ [text]: [text] });
        expect(json).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]|##\w*\[/u);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ [text]: [text] })));
      }),
    );
    expect(plainJson('v\x9b1 ##[group] \u{E0041}')).toBe('"v\\u009b1 #\\u0023[group] \\udb40\\udc41"');
  });
});

describe('cut', () => {
  it('keeps both ends', () => {
    expect(cut('voice-7d9f8c-12345678', 11)).toBe('voice…45678');
    expect(cut('voice', 5)).toBe('voice');
    expect(cut('voice', 1)).toBe('…');
    expect(cut('voice', 0)).toBe('');
    expect(cut('東京東京', 5)).toBe('東…京');
  });

  it('never takes half of a wide character', () => {
    expect(cutEnd('東京', 3)).toBe('東');
  });

  it('gives no more than the columns that are asked for', () => {
    fc.assert(
      fc.property(anyPlain, anyColumns, (text, columns) => {
        expect(stringWidth(cut(text, columns))).toBeLessThanOrEqual(columns);
        expect(stringWidth(cutEnd(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe('a table', () => {
  const cells = (...texts: string[]) => texts.map((text) => span(text));
  const textsOf = (rows: string[][], room: number) =>
    table(
      [
        { title: 'id', align: 'left', shrinks: true },
        { title: 'n', align: 'right' },
        { title: 'v', align: 'left' },
      ],
      rows.map((row) => cells(...row)),
      room,
    ).map((line) => line.map(({ text }) => text).join(''));

  it('fills its cells up on either side, and counts wide characters as two and accents as none', () => {
    expect(
      textsOf(
        [
          ['東京', '7', 'a'],
          ['e\u0301🚀', '10', 'b'],
        ],
        80,
      ),
    ).toEqual(['  id     n  v', '  東京   7  a', '  e\u0301🚀   10  b']);
  });

  it('cuts the cells that may shrink in their middle', () => {
    expect(textsOf([['voice-7d9f8c-12345678', '7', 'v']], 19)).toEqual([
      '  id           n  v',
      '  voice…45678  7  v',
    ]);
  });

  it('has exactly the columns that its cells need', () => {
    fc.assert(
      fc.property(anyPlain, anyColumns, (text, columns) => {
        const widths = textsOf([[text, '1', 'v']], columns).map((line) => stringWidth(line));
        expect(new Set(widths).size).toBe(1);
        if (columns >= 18) expect(widths[0]).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe('wrap', () => {
  const wordsOf = (text: string) => text.split(' ').filter((word) => word !== '');

  it('breaks at spaces', () => {
    expect(wrap('three sessions left on w-1', 14)).toEqual(['three sessions', 'left on w-1']);
    expect(wrap('', 10)).toEqual(['']);
  });

  it('cuts a word that is longer than a line', () => {
    expect(wrap('on voice-7d9f8c-12345678 now', 11)).toEqual(['on', 'voice…45678', 'now']);
  });

  it('breaks at nothing that the text brings along, and passes nothing on that controls a terminal', () => {
    expect(wrap('on w\n1 \x1b[31mred', 20)).toEqual(['on w\uFFFD1 \uFFFD[31mred']);
  });

  it('loses no word that fits, and makes no line too long', () => {
    fc.assert(
      fc.property(anyPlain, fc.integer({ min: 1, max: 30 }), (text, columns) => {
        const lines = wrap(text, columns);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        const words = wordsOf(text.normalize());
        if (words.every((word) => stringWidth(word) <= columns)) {
          expect(wordsOf(lines.join(' '))).toEqual(words);
        }
      }),
    );
  });
});

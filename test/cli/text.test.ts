import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { cut, cutEnd, displayWidth, pad, plain, plainJson, wrap } from '../../src/cli/text.js';

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

describe('display width', () => {
  it('counts wide characters as two, and accents as none', () => {
    expect(displayWidth('ab')).toBe(2);
    expect(displayWidth('東京')).toBe(4);
    expect(displayWidth('🚀')).toBe(2);
    expect(displayWidth('e\u0301')).toBe(1);
  });
});

describe('cut and pad', () => {
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

  it('fills up on either side', () => {
    expect(pad('東', 4, 'left')).toBe('東  ');
    expect(pad('7', 4, 'right')).toBe('   7');
  });

  it('gives exactly the columns that are asked for', () => {
    fc.assert(
      fc.property(
        anyPlain,
        anyColumns,
        fc.constantFrom('left' as const, 'right' as const),
        (text, columns, align) => {
          const side = stringWidth(cut(text, columns));
          expect(side).toBeLessThanOrEqual(columns);
          expect(stringWidth(cutEnd(text, columns))).toBeLessThanOrEqual(columns);
          const padded = pad(cut(text, columns), columns, align);
          expect(padded.length - cut(text, columns).length).toBe(columns - side);
        },
      ),
    );
  });
});

describe('wrap', () => {
  it('breaks at spaces', () => {
    expect(wrap('three sessions left on w-1', 14)).toEqual(['three sessions', 'left on w-1']);
    expect(wrap('', 10)).toEqual(['']);
  });

  it('cuts a word that is longer than a line', () => {
    expect(wrap('on voice-7d9f8c-12345678 now', 11)).toEqual(['on', 'voice…45678', 'now']);
  });

  it('loses no word that fits, and makes no line too long', () => {
    fc.assert(
      fc.property(anyPlain, fc.integer({ min: 1, max: 30 }), (text, columns) => {
        const lines = wrap(text, columns);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        if (text.split(' ').every((word) => stringWidth(word) <= columns)) {
          expect(lines.join(' ')).toBe(text);
        }
      }),
    );
  });
});

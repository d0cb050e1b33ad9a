import { describe, expect, it } from 'vitest';
import { attributeValue } from '../../src/attributes.js';

describe('label', () => {
  it('keeps a text of 255 characters', () => {
    expect(attributeValue('x'.repeat(255))).toBe('x'.repeat(255));
  });

  it('cuts a megabyte', () => {
    expect(attributeValue('x'.repeat(1_000_000))).toBe('x'.repeat(255));
  });

  it('never cuts a character in half', () => {
    const text = attributeValue(`${'x'.repeat(254)}😀`);
    // It throws for half a character.
    expect(() => encodeURIComponent(text)).not.toThrow();
  });

  it.each([
    [5, '5'],
    [null, 'null'],
    [Symbol('a'), 'Symbol(a)'],
  ])('makes a text of %s', (value, text) => {
    expect(attributeValue(value)).toBe(text);
  });
});

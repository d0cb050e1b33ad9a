import { inspect } from 'node:util';
import { attempt } from './attempt.js';

/** What moves the cursor, colours, breaks a line, or is not visible: a text could hide in it or behind it. */
export const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

export const REPLACEMENT = '\uFFFD';
const LONGEST_SHOWN = 60;
const UNREADABLE = 'what cannot be read';

/** A text from anywhere on one line, each unseen character shown as a replacement. */
export const oneLine = (text: string): string => text.replace(UNSEEN, REPLACEMENT);

/** A value in a message: short, on one line, and never what can be secret in an object: a text in it, or all below. */
export function show(value: unknown): string {
  return attempt(() => {
    if (!isRecord(value)) return showClass(value);
    const members = Object.entries(value).map(([name, item]) => [
      name,
      typeof item === 'string' ? '…' : item,
    ]);
    return inspect(Object.fromEntries(members), { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  }, UNREADABLE);
}

/** The same, of an object no more than its class. */
export function showClass(value: unknown): string {
  return attempt(() => inspect(value, { depth: -1, maxStringLength: LONGEST_SHOWN }), UNREADABLE);
}

/** Some vendors put a key into the path. */
const KEY = /[^/]{16,}/g;
const KEY_OF_TEXT = /(?<=[^:/]\/.*)[^/]{16,}/g;

/** An address without credentials, without query, and without what can be a key in its path. */
export const redactUrl = ({ origin, pathname }: URL): string => `${origin}${pathname.replace(KEY, '***')}`;

/** The same of a text that should be a URL, and may be none. */
export const redactText = (text: string): string =>
  text
    .replace(/.*@/, '***@')
    .replace(/[?#].*/, '?***')
    .replace(KEY_OF_TEXT, '***');

/** Whether a text that should be a URL has a place where credentials or a key can be. */
export const mayHoldSecret = (text: string): boolean => /[@?]/.test(text);

/** A plain object: no list, no map, no instance of a class. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

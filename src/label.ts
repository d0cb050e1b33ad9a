const LONGEST = 255;

/** A text as an attribute's value: backends refuse or cut long ones, each at another length. */
export function label(text: unknown): string {
  // Never half of a character that takes two code units: it can not be encoded.
  return String(text)
    .slice(0, LONGEST)
    .replace(/[\uD800-\uDBFF]$/, '');
}

const LONGEST = 255;

/** A text as an attribute's value: backends refuse or cut long ones, each at another length. */
export function label(text: unknown): string {
  return String(text).slice(0, LONGEST);
}

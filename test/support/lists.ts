/** The one element of a list. Throws where there is none or more than one. */
export function only<T>(list: readonly T[]): T {
  const [element, ...others] = list;
  if (list.length !== 1 || others.length > 0) throw new Error(`expected one element, got ${list.length}`);
  return element as T;
}

/** The last element of a list. Throws where there is none. */
export function last<T>(list: readonly T[]): T {
  const element = list.at(-1);
  if (element === undefined) throw new Error('expected an element, got none');
  return element;
}

/** What `read` gives, or `otherwise` where it throws: a getter or a proxy of a caller may. */
export function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Which worlds are played: `ORACLE_SEEDS=7` that one, `ORACLE_SEEDS=1-20000` all of them. */
export function seedsFor(count: number): number[] {
  const [first = 1, last = first] = (process.env.ORACLE_SEEDS ?? `1-${count}`).split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
